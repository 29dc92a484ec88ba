"""From a network's answer to candidate localizations."""
