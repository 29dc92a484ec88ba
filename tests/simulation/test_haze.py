"""Haze: as much light as its emitters have, spread wide, and none where there are none."""

import numpy as np
import pytest

from deep_storm.simulation.haze import add_haze, haze_std_photon


def hazy(haze_per_px, seed=3, frames=40, size=64):
    expected = np.zeros((frames, size, size), np.float32)
    add_haze(expected, haze_per_px, 1000.0, 1.3, np.random.default_rng(seed))
    return expected


def test_mean_light_is_density_times_photons():
    assert hazy(0.01).mean() == pytest.approx(0.01 * 1000.0, rel=0.05)


def test_no_haze_adds_nothing():
    assert not hazy(0.0).any()


def test_spots_are_much_wider_than_an_emitter_in_focus():
    frames = hazy(0.0005, frames=100)
    peak_of_an_emitter = 1000.0 / (2.0 * np.pi * 1.3**2)
    assert 0 < frames.max() < peak_of_an_emitter / 2.0


def test_frames_differ_and_a_seed_repeats():
    frames = hazy(0.005)
    assert not np.allclose(frames[0], frames[1])
    np.testing.assert_array_equal(frames, hazy(0.005))


def test_it_varies_from_place_to_place_as_stated():
    assert hazy(0.01).std() == pytest.approx(haze_std_photon(0.01, 1000.0, 1.3), rel=0.1)
    assert haze_std_photon(0.0, 1000.0, 1.3) == 0.0
