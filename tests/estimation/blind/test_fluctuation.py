"""How strongly the light of emitters fluctuates, however closely they lie."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.estimation.blind.covariance import overlap_of_psf
from deep_storm.estimation.blind.fluctuation import fluctuation
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

CAMERA = Camera(pixel_size_nm=100, baseline_adu=0, photons_per_adu=1)
OVERLAP = overlap_of_psf(1.2, 4)


def movie(seed=1, frames=200, **emitters):
    """Frames, and ρ⟨N²⟩ of their truth in photons² per pixel."""
    values = {"density_per_um2": 1.5, "intensity_photon": 1000, "intensity_std_photon": 600}
    made = simulate(
        CAMERA,
        Psf(sigma_nm=120, sigma_std_nm=0),
        Emitters(**(values | {"spread": "gamma"} | emitters)),
        Background(background_photon=20),
        Simulation(frames=frames, width_px=64, height_px=64, seed=seed),
    )
    photons = made.truth["intensity_photon"].to_numpy()
    return made.stack.astype(np.float32), float(np.sum(photons**2)) / made.stack.size


@pytest.mark.parametrize(
    ("emitters", "seen"),
    [
        ({}, 1.0),
        ({"structure": "filaments", "filament_um_per_um2": 0.4}, 1.0),
        ({"structure": "filaments", "on_time_frames": 2.0}, 2.5),
    ],
)
def test_it_is_that_of_the_truth(emitters, seen):
    ratios = []
    for seed in range(3):
        frames, true = movie(seed, **emitters)
        found = fluctuation([frames], OVERLAP, seen)
        ratios.append(found.per_px / true)
        assert 0.005 < found.error < 0.15
        assert abs(math.log(ratios[-1])) < 4.0 * found.error + 0.05
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.08)


def test_light_that_comes_and_goes_slowly_does_not_count():
    frames, true = movie()
    fading = np.linspace(600.0, 0.0, len(frames), dtype=np.float32)[:, None, None]
    spot = np.exp(-(np.hypot(*np.mgrid[-32:32, -32:32]) ** 2) / 8.0).astype(np.float32)
    found = fluctuation([frames + fading * spot], OVERLAP, 1.0)
    assert found.per_px == pytest.approx(true, rel=0.08)


def test_where_nothing_fluctuates_or_frames_are_few_it_says_nothing():
    even = np.full((40, 32, 32), 20.0, np.float32)
    assert fluctuation([even], OVERLAP, 1.0) is None
    frames, _ = movie(frames=20)
    assert fluctuation([frames], OVERLAP, 2.0) is None
