"""Layout of the ``native`` network's output in cells; see :mod:`deep_storm.networks.native`."""

CELLS = 2
"""Cells along one camera pixel."""
FIELDS = 9
"""Channels of one cell."""
BACKGROUND_CHANNEL = CELLS * CELLS * FIELDS
OUTPUTS = BACKGROUND_CHANNEL + 1
REACH_CELLS = 1.5
"""How far from its cell's centre a localization may lie (cells)."""
MIN_SPREAD = 0.02
"""Smallest spread that the network can state (cells, or its scale)."""
