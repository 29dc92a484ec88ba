"""Exponents of pixel values against what they are by definition."""

import numpy as np
import pytest

from deep_storm.estimation.blind.exponents import border_weights, box_sums, measure_exponents


@pytest.mark.parametrize("box", [1, 2, 3, 5])
def test_box_sums_are_sums_over_boxes(box):
    frames = np.random.default_rng(1).integers(0, 9, (2, 7, 8)).astype(np.float32)
    sums = box_sums(frames, box)
    assert sums.shape == (2, 8 - box, 9 - box)
    for y in range(8 - box):
        for x in range(9 - box):
            wanted = frames[:, y : y + box, x : x + box].sum(axis=(1, 2))
            assert np.array_equal(sums[:, y, x], wanted)


@pytest.mark.parametrize("shape", [(9, 17, 40), (4, 16, 16), (6, 33, 18)])
def test_constant_light_has_the_exponents_of_a_constant(shape):
    frames = np.full(shape, 0.25, np.float32)
    weight = np.ones(shape[1:])
    found = measure_exponents([frames, frames], [weight, weight], 1.2, 100.0)
    light = 0.25 * found.scales.box_px.astype(float) ** 2
    assert found.values.size > 3
    np.testing.assert_allclose(found.values, found.scales.s * light, rtol=1e-3)
    np.testing.assert_allclose(found.covariance, 0.0, atol=1e-12)


def test_exponents_are_minus_the_logarithm_of_the_mean():
    rng = np.random.default_rng(2)
    frames = rng.poisson(3.0, (4000, 20, 20)).astype(np.float32)
    found = measure_exponents([frames], [border_weights(20, 20, 1.0)], 1.2, 20.0)
    pixel = found.scales.box_px == 1
    wanted = 3.0 * (1.0 - np.exp(-found.scales.s[pixel]))  # of Poisson's distribution
    error = np.sqrt(np.diag(found.covariance))[pixel]
    assert np.all(np.abs(found.values[pixel] - wanted) < 4.0 * error + 1e-3)
