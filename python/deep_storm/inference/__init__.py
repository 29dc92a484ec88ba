"""From a stack to localizations and an image."""
