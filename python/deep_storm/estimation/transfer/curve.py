"""Noise against brightness, in frames full of molecules.

Values of high-pass filtered frames (:mod:`~deep_storm.estimation.transfer.high_pass`) are sorted
into bins of their level; the variance in each bin, over the level, is the noise curve [1]_.

References
----------
.. [1] J. R. Janesick, "Photon Transfer" (SPIE, 2007). https://doi.org/10.1117/3.725073
"""

from __future__ import annotations

from math import nan
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.transfer.high_pass import GROUPS, Filtered
from deep_storm.kernels import kernel

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

CLIP_SIGMAS = 4.0
BIN_WIDTH_SIGMAS = 8.0
"""A bin is wide against the noise of the level itself, so that sorting by it does not matter."""
BIN_WIDTH_SHARE = 0.25
MAX_BINS = 200
MIN_VALUES_IN_BIN = 100
SAME_BRIGHTNESS_SIGMAS = 2.0
ROUNDS = 6
DARK_SHARE = 0.05
"""The darkest bin that counts holds at least this share of the values."""
MIN_BINS_FOR_CURVATURE = 4
MIN_GAIN = 1.0
"""How much better than a line a parabola fits before it is believed; the errors are generous."""
SHAPE_ERROR = 0.02
"""Relative error of a bin that no number of values makes smaller."""
BIWEIGHT = 4.685
TRUST_STANDS = 1e-6
"""When no bin's weight changes by more, neither does the solution."""
FLOOR = 0.3
"""Share of the noise of the darkest part below which no expectation goes."""


class Rise(NamedTuple):
    """How variance (ADU²) rises with level (ADU): a parabola that opens upwards, or a line.

    Light makes it a line. What the filter leaves of molecules, and pixels whose gain differs, add
    variance that goes with the square of the light.

    Attributes
    ----------
    dark_adu
        Level of the darkest part.
    variance_adu2, slope, curvature
        Variance there, and per ADU and per ADU² above it.
    """

    dark_adu: float
    variance_adu2: float
    slope: float
    curvature: float = 0.0

    def at(self, level_adu: float) -> float:
        """Return the variance at a level."""
        above = level_adu - self.dark_adu
        return self.variance_adu2 + (self.slope + self.curvature * max(above, 0.0)) * above


