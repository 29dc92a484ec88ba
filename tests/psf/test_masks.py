"""Phase masks do what they are known for."""

import numpy as np
import pytest

from deep_storm.psf.precision import cramer_rao
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil

PUPIL = {"numerical_aperture": 1.4, "wavelength_nm": 670.0}


def images(z_nm, **mask):
    return pupil_table(
        Pupil(**PUPIL, **mask), 110.0, z_nm, samples_per_px=2, radius_px=18, refocused=False
    )


def direction(image):
    """Return the angle of the line through both spots, and how elongated the image is."""
    edge = len(image) // 2
    y, x = np.mgrid[-edge : edge + 1, -edge : edge + 1]
    light = np.where(image > 0.3 * image.max(), image, 0.0)
    light = light / light.sum()
    x, y = x - np.sum(light * x), y - np.sum(light * y)
    cross, even = 2 * np.sum(light * x * y), np.sum(light * (x**2 - y**2))
    return 0.5 * np.arctan2(cross, even), np.hypot(cross, even) / np.sum(light * (x**2 + y**2))


def test_two_spots_turn_with_depth():
    table = images(np.linspace(-600.0, 600.0, 7), phase_mask="double helix")
    angles, lengths = zip(*map(direction, table.values.astype(float)), strict=True)
    assert min(lengths) > 0.5
    turned = np.unwrap(np.array(angles), period=np.pi)
    steps = np.diff(turned)
    assert abs(turned[-1] - turned[0]) > np.pi / 4
    assert (np.sign(steps) == np.sign(steps[0])).all()


@pytest.mark.parametrize("mask", ["double helix", "tetrapod"])
def test_depth_is_told_over_a_range_where_astigmatism_fails(mask):
    z_nm = np.linspace(-1200.0, 1200.0, 13)
    masked = cramer_rao(images(z_nm, phase_mask=mask), z_nm[1:-1], 3500.0, 15.0).z
    plain = cramer_rao(images(z_nm, astigmatism_waves=0.1), z_nm[1:-1], 3500.0, 15.0).z
    assert masked.max() < plain.max()
    assert masked.max() < 40.0


def test_no_light_is_lost_in_a_mask():
    z_nm = np.zeros(1)
    plain, masked = (images(z_nm, phase_mask=mask) for mask in ("none", "tetrapod"))
    assert masked.share_within[0] == pytest.approx(plain.share_within[0], abs=0.05)
