"""What this computer has, and how fast it is."""
