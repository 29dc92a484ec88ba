"""Medians of each pixel over time: of its values, and of how they scatter against its neighbours.

The values of pixels side by side are gathered together, as they share cache lines, and partitioned
around a pivot until the middle one is in its place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel

Float32 = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

COLUMNS = 16
"""Pixels side by side whose values are gathered together."""


def medians(frames: Float32) -> Float32:
    """Return the median of each pixel over the frames.

    Parameters
    ----------
    frames
        Without NaN, (t, y, x).

    Returns
    -------
    float32 (y, x), as :func:`numpy.median` has it.
    """
    out = np.empty(frames.shape[1:], np.float32)
    _fill_medians(frames, out, np.empty((COLUMNS, len(frames)), np.float32))
    return out


def deviations_from_neighbours(frames: Float32, valid: Mask) -> Float32:
    """Return the median absolute deviation over time of each pixel less its four neighbours' mean.

    Parameters
    ----------
    frames
        Without NaN, (t, y, x).
    valid
        Pixels that count as neighbours, (y, x); nothing is beyond the border.

    Returns
    -------
    float32 (y, x).
    """
    out = np.empty(frames.shape[1:], np.float32)
    gathered = np.empty((COLUMNS, len(frames)), np.float32)
    _fill_deviations(frames, _weights(valid), out, gathered)
    return out


def _weights(valid: Mask) -> Float32:
    """Return what the pixels above, left, right and below count in their mean, (4, y, x)."""
    beside = np.zeros((4, *valid.shape), np.float32)
    beside[0, 1:], beside[1, :, 1:] = valid[:-1], valid[:, :-1]
    beside[2, :, :-1], beside[3, :-1] = valid[:, 1:], valid[1:]
    beside /= np.maximum(beside.sum(axis=0), 1.0)
    return beside


@kernel
def _fill_medians(frames: Float32, out: Float32, gathered: Float32) -> None:
    count, height, width = frames.shape
    for i in range(height):
        for first in range(0, width, COLUMNS):
            last = min(first + COLUMNS, width)
            for t in range(count):
                for j in range(first, last):
                    gathered[j - first, t] = frames[t, i, j]
            for j in range(first, last):
                out[i, j] = _middle(gathered[j - first])


@kernel
def _fill_deviations(frames: Float32, weights: Float32, out: Float32, gathered: Float32) -> None:
    count, height, width = frames.shape
    for i in range(height):
        above, below = max(i - 1, 0), min(i + 1, height - 1)  # beyond the border the weight is 0
        for first in range(0, width, COLUMNS):
            last = min(first + COLUMNS, width)
            for t in range(count):
                frame = frames[t]
                for j in range(first, last):
                    mean = weights[0, i, j] * frame[above, j]
                    mean += weights[1, i, j] * frame[i, max(j - 1, 0)]
                    mean += weights[2, i, j] * frame[i, min(j + 1, width - 1)]
                    mean += weights[3, i, j] * frame[below, j]
                    gathered[j - first, t] = frame[i, j] - mean
            for j in range(first, last):
                line = gathered[j - first]
                middle = _middle(line)
                for t in range(count):
                    line[t] = abs(line[t] - middle)
                out[i, j] = _middle(line)


@kernel
def _middle(line: Float32) -> Any:
    """Return the median of values, which change their places."""
    half = line.size // 2
    upper = _ranked(line, half)
    if line.size % 2 == 1:
        return upper
    lower = line[0]
    for k in range(1, half):
        lower = max(lower, line[k])
    return (lower + upper) * np.float32(0.5)


@kernel
def _ranked(line: Float32, rank: int) -> Any:
    """Bring the value of a rank to its place, with the smaller ones before it; return it."""
    low, high = 0, line.size - 1
    while low < high:
        pivot = line[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while line[i] < pivot:
                i += 1
            while line[j] > pivot:
                j -= 1
            if i <= j:
                line[i], line[j] = line[j], line[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    return line[rank]
