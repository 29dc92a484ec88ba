"""Stacks of frames: TIFF files and arrays, read lazily, also while they grow."""
