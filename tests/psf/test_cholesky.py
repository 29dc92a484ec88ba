"""Small systems of equations in compiled code."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.psf.cholesky import decompose, solve


@pytest.mark.parametrize("size", [1, 4, 7, 24])
def test_determinant_and_solution_are_those_of_the_matrix(size):
    rng = np.random.default_rng(size)
    slopes = rng.normal(size=(size, size + 5)) * np.geomspace(1e-3, 1e3, size)[:, None]
    matrix, right = slopes @ slopes.T, rng.normal(size=size)
    factor, found = np.triu(matrix), right.copy()
    assert decompose(factor) == pytest.approx(np.linalg.slogdet(matrix)[1], abs=1e-6)
    solve(factor, found)
    scale = np.sqrt(np.diag(matrix))
    np.testing.assert_allclose(matrix @ found / scale, right / scale, atol=1e-7)
