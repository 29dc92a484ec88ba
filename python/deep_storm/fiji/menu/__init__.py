"""The menu: which commands there are, and the scripts that are written from them."""
