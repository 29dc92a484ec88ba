"""Refinement: the network proposes, the physics of the camera and the PSF decides."""
