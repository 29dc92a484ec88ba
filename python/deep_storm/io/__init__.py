"""Files: stacks, tables, cameras, settings and images, and outputs that are whole or not there."""
