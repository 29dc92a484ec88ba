"""Cosmic rays, and holes that are filled."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.estimation.screening.transients import NoiseModel, fill, find_transients

NOISE = NoiseModel(141.0, 84.0, 2.0)


def test_molecules_are_no_cosmic_rays(molecules):
    marked = sum(find_transients(frame, 141.0, NOISE).sum() for frame in molecules)
    assert marked == 0


def test_the_sharpest_psf_is_none_either(rng):
    """A PSF of 0.6 pixels, in the middle of a pixel, of 100 to 20,000 photons."""
    line = np.array([0.0062, 0.1962, 0.595, 0.1962, 0.0062])
    marked = 0
    for photons in np.geomspace(100, 20_000, 200):
        light = np.full((9, 9), 20.0)
        light[2:7, 2:7] += photons * np.outer(line, line)
        frame = 100 + rng.poisson(light) / 0.5
        marked += find_transients(frame, 141.0, NOISE).any()
    assert marked <= 3


def test_tracks_are_found_in_any_direction(molecules, rng):
    hit, missed, extra = 0, 0, 0
    for t, frame in enumerate(molecules[:30]):
        track = np.zeros((64, 64), dtype=bool)
        angle = t * 0.21
        for step in range(15):
            y, x = int(31 + step * np.sin(angle)), int(31 + step * np.cos(angle))
            track[y, x] = True
        found = find_transients(frame + np.where(track, rng.uniform(500, 3000), 0), 141.0, NOISE)
        hit += (found & track).sum()
        missed += (~found & track).sum()
        extra += (found & ~track).sum()
    assert hit > 0.95 * (hit + missed)
    assert extra < 0.3 * hit


def test_what_is_far_below_the_camera_is_no_measurement(molecules):
    frame = molecules[0].copy()
    frame[:3] = 0
    found = find_transients(frame, 141.0, NOISE)
    assert found[:3].all()
    assert not found[3:].any()


def test_values_that_are_no_numbers_are_left_to_others(molecules):
    frame = molecules[0].copy()
    frame[10, 10:20] = np.nan
    assert not find_transients(frame, 141.0, NOISE).any()


def test_holes_get_the_mean_of_their_neighbours():
    frame = np.arange(25.0, dtype=np.float32).reshape(5, 5)
    holes = np.zeros((5, 5), dtype=bool)
    holes[2, 2] = holes[0, 0] = True
    filled = fill(frame, holes)
    assert filled[2, 2] == 12.0
    assert filled[0, 0] == 4.0
    assert (filled[~holes] == frame[~holes]).all()


def test_far_from_everything_a_hole_gets_the_median():
    frame = np.full((40, 40), 7.0, np.float32)
    holes = np.ones((40, 40), dtype=bool)
    holes[:, 0] = False
    frame[0, 0] = 1000.0
    assert fill(frame, holes)[20, 30] == 7.0


def test_a_molecule_beside_a_border_is_not_smeared_into_it():
    frame = np.full((20, 20), 7.0, np.float32)
    frame[10, 5:8] = 300.0
    holes = np.zeros((20, 20), dtype=bool)
    holes[:, :5] = True
    filled = fill(frame, holes)
    assert filled[10, 4] == pytest.approx((300 + 7 + 7) / 3)  # beside it, as usual
    assert (filled[:, :4] == 7.0).all()
