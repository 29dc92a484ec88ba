"""Drawing loops on numbers that nobody would draw."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.rendering.kernels import add_gaussians


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
