"""A small movie of molecules, simulated once."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate


@pytest.fixture(scope="session")
def molecules():
    """Return 60 frames of 64 × 64 pixels, float64; 20 photons of background at 0.5 photon/ADU."""
    return simulate(
        Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2),
        Psf(sigma_nm=112, sigma_std_nm=8),
        Emitters(density_per_um2=0.5, intensity_photon=1500, intensity_std_photon=400),
        Background(background_photon=20),
        Simulation(frames=60, width_px=64, height_px=64, seed=1),
    ).stack.astype(np.float64)


@pytest.fixture
def rng():
    return np.random.default_rng(3)
