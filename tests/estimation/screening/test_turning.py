"""Pixels that become hot in the course of a movie."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.estimation.screening.turning import hot_part, turned


@pytest.fixture
def quiet(rng):
    return rng.normal(0.0, 5.0, 80)


def test_the_hot_part_is_found_on_either_side(quiet):
    later = quiet + np.where(np.arange(80) >= 50, 40.0, 0.0)
    found = hot_part(later)
    assert abs(found.start - 50) <= 1
    assert found.stop == 80
    found = hot_part(later[::-1])
    assert found.start == 0
    assert abs(found.stop - 30) <= 1


def test_what_comes_and_goes_or_shows_too_briefly_is_not_hot(quiet):
    assert hot_part(quiet) is None
    time = np.arange(80)
    assert hot_part(quiet + np.where((time >= 40) & (time % 4 == 0), 200.0, 0.0)) is None
    assert hot_part(quiet + np.where(time >= 74, 200.0, 0.0)) is None
    assert hot_part(quiet[:20] + 200.0) is None


@pytest.mark.parametrize("place", [(20.5, 20.5), (20.0, 20.4), (21.0, 20.0), (-0.3, 20.1)], ids=str)
def test_a_molecule_that_stays_on_is_wider_than_a_pixel(rng, place):
    yy, xx = np.mgrid[:40, :40] + 0.5
    light = np.exp(-((yy - place[0]) ** 2 + (xx - place[1]) ** 2) / (2 * 0.7**2))
    frames = rng.normal(100.0, 3.0, (80, 40, 40))
    frames[40:] += 300.0 * light
    everywhere, none = np.ones((40, 40), dtype=bool), np.zeros((40, 40), dtype=bool)
    assert not turned(frames, everywhere, none).any()
    frames[40:, 5, 5] += 60.0
    assert np.argwhere(turned(frames, everywhere, none)).tolist() == [[5, 5]]


def test_bad_and_invalid_neighbours_say_nothing(rng):
    frames = rng.normal(100.0, 3.0, (80, 9, 9))
    frames[40:, 4, 4] += 60.0
    bad = np.zeros((9, 9), dtype=bool)
    bad[3:6, 3:6] = True
    bad[4, 4] = False
    here = np.zeros((9, 9), dtype=bool)
    here[4, 4] = True
    assert not turned(frames, here, bad).any()  # nothing to compare it with
    bad[3, 4] = False
    frames[::2, 4, 3] = np.nan
    assert turned(frames, here, bad).any()
