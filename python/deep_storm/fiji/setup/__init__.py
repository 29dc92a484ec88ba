"""Installs our commands into a Fiji, and finds out what is missing there."""
