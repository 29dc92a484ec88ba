"""Compiled loops that draw localizations into an image.

Coordinates are in pixels of the whole image, corner rule (the centre of pixel 0 is 0.5), and each
function draws into a band of its rows. What a pixel gets does not depend on how the image is cut
into bands: the same numbers are added in the same order.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import Index, kernel

Values: TypeAlias = npt.NDArray[np.floating[Any]]
Integers: TypeAlias = npt.NDArray[np.integer[Any]]

REACH_SIGMA = 4.5
"""A Gaussian is drawn this far from its centre; 14 in a million of it lie beyond."""
MIN_SIGMA = 1e-6
"""A Gaussian narrower than this many pixels is a point; dividing by its width would overflow."""
STEP = 1 / 512
MIDDLE = 5 * 512
NORMAL = np.array([math.erf(k * STEP / math.sqrt(2)) for k in range(-MIDDLE, MIDDLE + 1)]) / 2 + 0.5
NORMAL[0], NORMAL[-1] = 0.0, 1.0
"""The normal distribution function from −5 to 5: between its entries a straight line is right to
one in ten million, and ten times faster than the function itself."""
AT_A_TIME = 4
"""Columns; what is left of a row would be worked on one by one."""


def add_gaussians(
    image: npt.NDArray[Any], x_px: Values, y_px: Values, sigma_px: Values, weight: Values
) -> None:
    """Add pixel-integrated Gaussians to an image, in place.

    Compiled, and free of the interpreter lock: several threads may draw into images of their own.

    Parameters
    ----------
    image
        (y, x), float32 or float64, changed in place.
    x_px, y_px
        (n,), centres in pixels of the image, corner rule (the centre of pixel 0 is 0.5).
    sigma_px
        (n,), standard deviations in pixels; a Gaussian of 0 falls into one pixel.
    weight
        (n,), sum of each Gaussian.

    Notes
    -----
    Rows that are not finite or have a negative sigma are skipped.
    """
    gaussians(image, 0, x_px, y_px, sigma_px, weight)


@kernel
def gaussians(
    band: npt.NDArray[Any], top: int, x_px: Values, y_px: Values, sigma_px: Values, weight: Values
) -> None:
    """Add Gaussians to a band that begins at row ``top``; see :func:`add_gaussians`."""
    elliptical_gaussians(band, top, x_px, y_px, sigma_px, sigma_px, weight)


@kernel(error_model="numpy")
def elliptical_gaussians(
    band: npt.NDArray[Any],
    top: int,
    x_px: Values,
    y_px: Values,
    sigma_x_px: Values,
    sigma_y_px: Values,
    weight: Values,
) -> None:
    """Add Gaussians of a width along x and one along y, as :func:`gaussians` does."""
    height, width = band.shape
    bottom = top + height
    in_columns = np.empty(width + AT_A_TIME)
    in_rows = np.empty(height)
    for i in range(len(x_px)):
        across, down, y = float(sigma_x_px[i]), float(sigma_y_px[i]), float(y_px[i])
        if max(top - y, y - bottom) > REACH_SIGMA * down:
            continue  # most, where there are many bands
        finite = math.isfinite(x_px[i]) and math.isfinite(y) and math.isfinite(weight[i])
        if not finite or not (0 <= across < math.inf and 0 <= down < math.inf):
            continue
        first, end = _integrate(in_rows, top, bottom, y, down)
        if first == end:
            continue
        left, right = _integrate(in_columns, 0, width, float(x_px[i]), across)
        upper, columns = Index(first - top), Index(right - left)
        whole = (columns + Index(AT_A_TIME - 1)) & ~Index(AT_A_TIME - 1)
        if Index(left) + whole <= Index(width):  # to add nothing takes no longer
            for k in range(columns, whole):
                in_columns[k] = 0.0
            columns = whole
        for row in range(Index(end - first)):
            in_row = weight[i] * in_rows[row]
            for k in range(columns):
                band[upper + row, Index(left) + k] += in_row * in_columns[k]


@kernel(error_model="numpy")
def _integrate(
    shares: Values, first: int, last: int, centre: float, sigma: float
) -> tuple[int, int]:
    """Return the range of pixels from ``first`` to ``last − 1`` that a 1D Gaussian reaches.

    Its shares in these pixels become the first ones of ``shares``.
    """
    is_point = sigma < MIN_SIGMA
    reach = 0.0 if is_point else REACH_SIGMA * sigma
    # Compared as floats first: a far-away centre would overflow an integer.
    if centre + reach < first or centre - reach >= last:
        return first, first
    start = math.floor(max(centre - reach, float(first)))
    end = min(math.floor(min(centre + reach, float(last))) + 1, last)
    if is_point:
        shares[Index(0)] = 1.0
        return start, end
    steps = 1.0 / (sigma * STEP)
    below = _normal(_within_table((start - centre) * steps))
    inner = Index(end - start - 1)
    for k in range(inner):  # their edges lie within reach
        above = _normal((start + k + 1 - centre) * steps + MIDDLE)
        shares[k] = above - below
        below = above
    shares[inner] = _normal(_within_table((end - centre) * steps)) - below
    return start, end


@kernel(inline="always")
def _within_table(place: float) -> float:
    """Return where a number of steps from the mean stands in the table."""
    return min(max(place + MIDDLE, 0.0), 2.0 * MIDDLE - 1e-6)


@kernel(inline="always")
def _normal(from_left: float) -> float:
    """Return the cumulative normal distribution at a place in the table."""
    left = np.int32(from_left)
    lower, upper = NORMAL[Index(left)], NORMAL[Index(left) + Index(1)]
    return float(lower + (from_left - left) * (upper - lower))


@kernel
def triangles(
    band: npt.NDArray[Any], top: int, column: Integers, row: Integers, bins: int, weight: Values
) -> None:
    """Add the kernel of an average shifted histogram of ``bins`` pixels around each pixel given.

    The mean of all ``bins²`` histograms whose bins are ``bins`` pixels wide, each shifted by whole
    pixels, is a triangle along each axis: ``(bins − |k|) / bins²`` at a distance of k pixels.
    With one bin that is the plain histogram.
    """
    height, width = band.shape
    share = 1.0 / (bins * bins)
    for i in range(len(column)):
        for y in range(max(row[i] - bins + 1, top), min(row[i] + bins, top + height)):
            in_row = weight[i] * (bins - abs(y - row[i])) * share
            for x in range(max(column[i] - bins + 1, 0), min(column[i] + bins, width)):
                band[y - top, x] += in_row * (bins - abs(x - column[i])) * share
