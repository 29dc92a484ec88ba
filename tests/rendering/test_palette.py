"""Hues of values."""

import numpy as np

from deep_storm.rendering.palette import palette


def test_the_palette_runs_from_blue_to_red_at_equal_lightness():
    colours = palette().astype(float)
    assert colours.shape == (256, 3)
    assert colours[0].argmax() == 2
    assert colours[-1].argmax() == 0
    assert len(np.unique(palette(), axis=0)) > 200
