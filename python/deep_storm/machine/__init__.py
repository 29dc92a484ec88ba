"""What this computer is, can do, and how fast it does it."""
