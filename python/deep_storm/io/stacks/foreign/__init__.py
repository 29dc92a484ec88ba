"""Movies of other programs that are no TIFFs."""
