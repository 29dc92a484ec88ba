"""Small systems of equations within compiled code: Cholesky's factor and its solution.

Calling LAPACK from a kernel takes longer than the sums themselves for a few emitters.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel

Values = npt.NDArray[np.float64]


@kernel(fastmath=True, error_model="numpy")
def decompose(matrix: Values) -> float:
    """Turn a positive definite matrix into its Cholesky factor; return log determinant."""
    size = matrix.shape[0]
    total = 0.0
    for a in range(size):
        for b in range(a + 1):
            value = matrix[a, b]
            for n in range(b):
                value -= matrix[a, n] * matrix[b, n]
            if a == b:
                matrix[a, a] = math.sqrt(max(value, 1e-12))
                total += math.log(matrix[a, a])
            else:
                matrix[a, b] = value / matrix[b, b]
    return 2.0 * total


@kernel(fastmath=True, error_model="numpy")
def solve(factor: Values, right: Values) -> None:
    """Solve with the factor of :func:`decompose`, in place."""
    size = factor.shape[0]
    for a in range(size):
        value = right[a]
        for n in range(a):
            value -= factor[a, n] * right[n]
        right[a] = value / factor[a, a]
    for a in range(size - 1, -1, -1):
        value = right[a]
        for n in range(a + 1, size):
            value -= factor[n, a] * right[n]
        right[a] = value / factor[a, a]
