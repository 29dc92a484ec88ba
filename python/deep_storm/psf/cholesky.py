"""Small systems of equations within compiled code: Cholesky's factor and its solution.

Calling LAPACK from a kernel takes longer than the sums themselves for a few emitters.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.elementary import logarithm
from deep_storm.kernels import Index, kernel

Values = npt.NDArray[np.float64]

MIN_PIVOT = 1e-12


@kernel(fastmath=True, error_model="numpy")
def decompose(matrix: Values) -> float:
    """Turn a positive definite matrix into its Cholesky factor; return log determinant.

    What is on and above the diagonal is read, and replaced: all loops run along rows.
    """
    size = Index(matrix.shape[0])
    total = 0.0
    for k in range(size):
        pivot = max(matrix[k, k], MIN_PIVOT)
        total += logarithm(pivot)
        inverse = 1.0 / math.sqrt(pivot)
        matrix[k, k] = pivot
        for b in range(k, size):
            matrix[k, b] *= inverse
        for a in range(k + Index(1), size):
            factor = matrix[k, a]
            for b in range(a, size):
                matrix[a, b] -= factor * matrix[k, b]
    return total


@kernel(fastmath=True, error_model="numpy")
def solve(factor: Values, right: Values) -> None:
    """Solve with the factor of :func:`decompose`, in place."""
    size = Index(factor.shape[0])
    for a in range(size):
        value = right[a] / factor[a, a]
        right[a] = value
        for b in range(a + Index(1), size):
            right[b] -= value * factor[a, b]
    for k in range(size):
        a = size - Index(1) - k
        value = right[a]
        for b in range(a + Index(1), size):
            value -= factor[a, b] * right[b]
        right[a] = value / factor[a, a]
