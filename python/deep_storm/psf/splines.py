"""Cubic B-splines through equidistant values: coefficients and interpolation as matrices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

MIN_CUBIC_PLANES = 4
"""From so many values on a spline is cubic; fewer are interpolated linearly."""


def spline_matrix(count: int) -> FloatArray:
    """Return the matrix from ``count`` (4 or more) values to the coefficients of their B-spline.

    The spline goes through the values and has no knot at the second and the last but one.

    Returns
    -------
    float64 of shape (count + 2, count): one coefficient before the first value, one behind the
    last.
    """
    matrix = np.zeros((count + 2, count + 2))
    rows = np.arange(count)
    for tap, weight in enumerate((1 / 6, 4 / 6, 1 / 6)):
        matrix[rows, rows + tap] = weight
    no_knot = (-1.0, 4.0, -6.0, 4.0, -1.0)  # the jump of the third derivative
    matrix[count, :5] = matrix[count + 1, -5:] = no_knot
    return np.linalg.inv(matrix)[:, :count].astype(np.float64)


def interpolation(at: FloatArray, count: int) -> FloatArray:
    """Return the matrix that interpolates ``count`` equidistant values at some places.

    Parameters
    ----------
    at
        Places in units of the distance between values, shape (n,); beyond the ends the first or
        last value is taken.
    count
        Number of values: 1 (constant), 2 or 3 (linear), or more (cubic B-spline).

    Returns
    -------
    float64 of shape (n, count).
    """
    if count == 1:
        return np.ones((at.size, 1))
    inside: FloatArray = np.clip(at, 0.0, count - 1.0)
    first = np.minimum(inside.astype(np.int64), count - 2)
    rows, t = np.arange(at.size), inside - first
    if count < MIN_CUBIC_PLANES:
        linear = np.zeros((at.size, count))
        linear[rows, first], linear[rows, first + 1] = 1 - t, t
        return linear
    taps = np.zeros((at.size, count + 2))
    weights = ((1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3)
    for tap, weight in enumerate(weights):
        taps[rows, first + tap] = weight / 6
    matrix: FloatArray = taps @ spline_matrix(count)
    return matrix
