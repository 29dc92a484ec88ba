"""From a network's output to candidate localizations."""
