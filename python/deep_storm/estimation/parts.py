"""Which parts of a stack an estimate is made from: windows of its field, blocks of its frames.

A long or wide stack is not read whole: the statistics of some ten million pixel values are exact
to a percent. What is read is contiguous in time (blocks), because blinking has a memory, and in
space (windows), because emitters are wider than a pixel.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Window = tuple[slice, slice]

MIN_FRAMES = 10
"""Fewer frames do not show how a pixel's value scatters."""
MAX_VALUES = 13_500_000
"""Pixel values that are looked at: 200 frames of 256 × 256."""
MAX_VALUES_AT_A_TIME = 100_000_000
"""Of whole frames, in memory."""
MAX_FRAMES = 1000
BLOCK_FRAMES = 200
SHORTEST_BLOCK = 50
MAX_WINDOW_PX = 320
WINDOW_PX = 256


def windows_of(height: int, width: int) -> list[Window]:
    """Return the whole field if it is small, else up to two windows along each axis."""
    return [(r, c) for r in _spans(height) for c in _spans(width)]


def _spans(length: int) -> list[slice]:
    if length <= MAX_WINDOW_PX:
        return [slice(0, length)]
    if length < 2 * WINDOW_PX:
        start = (length - WINDOW_PX) // 2
        return [slice(start, start + WINDOW_PX)]
    centres = (length // 4, length - length // 4)
    return [slice(c - WINDOW_PX // 2, c + WINDOW_PX // 2) for c in centres]


def area_of(window: Window) -> int:
    """Return the number of pixels of a window."""
    rows, columns = window
    return (rows.stop - rows.start) * (columns.stop - columns.start)


def frame_ranges(frames: int, pixels: int) -> list[tuple[int, int]]:
    """Return blocks of frames, spread evenly over the movie."""
    wanted = int(np.clip(MAX_VALUES // pixels, SHORTEST_BLOCK, MAX_FRAMES))
    if frames <= wanted:
        wanted = frames
    length = min(BLOCK_FRAMES, wanted)
    count = wanted // length
    if count == 1 and frames <= wanted:
        return [(0, frames)]
    starts = np.linspace(0, frames - length, count).round().astype(int)
    if count == 1:
        starts = np.array([(frames - length) // 2])
    return [(int(s), int(s) + length) for s in starts]


def pieces(start: int, stop: int, pixels: int) -> list[tuple[int, int]]:
    """Return parts of a block whose whole frames fit into memory at a time."""
    at_a_time = max(MIN_FRAMES, MAX_VALUES_AT_A_TIME // pixels)
    count = max(1, (stop - start) // at_a_time)
    edges = np.linspace(start, stop, count + 1).round().astype(int)
    return list(pairwise(edges.tolist()))


def segments(block: Float32, length: int) -> list[Float32]:
    """Cut a block into pieces of about ``length`` frames, all of about the same length."""
    count = max(1, round(len(block) / length))
    edges = np.linspace(0, len(block), count + 1).round().astype(int)
    return [block[a:b] for a, b in pairwise(edges.tolist())]
