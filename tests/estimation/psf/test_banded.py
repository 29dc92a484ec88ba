"""Factors of matrices with a band against those of whole ones."""

import numpy as np
import pytest

from deep_storm.estimation.psf.banded import factorize, solve, to_band, variances


@pytest.fixture(params=[(1, 0), (6, 5), (40, 7), (23, 1)], ids=lambda own: f"{own[0]}-{own[1]}")
def matrix(request):
    """A positive definite matrix with its entries near the diagonal."""
    size, reach = request.param
    rng = np.random.default_rng(size)
    lower = np.tril(rng.normal(size=(size, size)))
    lower[np.subtract.outer(np.arange(size), np.arange(size)) > reach] = 0.0
    return lower @ lower.T + np.eye(size)


@pytest.fixture
def shuffled(matrix):
    """That matrix with its rows in disorder, and the order that mends it."""
    order = np.random.default_rng(1).permutation(len(matrix)).astype(np.int64)
    back = np.argsort(order)
    return matrix[np.ix_(back, back)], order


def test_an_order_brings_entries_near_the_diagonal(matrix, shuffled):
    band = to_band(*shuffled)
    reach = band.shape[1] - 1
    assert reach == max(i - j for i, j in np.argwhere(matrix) if i >= j)
    for d in range(reach + 1):
        np.testing.assert_array_equal(band[d:, reach - d], np.diagonal(matrix, -d))


def test_a_factor_solves_what_the_matrix_does(matrix, shuffled):
    band = to_band(*shuffled)
    factorize(band)
    right = np.random.default_rng(2).normal(size=len(matrix))
    found = right.copy()
    solve(band, found)
    np.testing.assert_allclose(matrix @ found, right, atol=1e-10)


def test_variances_are_the_diagonal_of_the_inverse(matrix, shuffled):
    band = to_band(*shuffled)
    factorize(band)
    np.testing.assert_allclose(variances(band), np.diagonal(np.linalg.inv(matrix)), rtol=1e-9)
