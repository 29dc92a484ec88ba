"""Cuts frames into tiles that together give exactly the result of the whole frame.

A tile is a *window* that the network sees, of which only the *core* counts; between the two lies
the halo, as wide as the network's receptive field. Windows start and end at multiples of the
network's alignment, so that its poolings fall on the same pixels as in the whole frame.
"""

from __future__ import annotations

from typing import NamedTuple


class Tile(NamedTuple):
    """One tile, in pixels of the padded frame.

    Attributes
    ----------
    window
        Rows and columns that the network sees.
    core
        Rows and columns of the *frame* that this tile answers for.
    """

    window: tuple[slice, slice]
    core: tuple[slice, slice]

    @property
    def core_in_window(self) -> tuple[slice, slice]:
        """The core, counted from the window's corner."""
        rows, columns = (
            slice(c.start - w.start, c.stop - w.start)
            for c, w in zip(self.core, self.window, strict=True)
        )
        return rows, columns


def padded_size(size_px: int, alignment_px: int) -> int:
    """Round a frame's edge up to the alignment."""
    return -(-size_px // alignment_px) * alignment_px


def plan_tiles(
    height_px: int, width_px: int, tile_px: int, halo_px: int, alignment_px: int
) -> list[Tile]:
    """Plan the tiles of a frame.

    Parameters
    ----------
    height_px, width_px
        Size of the frame.
    tile_px
        Largest edge of a window. A frame that fits is one tile; a window is always larger than
        its two halos.
    halo_px, alignment_px
        Of the network.

    Returns
    -------
    Tiles whose cores cover every pixel of the frame once.
    """
    rows = _plan_axis(height_px, tile_px, halo_px, alignment_px)
    columns = _plan_axis(width_px, tile_px, halo_px, alignment_px)
    return [
        Tile((row_window, column_window), (row_core, column_core))
        for row_window, row_core in rows
        for column_window, column_core in columns
    ]


def _plan_axis(
    size_px: int, tile_px: int, halo_px: int, alignment_px: int
) -> list[tuple[slice, slice]]:
    """Return windows and cores along one axis."""
    padded = padded_size(size_px, alignment_px)
    if padded <= tile_px:
        return [(slice(0, padded), slice(0, size_px))]
    step = _core_px(padded, tile_px, halo_px, alignment_px)
    return [
        (
            slice(max(0, start - halo_px), min(padded, start + step + halo_px)),
            slice(start, min(start + step, size_px)),
        )
        for start in range(0, size_px, step)
    ]


def _core_px(padded_px: int, tile_px: int, halo_px: int, alignment_px: int) -> int:
    """Return the core of the fewest equal windows that are small enough; no halo at the ends."""
    parts = 2
    core = padded_size(-(-padded_px // parts), alignment_px)
    while core + halo_px * min(parts - 1, 2) > tile_px and core > alignment_px:
        parts += 1
        core = padded_size(-(-padded_px // parts), alignment_px)
    return core
