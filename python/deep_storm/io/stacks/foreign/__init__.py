"""Movies of other programs that are not TIFFs."""
