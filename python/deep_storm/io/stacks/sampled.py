"""A stack's mean, and which of its frames stand for all, read with bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deep_storm.io.stacks.stream import FrameStream

BYTES_AT_A_TIME = 32 << 20


def spread_frames(stream: FrameStream, most: int, max_bytes: int) -> list[int]:
    """Return numbers of frames evenly spread over a stack, from the first to the last.

    Parameters
    ----------
    most
        Frames at most.
    max_bytes
        Of those frames together, about; one is taken in any case.
    """
    count, height, width = stream.shape
    affordable = max(max_bytes // max(height * width * stream.dtype.itemsize, 1), 1)
    return _spread(count, min(count, most, affordable))


def _spread(count: int, wanted: int) -> list[int]:
    chosen: list[int] = np.unique(np.linspace(0, count - 1, wanted).astype(int)).tolist()
    return chosen


def mean_frame(stream: FrameStream, max_bytes: int | None = None) -> npt.NDArray[np.float64]:
    """Return the mean of a stack's frames, leaving out invalid pixels.

    Parameters
    ----------
    stream
        The stack.
    max_bytes
        Read at most about so much, in pieces evenly spread over the stack; default: everything.

    Returns
    -------
    (y, x); 0 where a pixel never had a number.
    """
    count, height, width = stream.shape
    size = max(height * width * stream.dtype.itemsize, 1)
    at_a_time = max(BYTES_AT_A_TIME // max(size, 8 * height * width), 1)
    total, numbers = np.zeros((height, width)), np.zeros((height, width))
    for start, stop in _pieces(count, at_a_time, size, max_bytes):
        frames = stream.read(start, stop)
        if frames.dtype.kind == "f":
            known = np.isfinite(frames)
            total += np.where(known, frames, 0).sum(axis=0, dtype=np.float64)
            numbers += known.sum(axis=0)
        else:
            total += frames.sum(axis=0, dtype=np.float64)
            numbers += stop - start
    return total / np.maximum(numbers, 1)


def _pieces(
    count: int, at_a_time: int, frame_bytes: int, max_bytes: int | None
) -> list[tuple[int, int]]:
    """Return ranges of frames to read."""
    affordable = count if max_bytes is None else max(max_bytes // frame_bytes, 1)
    if affordable >= count:
        starts = range(0, count, at_a_time)
        return [(start, min(start + at_a_time, count)) for start in starts]
    return [(place, place + 1) for place in _spread(count, affordable)]
