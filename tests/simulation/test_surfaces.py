"""Uneven background: as uneven and as smooth as asked for, and the same wherever it is cut."""

import numpy as np
import pytest

from deep_storm.simulation.surfaces import MIN_RELATIVE, Surface


def surfaces(unevenness, scale_px, count, size=64):
    rng = np.random.default_rng(5)
    return np.array(
        [Surface.drawn(unevenness, scale_px, rng).over(size, size) for _ in range(count)]
    )


@pytest.mark.parametrize("unevenness", [0.1, 0.3])
def test_mean_and_standard_deviation_over_many_places(unevenness):
    values = surfaces(unevenness, 10.0, 300)
    assert values.mean() == pytest.approx(1.0, abs=0.02)
    assert values.std() == pytest.approx(unevenness, rel=0.08)


def test_a_larger_scale_is_smoother_from_pixel_to_pixel():
    fine, coarse = (np.diff(surfaces(0.3, scale_px, 50), axis=2).std() for scale_px in (8.0, 32.0))
    assert coarse == pytest.approx(fine / 4.0, rel=0.3)


def test_no_place_is_dark():
    assert surfaces(1.0, 10.0, 20).min() >= MIN_RELATIVE - 1e-6


def test_the_corner_of_a_large_field_is_the_small_field():
    surface = Surface.drawn(0.4, 12.0, np.random.default_rng(1))
    np.testing.assert_allclose(surface.over(80, 90)[:20, :30], surface.over(20, 30), rtol=1e-6)
