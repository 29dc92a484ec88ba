"""ImageJ as Python sees it: windows, images, tables, overlays, dialogs."""
