"""From the ``classic`` network's heat map to localizations.

As published: a pixel of the heat map that is the largest of its 3 × 3 neighbours is a localization,
placed at the centre of gravity of those nine. Its score is their sum, as a share of what a single
emitter gives. A plateau counts once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.errors import AnswerError
from deep_storm.extraction.candidates import MAX_ANSWER, Candidates
from deep_storm.kernels import kernel

Float32 = npt.NDArray[np.float32]
MIN_SHARE = 0.02
"""Maxima whose nine pixels hold less than this share of an emitter are dropped."""
TYPICAL_SPREAD_PX = 0.15
"""Spread before calibration; the network states none."""


class HeatMaxima(NamedTuple):
    """Local maxima of a heat map: centre of gravity (super-resolution px) and share, float32."""

    x: Float32
    y: Float32
    share: Float32


@kernel
def _is_maximum(heat: Float32, i: int, j: int) -> bool:
    """Whether no neighbour is larger; of equal ones the first in reading order counts."""
    height, width = heat.shape
    for di in range(-1, 2):
        for dj in range(-1, 2):
            r, c = i + di, j + dj
            if (di == 0 and dj == 0) or r < 0 or c < 0 or r >= height or c >= width:
                continue
            earlier = di < 0 or (di == 0 and dj < 0)
            if heat[r, c] > heat[i, j] or (earlier and heat[r, c] == heat[i, j]):
                return False
    return True


@kernel
def _maxima(
    heat: Float32, top: int, bottom: int, left: int, right: int, amplitude: float
) -> Float32:
    """Collect centre of gravity and share of each local maximum within the given core."""
    height, width = heat.shape
    # No two maxima touch, so every other row and column at most has one; NaN is none.
    out = np.empty(((bottom - top + 1) // 2 * ((right - left + 1) // 2), 3), np.float32)
    count = 0
    for i in range(top, bottom):
        for j in range(left, right):
            if not heat[i, j] > 0.0 or not _is_maximum(heat, i, j):
                continue
            total, at_x, at_y = 0.0, 0.0, 0.0
            for r in range(max(0, i - 1), min(height, i + 2)):
                for c in range(max(0, j - 1), min(width, j + 2)):
                    value = max(0.0, heat[r, c])
                    total += value
                    at_x += value * (c + 0.5)
                    at_y += value * (r + 0.5)
            if not total >= MIN_SHARE * amplitude:
                continue
            out[count, 0] = at_x / total
            out[count, 1] = at_y / total
            out[count, 2] = total / amplitude
            count += 1
    return out[:count]


def heat_maxima(
    heat: Float32, core: tuple[slice, slice], row_sr: int, column_sr: int, amplitude: float
) -> HeatMaxima:
    """Return the local maxima of one tile.

    Parameters
    ----------
    heat
        Heat map of the tile, halo included, ``(y, x)`` super-resolution pixels.
    core
        Rows and columns of the tile that count.
    row_sr, column_sr
        Position of the tile's corner in the frame's heat map.
    amplitude
        Sum of the heat map of a single emitter.

    Raises
    ------
    AnswerError
        A pixel is no usable number.
    """
    rows, columns = core
    if not (heat.max() <= MAX_ANSWER and heat.min() >= -MAX_ANSWER):  # NaN too
        raise AnswerError
    found = _maxima(heat, rows.start, rows.stop, columns.start, columns.stop, amplitude)
    return HeatMaxima(found[:, 0] + column_sr, found[:, 1] + row_sr, found[:, 2].copy())


def read_candidates(maxima: list[HeatMaxima], frame: int, upsampling: int) -> Candidates:
    """Turn the maxima of one frame's tiles into candidate localizations."""
    x, y, share = (np.concatenate(c).astype(np.float32) for c in zip(*maxima, strict=True))
    order = np.lexsort((x, y))
    nothing = np.empty(0, np.float32)
    scale = np.float32(upsampling)
    return Candidates(
        np.full(order.size, frame, np.int64),
        (x[order] / scale).astype(np.float32),
        (y[order] / scale).astype(np.float32),
        np.full(order.size, TYPICAL_SPREAD_PX, np.float32),
        share[order],
        nothing,
        nothing,
        nothing,
    )
