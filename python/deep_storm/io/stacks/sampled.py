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
    places = np.linspace(0, count - 1, min(count, most, affordable))
    chosen: list[int] = np.unique(places.astype(int)).tolist()
    return chosen


def mean_frame(stream: FrameStream) -> npt.NDArray[np.float64]:
    """Return the mean of a stack's frames, leaving out invalid pixels.

    Returns
    -------
    (y, x); 0 where a pixel never had a number.
    """
    count, height, width = stream.shape
    frame_bytes = height * width * max(stream.dtype.itemsize, 8)
    at_a_time = max(BYTES_AT_A_TIME // max(frame_bytes, 1), 1)
    total, numbers = np.zeros((height, width)), np.zeros((height, width))
    for start in range(0, count, at_a_time):
        stop = min(start + at_a_time, count)
        frames = stream.read(start, stop)
        if frames.dtype.kind == "f":
            known = np.isfinite(frames)
            total += np.where(known, frames, 0).sum(axis=0, dtype=np.float64)
            numbers += known.sum(axis=0)
        else:
            total += frames.sum(axis=0, dtype=np.float64)
            numbers += stop - start
    return total / np.maximum(numbers, 1)
