"""Beads in an image: which there are, which stand alone, and which are saturated."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, gaussian_filter, maximum_filter
from scipy.spatial import cKDTree

from deep_storm.robust import robust_std

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MIN_SIGNIFICANCE = 8.0
MIN_BRIGHTNESS = 0.05
"""A bead has at least this share of the brightest one's height;"""
MIN_NEIGHBOUR = 0.1
"""what has this share of a bead's height beside it disturbs it."""
APART = 1.5
"""Beads stand alone when the next one is farther away than so many times half the window."""
FLAT_PIXELS = 2
"""So many pixels with the largest value of the whole stack make a bead saturated."""


CLIPPED, ROUNDS = 2.5, 8
"""What lies so many deviations above a smooth background is light of beads; rounds to find it."""
MAX_FITTED = 100_000
"""Pixels that a background is fitted to."""


class Beads(NamedTuple):
    """Beads of an image.

    Attributes
    ----------
    row, column
        Brightest pixel of each, int64 of shape (n,).
    height
        Photoelectrons there, blurred, above the background.
    """

    row: Integers
    column: Integers
    height: FloatArray

    def chosen(self, which: Flags | Integers) -> Beads:
        """Return a subset of the beads."""
        return Beads(self.row[which], self.column[which], self.height[which])


def smooth_background(mean: FloatArray, where: Flags | None = None) -> FloatArray:
    """Return the background of an image of beads: a polynomial of second degree along y and x.

    Light of a lamp, or of a tilted field, is as uneven. Pixels with beads are left out in rounds.

    Parameters
    ----------
    mean
        float64 of shape (y, x).
    where
        Pixels to fit it to, bool of shape (y, x); default: all.
    """
    height, width = mean.shape
    y, x = np.linspace(-1.0, 1.0, height)[:, None], np.linspace(-1.0, 1.0, width)[None, :]
    powers = (np.ones_like(x), x, y, x * x, x * y, y * y)
    some = np.arange(mean.size) if where is None else np.flatnonzero(where)
    row, column = np.divmod(some[:: max(some.size // MAX_FITTED, 1)], width)
    known = np.stack([np.broadcast_to(power, mean.shape)[row, column] for power in powers])
    seen = mean[row, column]
    off = seen - np.median(seen)
    coefficients: FloatArray = np.zeros(len(powers))
    for _ in range(ROUNDS):
        spread = robust_std(off)
        dark = off <= np.median(off) + CLIPPED * spread
        solved = np.linalg.lstsq(known[:, dark].T, seen[dark], rcond=None)[0]
        coefficients = solved.astype(np.float64)
        off = seen - coefficients @ known
    background = np.zeros(mean.shape)
    for coefficient, power in zip(coefficients, powers, strict=True):
        background += coefficient * power
    return background


def away_from(beads: Beads, shape: tuple[int, ...], distance_px: float) -> Flags:
    """Return which pixels are farther than this from all beads."""
    away = np.ones(shape, bool)
    away[beads.row, beads.column] = False
    return np.asarray(distance_transform_edt(away) > distance_px)


def find_beads(mean: FloatArray, sigma_px: float) -> Beads:
    """Return the maxima of an image that stand out, the brightest first."""
    blurred = gaussian_filter(mean, sigma_px)
    level = float(np.median(blurred))
    noise = robust_std(blurred, level)
    light = blurred - level
    least = max(MIN_SIGNIFICANCE * noise, MIN_BRIGHTNESS * float(light.max()))
    around = maximum_filter(light, 2 * math.ceil(sigma_px) + 1)
    row, column = np.nonzero((light == around) & (light > least))
    order = np.argsort(-light[row, column])
    row, column = row[order].astype(np.int64), column[order].astype(np.int64)
    return Beads(row, column, light[row, column])


def too_close(beads: Beads, distance_px: float) -> Flags:
    """Return which beads have a neighbour that is bright enough to disturb them."""
    close = np.zeros(beads.row.size, bool)
    tree = cKDTree(np.stack([beads.row, beads.column], axis=1))
    for a, b in tree.query_pairs(distance_px):
        close[a] |= beads.height[b] > MIN_NEIGHBOUR * beads.height[a]
        close[b] |= beads.height[a] > MIN_NEIGHBOUR * beads.height[b]
    return close


def saturated_beads(beads: Beads, values: npt.NDArray[np.generic], sigma_px: float) -> Flags:
    """Return which beads have saturated pixels in any frame."""
    largest = values.max()
    flat = values == largest
    at_end = np.issubdtype(values.dtype, np.integer) and largest == np.iinfo(values.dtype.str).max
    reach = math.ceil(2.0 * sigma_px)
    saturated = np.zeros(beads.row.size, bool)
    for k, (row, column) in enumerate(zip(beads.row, beads.column, strict=True)):
        rows, columns = (slice(max(at - reach, 0), at + reach + 1) for at in (row, column))
        most = int(flat[:, rows, columns].sum(axis=(1, 2)).max())
        saturated[k] = most >= (1 if at_end else FLAT_PIXELS)
    return saturated
