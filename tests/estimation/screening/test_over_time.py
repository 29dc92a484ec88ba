"""Medians over time against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from deep_storm.estimation.screening.over_time import deviations_from_neighbours, medians

BESIDE = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], float)


@pytest.mark.parametrize("count", [1, 2, 37, 38])
@pytest.mark.parametrize("edge", [3, 45])
def test_medians_are_those_of_numpy(rng, count, edge):
    shape = count, 7, edge
    for frames in (rng.normal(100, 5, shape), rng.poisson(3, shape), np.ones(shape)):
        values = frames.astype(np.float32)
        np.testing.assert_array_equal(medians(values), np.median(values, axis=0))


@pytest.mark.parametrize("count", [20, 21])
def test_deviations_leave_out_what_is_no_neighbour(rng, count):
    frames = rng.poisson(100, (count, 9, 35)).astype(np.float32)
    valid = rng.random((9, 35)) > 0.3
    valid[:3, :3] = False  # whose pixels have no neighbour at all
    found = np.maximum(ndimage.convolve(valid.astype(float), BESIDE, mode="constant"), 1.0)
    apart = np.array(
        [f - ndimage.convolve(f * valid, BESIDE, mode="constant") / found for f in frames]
    )
    expected = np.median(np.abs(apart - np.median(apart, axis=0)), axis=0)
    np.testing.assert_allclose(
        deviations_from_neighbours(frames, valid), expected, rtol=1e-5, atol=1e-4
    )
