"""Shapes of distributions: mode, several maxima, values at a bound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

MIN_VALUES = 200
BINS = 256
VALLEY = 0.6
"""Two maxima are apart when the density between them falls below this share of the lower one."""
SMALL_PEAK = 0.15
AT_BOUND = 0.01
"""Share of values within a thousandth of an extreme value that says: a bound of the fit."""


def smoothed_density(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a kernel density estimate on a grid: positions and density.

    The bandwidth is Silverman's, from the quartiles.
    """
    low, high = np.quantile(values, [0.001, 0.999])
    quarters = np.quantile(values, [0.25, 0.75])
    spread = min(float(np.std(values)), float(quarters[1] - quarters[0]) / 1.34) or 1.0
    bandwidth = 0.9 * spread * values.size**-0.2
    grid = np.linspace(low - 3 * bandwidth, high + 3 * bandwidth, BINS)
    step = grid[1] - grid[0]
    counts, _ = np.histogram(values, bins=BINS, range=(grid[0] - step / 2, grid[-1] + step / 2))
    reach = np.arange(-BINS // 2, BINS // 2) * step / bandwidth
    kernel = np.exp(-(reach**2) / 2)
    density: FloatArray = np.convolve(counts, kernel / kernel.sum(), mode="same")
    return grid, density


def modes(values: FloatArray) -> list[float]:
    """Return where a distribution has separate maxima; one, or none for too few values."""
    if values.size < MIN_VALUES:
        return []
    grid, density = smoothed_density(values)
    inner = (density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])
    peaks = [int(p) for p in np.flatnonzero(inner) + 1]
    kept: list[int] = []
    for peak in sorted(peaks, key=lambda p: -density[p]):
        if density[peak] < SMALL_PEAK * density.max():
            break
        valleys = [
            float(density[min(peak, k) : max(peak, k) + 1].min()) / density[peak] for k in kept
        ]
        if all(valley < VALLEY for valley in valleys):
            kept.append(peak)
    return [float(grid[p]) for p in sorted(kept)]


def at_bounds(values: FloatArray) -> tuple[bool, bool]:
    """Return whether values pile up at the lower and at the upper end of their range."""
    if values.size < MIN_VALUES:
        return False, False
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return True, True
    margin = 1e-3 * (high - low)
    return (
        float(np.mean(values <= low + margin)) > AT_BOUND,
        float(np.mean(values >= high - margin)) > AT_BOUND,
    )
