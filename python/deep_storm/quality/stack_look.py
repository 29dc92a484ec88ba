"""An overview of a stack: its mean, a few frames, brightness over time, saturated pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.io.stacks.stream import FrameStream

MAX_BYTES = 48 << 20
BAND_VALUES = 1_000_000
"""Of a frame in double precision at a time."""
MAX_FRAMES = 200
EXAMPLES = 2
FULL_WELLS = tuple(2**bits - 1 for bits in (8, 10, 11, 12, 14, 15, 16))
SATURATED_SHARE = 1e-6


@dataclass(frozen=True, eq=False)
class StackLook:
    """An overview of a stack, from some evenly spaced frames.

    Attributes
    ----------
    name, shape, dtype
        Of the stack; (t, y, x).
    pixel_size_nm
        As the file has it, or None.
    mean
        (y, x), mean of the frames that were read.
    examples
        (n, y, x), a few of them.
    frames
        (m,), 0-based numbers of the frames that were read.
    level_adu
        (m,), the mean pixel value of each.
    saturated_frames
        How many of them have pixels at the end of the camera's range.
    """

    name: str
    shape: tuple[int, int, int]
    dtype: str
    pixel_size_nm: float | None
    mean: npt.NDArray[np.float64]
    examples: npt.NDArray[Any]
    frames: npt.NDArray[np.int64]
    level_adu: npt.NDArray[np.float64]
    saturated_frames: int


def look_at(stream: FrameStream, first: int = 0, stop: int | None = None) -> StackLook:
    """Read some frames of a stack.

    Parameters
    ----------
    stream
        The stack.
    first, stop
        Range of frames that counts, 0-based; default: all.

    Raises
    ------
    StackError
        A frame cannot be read.
    """
    count, height, width = stream.shape
    stop = count if stop is None else stop
    size = max(height * width * stream.dtype.itemsize, 1)
    affordable = max(EXAMPLES, min(MAX_FRAMES, MAX_BYTES // size, stop - first))
    chosen = np.unique(np.linspace(first, stop - 1, affordable).astype(np.int64))
    total = np.zeros((height, width))
    levels = np.zeros(len(chosen))
    examples, saturated = [], 0
    wanted = set(np.linspace(0, len(chosen) - 1, EXAMPLES + 2).astype(int)[1:-1].tolist())
    for number, frame in enumerate(chosen.tolist()):
        picture = stream.read(frame, frame + 1)[0]
        levels[number] = _add(picture, total) / picture.size
        saturated += _is_saturated(picture)
        if number in wanted:
            examples.append(picture)
    return StackLook(
        stream.name,
        stream.shape,
        str(stream.dtype),
        stream.pixel_size_nm,
        total / len(chosen),
        np.array(examples),
        chosen,
        levels,
        saturated,
    )


def _add(picture: npt.NDArray[Any], total: npt.NDArray[np.float64]) -> float:
    """Add a frame to a sum of frames, in bands of rows; return the sum of its pixels."""
    rows, level = max(BAND_VALUES // max(picture.shape[1], 1), 1), 0.0
    for top in range(0, len(picture), rows):
        band = picture[top : top + rows].astype(np.float64)
        np.nan_to_num(band, copy=False, posinf=0, neginf=0)
        total[top : top + rows] += band
        level += float(band.sum())
    return level


def _is_saturated(picture: npt.NDArray[Any]) -> bool:
    """Return whether pixels have the largest value of a camera's converter."""
    largest = picture.max()
    if largest not in FULL_WELLS:
        return False
    return int(np.count_nonzero(picture == largest)) > max(1, SATURATED_SHARE * picture.size)
