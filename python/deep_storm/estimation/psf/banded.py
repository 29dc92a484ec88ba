"""Symmetric matrices with a band: their Cholesky factor, what it solves, and variances.

A matrix has its entries at most ``reach`` columns from the diagonal. It is kept by rows as an array
of shape (n, reach + 1): row ``i`` holds the columns ``i − reach`` to ``i``, whatever lies before
column 0 being unused. All sums run along memory.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SMALLEST = 1e-12
"""What rounding leaves of a diagonal entry, at least (relative)."""


@kernel(fastmath=True)
def to_band(matrix: FloatArray, order: Integers) -> FloatArray:
    """Return the band of a symmetric matrix whose rows are put in an order."""
    size, reach = order.size, 0
    for i in range(size):
        for j in range(i - reach):
            if matrix[order[i], order[j]] != 0.0:
                reach = i - j
                break
    band = np.zeros((size, reach + 1))
    for i in range(size):
        for j in range(max(0, i - reach), i + 1):
            band[i, j - i + reach] = matrix[order[i], order[j]]
    return band


@kernel(fastmath=True)
def factorize(band: FloatArray) -> None:
    """Replace a positive definite matrix by its Cholesky factor, in place."""
    size, reach = band.shape[0], band.shape[1] - 1
    for i in range(size):
        own, first = band[i], max(0, i - reach)
        for j in range(first, i):
            total = own[j - i + reach]
            left = own[first - i + reach : j - i + reach]
            right = band[j, first - j + reach : reach]
            for k in range(j - first):
                total -= left[k] * right[k]
            own[j - i + reach] = total / band[j, reach]
        square, left = own[reach], own[first - i + reach : reach]
        for k in range(i - first):
            square -= left[k] * left[k]
        own[reach] = np.sqrt(max(square, SMALLEST * own[reach]))


@kernel(fastmath=True)
def solve(factor: FloatArray, x: FloatArray) -> None:
    """Solve for a right-hand side, in place."""
    size, reach = factor.shape[0], factor.shape[1] - 1
    for i in range(size):
        count = min(reach, i)
        left, before = factor[i, reach - count : reach], x[i - count : i]
        total = x[i]
        for k in range(count):
            total -= left[k] * before[k]
        x[i] = total / factor[i, reach]
    for i in range(size - 1, -1, -1):
        count = min(reach, i)
        left, before = factor[i, reach - count : reach], x[i - count : i]
        x[i] /= factor[i, reach]
        value = x[i]
        for k in range(count):
            before[k] -= left[k] * value


@kernel(fastmath=True)
def variances(factor: FloatArray) -> FloatArray:
    """Return the diagonal of the inverse.

    Of the inverse only what lies within the band is worked out, from its end on [1]_.

    References
    ----------
    .. [1] A. M. Erisman, W. F. Tinney, "On computing certain elements of the inverse of a sparse
       matrix", Communications of the ACM 18, 177 (1975). https://doi.org/10.1145/360680.360704
    """
    size, reach = factor.shape[0], factor.shape[1] - 1
    inverse = np.zeros((size, 2 * reach + 1))  # row i: columns i − reach to i + reach
    column, found = np.empty(reach), np.empty(size)
    for j in range(size - 1, -1, -1):
        count = min(reach, size - 1 - j)
        scale = 1.0 / factor[j, reach]
        for k in range(count):
            column[k] = factor[j + 1 + k, reach - 1 - k] * scale
        total = scale * scale
        for n in range(count):
            i = j + 1 + n
            own = inverse[i, reach - n : reach - n + count]
            value = 0.0
            for k in range(count):
                value -= column[k] * own[k]
            inverse[i, reach - n - 1] = value
            inverse[j, reach + 1 + n] = value
            total -= column[n] * value
        inverse[j, reach] = total
        found[j] = max(total, 0.0)
    return found
