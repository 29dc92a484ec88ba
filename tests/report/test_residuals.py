"""The picture of residuals."""

import numpy as np
import pytest

from deep_storm.quality.fits import ResidualPicture
from deep_storm.report.residuals import LIMIT, residuals_figure


def picture(**change):
    rng = np.random.default_rng(4)
    off = rng.normal(0, 1, (32, 48))
    off[16:32, 16:32] *= 3.0
    parts = {
        "frame": 6,
        "corner_px": (0, 0),
        "seen": 20.0 + off,
        "expected": np.full(off.shape, 20.0),
        "off": off,
        "worst_px": (16, 16, 16, 16),
        "emitters": 31,
        "image": np.full((9, 9), 0.02),
        "common": np.full((9, 9), 0.001),
    }
    return ResidualPicture(**{**parts, **change})


def test_frame_model_difference_and_what_emitters_share_are_drawn():
    figure = residuals_figure(picture(), 100.0)
    panels = [axes for axes in figure.axes if axes.images]
    titles = [axes.get_title() for axes in panels]
    assert titles == ["frame 7", "emitters and background", "difference", "31 emitters alone"]
    assert panels[2].images[0].get_clim() == (-LIMIT, LIMIT)
    box = panels[2].patches[-1]
    assert (*box.get_xy(), box.get_width(), box.get_height()) == pytest.approx((1.6, 1.6, 1.6, 1.6))
    np.testing.assert_allclose(panels[3].images[0].get_array(), 0.05)


def test_without_isolated_emitters_there_are_three_pictures():
    figure = residuals_figure(picture(image=None, common=None, emitters=2), 100.0)
    assert sum(bool(axes.images) for axes in figure.axes) == 3
