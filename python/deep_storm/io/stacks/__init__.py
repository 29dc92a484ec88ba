"""Stacks of frames: TIFF files and arrays, opened lazily, also while they grow."""
