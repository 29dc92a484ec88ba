"""The PSF of a microscope, measured on a movie or on images of beads."""
