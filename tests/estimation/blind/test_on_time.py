"""For how long emitters stay on, whether they switch between frames or at any time."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.estimation.blind.on_time import hidden_by_mean, on_time
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

CAMERA = Camera(pixel_size_nm=100, baseline_adu=0, photons_per_adu=1)


def told(seed, frames=150, **on):
    values = {"density_per_um2": 0.6, "intensity_photon": 1500, "intensity_std_photon": 300}
    movie = simulate(
        CAMERA,
        Psf(sigma_nm=120),
        Emitters(**values, **on),
        Background(background_photon=20),
        Simulation(frames=frames, width_px=64, height_px=64, seed=seed),
    )
    stack = movie.stack.astype(np.float32)
    return on_time([stack], [np.ones((64, 64))], 1.2, 6)


@pytest.mark.parametrize("frames", [2.0, 7.0])
def test_whole_frames(frames):
    values = [told(seed, seen_frames=frames)[0] for seed in range(3)]
    assert np.mean(values) == pytest.approx(frames, rel=0.15)


@pytest.mark.parametrize("time", [1.0, 2.0, 7.0])
def test_emitters_that_switch_at_any_time(time):
    """They are seen in one frame more than they are on for: the first and the last in part."""
    values = [told(seed, on_time_frames=time)[0] for seed in range(3)]
    assert np.mean(values) == pytest.approx(time + 1.0, rel=0.1)


def test_independent_emitters_are_on_for_one_frame():
    assert told(1, frames=100)[0] == 1.0


def test_what_a_mean_over_frames_hides():
    """The variance of a mean of n values whose correlation falls by q, over that of one."""
    q, n = 0.8, 400
    apart = np.abs(np.arange(n)[:, None] - np.arange(n)[None, :])
    assert hidden_by_mean(q, n) == pytest.approx(float((q**apart).mean()), rel=0.02)
