"""What the camera is like: baseline and noise of dark frames and dark parts."""
