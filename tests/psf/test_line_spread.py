"""The image of a line through a PSF."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from deep_storm.psf.line_spread import gaussian_line_square_per_px, line_square_per_px

SAMPLES = 4


def gaussian(sigma_px, radius_px=10):
    at = np.arange(-radius_px * SAMPLES, radius_px * SAMPLES + 1) / SAMPLES
    profile = np.exp(-0.5 * (at / sigma_px) ** 2)
    return np.outer(profile, profile)


@pytest.mark.parametrize(("sigma_px", "smoothing_px"), [(1.0, 0.0), (1.3, 0.7), (2.0, 0.7)])
def test_a_gaussian_has_that_of_its_formula(sigma_px, smoothing_px):
    expected = gaussian_line_square_per_px(math.hypot(sigma_px, smoothing_px))
    found = line_square_per_px(gaussian(sigma_px), SAMPLES, smoothing_px)
    assert found == pytest.approx(expected, rel=0.005)


def test_of_a_gaussian_it_is_the_integral_of_its_square():
    at = np.linspace(-10.0, 10.0, 4001)
    profile = np.exp(-0.5 * (at / 1.3) ** 2) / (1.3 * math.sqrt(2.0 * math.pi))
    assert gaussian_line_square_per_px(1.3) == pytest.approx(np.sum(profile**2) * (at[1] - at[0]))


def test_it_is_how_uneven_lines_in_all_directions_are():
    """Lines through a PSF with a skirt and an astigmatic core."""
    skirt = gaussian(3.0, 14)
    core = np.zeros_like(skirt)
    core[16:-16, 16:-16] = gaussian(1.0)
    core = gaussian_filter(core, (6.0, 0.0))
    values = 0.6 * core / core.sum() + 0.4 * skirt / skirt.sum()
    squares = []
    at = np.arange(-56, 57) / SAMPLES
    y, x = np.meshgrid(at, at, indexing="ij")
    for angle in np.arange(36) * np.pi / 36:
        across = x * np.cos(angle) + y * np.sin(angle)
        profile, _ = np.histogram(across, np.arange(-20, 20.1, 0.5), weights=values)
        squares.append(np.sum((profile / 0.5) ** 2) * 0.5)
    assert line_square_per_px(values, SAMPLES) == pytest.approx(np.mean(squares), rel=0.02)
