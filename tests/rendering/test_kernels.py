"""Drawing loops on numbers that nobody would draw."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deep_storm.rendering.kernels import add_gaussians, gaussians


@pytest.mark.parametrize("sigma", [0.0, 5e-324, 1e-310, 1e-7, 1e30, np.inf, np.nan, -1.0])
@pytest.mark.parametrize("x", [-1e300, -0.0, 3.0, 4.0 - 1e-12, 8.0, 1e300, np.inf, np.nan])
def test_nothing_is_drawn_outside_the_image(x, sigma):
    image = np.zeros((6, 8))
    places, widths = np.array([x]), np.array([sigma])
    add_gaussians(image, places, np.array([2.0]), widths, np.ones(1))
    assert np.isfinite(image).all()
    assert 0 <= image.sum() < 1.0001
    if 0 <= x < 8 and 0 <= sigma < 1e-6:
        assert image[2, int(x)] == 1.0


def shares(size, centre, sigma):
    edges = [math.erf((k - centre) / (sigma * math.sqrt(2.0))) / 2.0 for k in range(size + 1)]
    return np.diff(edges)


@pytest.mark.parametrize("width", range(1, 11))
@pytest.mark.parametrize("sigma", [0.3, 1.1])
def test_a_gaussian_is_what_it_should_be_at_every_distance_from_a_border(width, sigma):
    """Columns are worked on several at a time, where so many are left."""
    for x in np.arange(-1.2, width + 1.2, 0.7):
        image = np.ones((7, width), np.float32)
        where = np.array([x]), np.array([3.2]), np.array([sigma]), np.array([2.0])
        add_gaussians(image, *where)
        expected = 1.0 + 2.0 * np.outer(shares(7, 3.2, sigma), shares(width, x, sigma))
        assert image == pytest.approx(expected, abs=3e-5)
        bands = np.ones((7, width), np.float32)
        for top, end in ((0, 3), (3, 4), (4, 7)):
            gaussians(bands[top:end], top, *where)
        assert bands.tobytes() == image.tobytes()
