"""Pixels that become hot, or recover, in the course of a movie.

Such a pixel jumps at one moment, stays there in every frame, and its neighbours have nothing of it.
What molecules add to a pixel comes and goes, and is as wide as the PSF: a mean of frames is never
sharper, whatever they do.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.robust import robust_std

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MIN_FRAMES = 12
"""Of each side of the jump."""
JUMP_SIGMAS = 8.0
"""So many standard errors the two sides of the best jump differ at least: of all moments, the one
that chance likes best is tried."""
STEADY_QUANTILE, STEADY = 0.15, 0.3
"""That quantile of the values after the jump lies at this share of the jump at least."""
USUAL_QUANTILES = (0.05, 0.95)
"""Values beyond are cut off, so that a molecule or a cosmic ray is no jump."""
AROUND_PX, SIDES = 2, 4
SHARPEST_PSF = 0.25
"""Median light of the four neighbours over that of the pixel: a PSF of 0.6 pixels has 0.31."""


def hot_part(values: FloatArray) -> slice | None:
    """Return when a pixel is hot, if it jumps once and stays there before or after.

    Parameters
    ----------
    values
        Of the pixel, less what its neighbours have in the same frame, in the order of time, (t,).

    Returns
    -------
    Those values; None where there is no such jump.
    """
    count = values.size
    if count < 2 * MIN_FRAMES:
        return None
    usual = np.clip(values, *np.quantile(values, USUAL_QUANTILES))
    before = np.arange(1, count)
    after = count - before
    total = np.cumsum(usual)
    apart = (total[-1] - total[:-1]) / after - total[:-1] / before
    weighed = np.abs(apart) * np.sqrt(before * after / count)
    weighed[np.minimum(before, after) < MIN_FRAMES] = 0.0
    at = int(np.argmax(weighed)) + 1
    sides = (slice(0, at), slice(at, count))
    levels = [float(np.median(values[side])) for side in sides]
    one, other = (1, 0) if levels[1] > levels[0] else (0, 1)
    height = levels[one] - levels[other]
    scatter = max(
        robust_std(values[side], level) for side, level in zip(sides, levels, strict=True)
    )
    if height <= JUMP_SIGMAS * scatter * math.sqrt(count / (at * (count - at))):
        return None
    low = float(np.quantile(values[sides[one]], STEADY_QUANTILE)) - levels[other]
    return sides[one] if low > STEADY * height else None


def turned(frames: npt.NDArray[np.generic], candidates: Mask, bad: Mask) -> Mask:
    """Return those of some pixels that become hot, or recover from it.

    Parameters
    ----------
    frames
        ADU, (t, y, x); NaN where there is no measurement.
    candidates
        Pixels that are looked at, (y, x).
    bad
        Pixels that do not count as neighbours, (y, x).
    """
    found = np.zeros(candidates.shape, dtype=bool)
    for y, x in np.argwhere(candidates).tolist():
        rows = slice(max(y - AROUND_PX, 0), y + AROUND_PX + 1)
        columns = slice(max(x - AROUND_PX, 0), x + AROUND_PX + 1)
        around = frames[:, rows, columns].astype(np.float64)
        around[:, bad[rows, columns]] = np.nan
        found[y, x] = _turns(around, y - rows.start, x - columns.start)
    return found


def _turns(around: FloatArray, row: int, column: int) -> bool:
    """Return whether a pixel turns hot or recovers; ``around``: its surroundings, (t, y, x)."""
    y, x = np.indices(around.shape[1:])
    away = np.maximum(np.abs(y - row), np.abs(x - column))
    own, beside = around[:, row, column], around[:, away == 1]
    known = np.isfinite(own) & np.isfinite(beside).any(axis=1)
    values = own[known] - np.nanmedian(beside[known], axis=1)
    hot = hot_part(values)
    if hot is None:
        return False
    level = around[known][hot].mean(axis=0)
    level -= np.nanmin(level)
    next_to = level[np.abs(y - row) + np.abs(x - column) == 1]
    next_to = next_to[np.isfinite(next_to)]
    if not next_to.size:
        return False
    # at the border, what would be a neighbour may be the brightest one
    light = np.median(next_to) if next_to.size == SIDES else next_to.max()
    return bool(light < SHARPEST_PSF * level[row, column])
