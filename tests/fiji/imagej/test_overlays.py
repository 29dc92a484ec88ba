"""Colours of what is drawn over an image."""

import numpy as np
import pytest

from deep_storm.fiji.imagej.overlays import depth_color, depth_reach_nm
from deep_storm.rendering.palette import palette


@pytest.mark.parametrize(
    ("z_nm", "reach_nm"),
    [([], 300), ([10.0, -40.0], 300), ([-320.0], 300), ([-400.0, 100.0], 600), ([900.0], 1200)],
)
def test_the_scale_of_depths_is_one_of_few(z_nm, reach_nm):
    assert depth_reach_nm(np.array(z_nm)) == reach_nm


def test_depths_are_blue_below_green_in_focus_and_red_above():
    blue, green, red = (depth_color(z, 600.0) for z in (-600.0, 0.0, 600.0))
    assert blue == tuple(palette()[0])
    assert red == tuple(palette()[-1])
    assert max(blue) == blue[2]
    assert max(green) == green[1]
    assert max(red) == red[0]
    assert depth_color(9e3, 600.0) == red