class NoiseCurve(NamedTuple):
    """Noise against brightness.

    Attributes
    ----------
    level_adu, variance_adu2
        Mean of each group of frames and bin of brightness, (groups, bins).
    counts
        Values in each, (groups, bins).
    """

    level_adu: FloatArray
    variance_adu2: FloatArray
    counts: FloatArray

    def pooled(self, left_out: int | None = None) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return level, variance and count of each bin over all groups, or all but one."""
        weight = self.counts.copy()
        if left_out is not None:
            weight[left_out] = 0.0
        total = np.maximum(weight.sum(axis=0), 1.0)
        level = (weight * self.level_adu).sum(axis=0) / total
        variance = (weight * self.variance_adu2).sum(axis=0) / total
        return level, variance, weight.sum(axis=0)


def noise_curve(part: Filtered) -> tuple[NoiseCurve, Rise] | None:
    """Measure noise against brightness, and lay a curve through it.

    Values beyond four standard deviations are left out (molecules, cosmic rays); what is expected
    there follows from the curve, so both are found in turn.

    Parameters
    ----------
    part
        Filtered frames.

    Returns
    -------
    The curve and its rise, whose slope is NaN where the brightness hardly varies; None where there
    are too few values.
    """
    levels = _thinned(part.level[:, part.used])
    squares = _thinned(part.residual[:, part.used]) ** 2
    known = np.isfinite(levels) & np.isfinite(squares)
    levels, squares = levels[known], squares[known]
    if levels.size < 2 * MIN_VALUES_IN_BIN:
        return None
    rise, floor = _first_rise(levels, squares)
    ends = float(np.quantile(levels, 0.002)), float(levels.max())
    share = part.level_share * (0.5 if part.change.size else 1.0)
    curve = None
    for _ in range(ROUNDS):
        curve = _binned(part, _edges(*ends, rise, floor, share), rise, floor)
        if np.count_nonzero(curve.counts.sum(axis=0) >= MIN_VALUES_IN_BIN) < 2:
            return curve, rise._replace(slope=nan)
        last, rise = rise, fit_rise(*curve.pooled())
        if abs(rise.slope - last.slope) < 1e-3 * abs(last.slope):
            break
    return None if curve is None else (curve, rise)


def _thinned(values: Float32) -> FloatArray:
    flat = values.ravel()
    return flat[:: max(1, flat.size // 500_000)].astype(np.float64)


def _first_rise(levels: FloatArray, squares: FloatArray) -> tuple[Rise, float]:
    """Return a line through the dark and the bright part, and the least variance to expect."""
    dark, bright = levels <= np.quantile(levels, 0.3), levels >= np.quantile(levels, 0.98)
    low, high = (max(float(np.median(squares[s])) / 0.455, 1e-6) for s in (dark, bright))
    apart = float(levels[bright].mean() - levels[dark].mean())
    slope = max(high - low, 0.0) / apart if apart > 0 else 0.0
    return Rise(float(levels[dark].mean()), low, slope), FLOOR * low


def _edges(low: float, high: float, rise: Rise, floor: float, share: float) -> FloatArray:
    """Return the edges of bins that are wide against noise, and wider where it is brighter."""
    edges: list[float] = []
    end = low
    while end < high and len(edges) < MAX_BINS:
        variance = max(rise.at(end), floor)
        end += max(BIN_WIDTH_SIGMAS * np.sqrt(share * variance), BIN_WIDTH_SHARE * (end - low))
        edges.append(end)
    return np.array(edges[:-1])


def _binned(part: Filtered, edges: FloatArray, rise: Rise, floor: float) -> NoiseCurve:
    sums = np.zeros((3, GROUPS, edges.size + 1))
    same = SAME_BRIGHTNESS_SIGMAS**2 * 2.0 * part.level_share
    limits = (*rise, floor, CLIP_SIGMAS**2, same)
    _add_up(part.residual, part.level, part.change, part.group, part.used, edges, limits, sums)
    counts = np.maximum(sums[0], 1.0)
    # a normal distribution that is cut off at four standard deviations has lost 0.1 %
    return NoiseCurve(sums[1] / counts, sums[2] / counts / 0.9989, sums[0])


@kernel
def _add_up(
    residual: Float32,
    level: Float32,
    change: Float32,
    group: Integers,
    used: Mask,
    edges: FloatArray,
    limits: tuple[float, float, float, float, float, float, float],
    sums: FloatArray,
) -> None:
    """Add count, level and square of each value to its group and bin of ``sums``."""
    dark, variance, slope, curvature, floor, clip, same = limits
    paired = change.size > 0
    for t in range(residual.shape[0]):
        g = group[t]
        for i in range(residual.shape[1]):
            for j in range(residual.shape[2]):
                if not used[i, j]:
                    continue
                m = level[t, i, j]
                square = residual[t, i, j] * residual[t, i, j]
                above = m - dark
                expected = max(variance + (slope + curvature * max(above, 0.0)) * above, floor)
                if not square < clip * expected:
                    continue
                if paired and change[t, i, j] * change[t, i, j] > same * expected:
                    continue
                k = np.searchsorted(edges, m)
                sums[0, g, k] += 1.0
                sums[1, g, k] += m
                sums[2, g, k] += square


def fit_rise(level: FloatArray, variance: FloatArray, counts: FloatArray) -> Rise:
    """Fit a parabola that opens upwards to the bins of a curve; bins that lie off it count less.

    Parameters
    ----------
    level, variance, counts
        Of each bin.
    """
    filled = counts >= MIN_VALUES_IN_BIN
    if np.count_nonzero(filled) < 2:
        filled = counts > 0
    x, y, n = level[filled], np.maximum(variance[filled], 1e-9), counts[filled]
    order = np.argsort(x)
    x, y, n = x[order], y[order], n[order]
    dark = float(x[int(np.argmax(np.cumsum(n) >= DARK_SHARE * n.sum()))])
    width = float(x[-1] - x[0])
    if x.size < 2 or width <= 0.0:
        return Rise(dark, float(np.average(y, weights=n)), nan)
    above = (x - dark) / width
    error = np.sqrt(8.0 / n + SHAPE_ERROR**2)
    terms = np.stack([np.ones_like(above), above, above * np.maximum(above, 0.0)], axis=1)
    (level, slope), off = _robust(terms[:, :2], y, error)
    if x.size >= MIN_BINS_FOR_CURVATURE:
        bent, less_off = _robust(terms, y, error)
        if bent[2] > 0.0 and off - less_off > MIN_GAIN:
            return Rise(dark, float(bent[0]), float(bent[1]) / width, float(bent[2]) / width**2)
    return Rise(dark, float(level), float(slope) / width)


def _robust(design: FloatArray, values: FloatArray, error: FloatArray) -> tuple[FloatArray, float]:
    """Fit by least squares in which outlying values count less (biweight).

    Parameters
    ----------
    design, values
        Linear model, (n, k) and (n,).
    error
        Of each value, relative to what is expected.

    Returns
    -------
    The solution, and how far off the values are: the sum of the biweight's losses, each of which is
    about the square of the error that is left, and at most seven.
    """
    floor = 1e-3 * float(values.max())
    expected, trust = values, np.ones_like(values)
    solution = np.zeros(design.shape[1])
    apart = np.zeros_like(values)
    for _ in range(30):
        root = np.sqrt(trust) / (np.maximum(expected, floor) * error)
        found = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
        solution = np.asarray(found, dtype=np.float64)
        expected = design @ solution
        apart = (values - expected) / (np.maximum(expected, floor) * error)
        before = trust
        trust = np.where(np.abs(apart) < BIWEIGHT, (1.0 - (apart / BIWEIGHT) ** 2) ** 2, 1e-6)
        if np.abs(trust - before).max() < TRUST_STANDS:
            break
    within = np.minimum((apart / BIWEIGHT) ** 2, 1.0)
    return solution, float(np.sum(BIWEIGHT**2 / 3.0 * (1.0 - (1.0 - within) ** 3)))
