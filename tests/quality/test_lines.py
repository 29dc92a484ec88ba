"""Rows and columns of residuals."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.quality.lines import alike_in_lines


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def noise(rng):
    return rng.normal(size=(8, 56, 60))


@pytest.mark.parametrize("axis", [1, 2])
def test_noise_of_lines_is_told_whether_it_changes_or_not(noise, rng, axis):
    for shape in ((8, 56, 60), (1, 56, 60)):
        lines = rng.normal(0.0, 0.4, [1 if k == axis else n for k, n in enumerate(shape)])
        assert alike_in_lines(noise + lines).usual > 0.04
    assert abs(alike_in_lines(noise).usual) < 0.02


def test_hills_have_no_lines(noise):
    y, x = np.mgrid[:56, :60]
    hills = np.cos(x / 5.0) * np.cos(y / 5.0) + np.exp(-((x - 30) ** 2 + (y - 20) ** 2) / 200)
    found = alike_in_lines(noise + 0.6 * hills)
    assert found.usual < 0.02
    assert found.few < 0.02


def test_an_edge_lies_along_few_lines(noise):
    noise[:, :, 30] += 1.2
    noise[:, :, 31] -= 1.2
    found = alike_in_lines(noise)
    assert found.usual < 0.02
    assert found.few == pytest.approx(2 * 1.2**2 / 60, abs=0.015)


def test_pixels_that_do_not_count_say_nothing(noise):
    noise[:, :, 30:34] = 9.0
    assert alike_in_lines(noise).few > 1.0
    noise[:, :, 30:34] = np.nan
    noise[0] = np.nan
    assert max(np.abs(alike_in_lines(noise))) < 0.02
    assert alike_in_lines(np.full((2, 40, 40), np.nan)) == (0.0, 0.0)
    assert alike_in_lines(noise[:, :20]) == (0.0, 0.0)
