"""How differently the pixels of a camera respond to light."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.estimation.transfer.response import fixed_pattern
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate


def movie(response_std=0.0, seed=1, frames=100, sigma_nm=110, **emitters):
    camera = Camera(
        pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, response_std=response_std
    )
    values = {"density_per_um2": 1.0, "intensity_photon": 1500, **emitters}
    return simulate(
        camera,
        Psf(sigma_nm=sigma_nm),
        Emitters(**values),
        Background(background_photon=25, unevenness=0.6),
        Simulation(frames=frames, width_px=64, height_px=64, seed=seed),
    ).stack.astype(np.float32)


@pytest.mark.parametrize("true", [0.04, 0.06])
@pytest.mark.parametrize("emitters", [{}, {"on_time_frames": 2.0}, {"structure": "filaments"}])
def test_unlike_pixels_are_seen(true, emitters):
    found = [fixed_pattern(movie(true, seed, 160, **emitters)).response(100.0) for seed in (1, 2)]
    assert found == pytest.approx([true, true], rel=0.25)


@pytest.mark.parametrize("emitters", [{}, {"on_time_frames": 4.0}, {"structure": "filaments"}])
def test_alike_pixels_are_not_called_unlike(emitters):
    assert all(fixed_pattern(movie(0.0, s, **emitters)).response(100.0) == 0.0 for s in range(4))


@pytest.mark.parametrize("sigma_nm", [65, 80])
@pytest.mark.parametrize("structure", ["uniform", "filaments"])
def test_a_narrow_psf_is_not_taken_for_unlike_pixels(sigma_nm, structure):
    """It has light at the highest spatial frequencies, too, but less at the very highest."""
    emitters = {"sigma_nm": sigma_nm, "structure": structure, "on_time_frames": 5.0}
    assert all(fixed_pattern(movie(0.0, s, **emitters)).response(100.0) == 0.0 for s in range(3))


def test_a_baseline_of_each_pixel_is_no_response():
    frames = movie()
    frames += np.random.default_rng(2).normal(0.0, 4.0, frames.shape[1:]).astype(np.float32)
    assert fixed_pattern(frames).response(100.0) < 0.02


def test_both_at_once():
    frames = movie(0.05)
    frames += np.random.default_rng(3).normal(0.0, 2.0, frames.shape[1:]).astype(np.float32)
    assert fixed_pattern(frames).response(100.0) == pytest.approx(0.05, rel=0.3)


def test_what_was_not_measured_is_left_out():
    frames = movie(0.05)
    frames[:, 20, 20] = np.nan
    frames[3, 40:44, 40:44] = np.nan
    used = np.ones(frames.shape[1:], bool)
    used[:8] = False
    frames[:, :8] = 10_000.0
    assert fixed_pattern(frames, used).response(100.0) == pytest.approx(0.05, rel=0.3)


def test_too_few_frames_or_pixels_say_nothing():
    frames = movie(0.05)
    assert fixed_pattern(frames[:30]) is None
    assert fixed_pattern(frames[:, :20, :20]) is None
    assert fixed_pattern(frames[:, :6]) is None
    frames[:, 16:] = np.nan
    assert fixed_pattern(frames) is None


def test_frames_without_noise_or_all_alike_say_nothing():
    still = np.broadcast_to(movie(frames=1), (60, 64, 64)).copy()
    assert 0.0 <= fixed_pattern(still).response(100.0) < 1.0
    assert fixed_pattern(np.full((60, 64, 64), 100.0, np.float32)).response(100.0) == 0.0


def test_a_small_part_of_the_field_says_nothing():
    used = np.zeros((128, 128), bool)
    used[:40, :40] = True
    frames = np.tile(movie(0.1), (1, 2, 2))
    assert fixed_pattern(frames, used).response(100.0) == 0.0
