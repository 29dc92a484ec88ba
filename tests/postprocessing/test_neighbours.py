"""Counts of neighbours against all pairs."""

import numpy as np
import pytest

from deep_storm.postprocessing.neighbours import neighbour_counts


@pytest.mark.parametrize(("n", "extent"), [(400, 300.0), (400, 20.0), (2, 10.0), (1, 1.0)])
def test_counts_are_those_of_all_pairs(n, extent):
    rng = np.random.default_rng(n)
    x, y = rng.uniform(-extent, extent, n), rng.uniform(0.0, 0.2 * extent, n)
    x[-1], y[-1] = x[0], y[0]  # at the same place
    near = np.hypot(x - x[:, None], y - y[:, None]) <= 25.0
    assert np.array_equal(neighbour_counts(x, y, 25.0), near.sum(axis=1) - 1)


def test_a_point_at_exactly_the_radius_counts():
    x, y = np.array([0.0, 10.0, 20.0, 31.0]), np.zeros(4)
    assert neighbour_counts(x, y, 10.0).tolist() == [1, 2, 1, 0]


def test_no_points():
    assert neighbour_counts(np.empty(0), np.empty(0), 10.0).size == 0
