"""Gain and baseline from a movie whose camera is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from deep_storm.camera import Camera
from deep_storm.estimation.transfer.gain import TIME_ORDER, _over_time, photon_transfer
from deep_storm.estimation.transfer.high_pass import filtered
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

SIZE = Simulation(frames=60, width_px=64, height_px=64, seed=4)


def movie(
    density=1.0, sigma_nm=112.0, photons=1500.0, background=20.0, pixel_size_nm=100.0, **camera
):
    values = {"pixel_size_nm": pixel_size_nm, "baseline_adu": 100, "photons_per_adu": 0.5}
    return simulate(
        Camera(**{**values, **camera}),
        Psf(sigma_nm=sigma_nm, sigma_std_nm=8),
        Emitters(
            density_per_um2=density, intensity_photon=photons, intensity_std_photon=0.3 * photons
        ),
        Background(background_photon=background),
        SIZE,
    ).stack.astype(np.float32)


def gain(found, em_gain=None):
    assert found is not None
    measured = found.photons_per_adu(em_gain)
    assert measured is not None
    return measured


@pytest.mark.parametrize("density", [0.3, 1.0, 6.0])
def test_gain_and_baseline_are_found_however_dense_molecules_are(density):
    found = photon_transfer(movie(density))
    assert gain(found).value == pytest.approx(0.5, rel=0.12)
    assert abs(gain(found).value / 0.5 - 1) < 4 * gain(found).error / 0.5
    baseline = found.baseline_adu()
    assert baseline.value == pytest.approx(100, abs=max(4 * baseline.error, 5))
    assert not found.is_coloured


def test_a_psf_narrower_than_a_pixel_does_not_pass_for_noise():
    narrow = movie(0.3, sigma_nm=128, pixel_size_nm=160)
    assert gain(photon_transfer(narrow)).value == pytest.approx(0.5, rel=0.25)


def test_molecules_that_stay_on_tell_the_gain_where_the_psf_is_very_narrow():
    """Each frame of light is there three times: what stays the same is no noise."""
    rng = np.random.default_rng(2)
    light = (movie(0.3, sigma_nm=95, pixel_size_nm=160, photons=4000)[::3] - 100) * 0.5
    expected = np.repeat(np.clip(ndimage.median_filter(light, (1, 1, 1)), 0, None), 3, axis=0)
    frames = 100 + rng.poisson(expected) / 0.5
    assert gain(photon_transfer(frames.astype(np.float32))).value == pytest.approx(0.5, rel=0.15)


def test_em_gain_doubles_the_noise_and_has_to_be_told():
    frames = movie(photons_per_adu=5.0, em_gain=100.0, background=10)
    found = photon_transfer(frames)
    assert gain(found, 100.0).value == pytest.approx(5.0, rel=0.1)
    assert gain(found).value == pytest.approx(0.025, rel=0.1)  # half of 5 / 100


def test_the_baseline_needs_the_read_noise():
    found = photon_transfer(movie(read_noise_adu=6.0))
    right, low = found.baseline_adu(6.0), found.baseline_adu()
    assert right.value == pytest.approx(100, abs=max(4 * right.error, 5))
    assert right.value - low.value == pytest.approx(36 * 0.5, rel=0.15)


def test_uneven_light_without_molecules_tells_the_gain_too():
    rng = np.random.default_rng(5)
    light = 30 + 25 * np.sin(np.arange(64) / 9)[None, :] * np.cos(np.arange(64) / 11)[:, None]
    frames = 200 + rng.poisson(np.broadcast_to(light, (80, 64, 64))) / 2.0
    found = photon_transfer(frames.astype(np.float32))
    assert gain(found).value == pytest.approx(2.0, rel=0.1)
    assert found.baseline_adu().value == pytest.approx(200, abs=2)


def test_even_light_tells_the_noise_but_no_gain():
    rng = np.random.default_rng(6)
    frames = 100 + rng.poisson(50, (60, 64, 64)) / 0.5
    found = photon_transfer(frames.astype(np.float32))
    assert found.slope is None or found.slope.error > 0.2 * found.slope.value
    assert found.level_adu == pytest.approx(200, abs=3)
    assert found.variance_adu2 == pytest.approx(50 / 0.5**2, rel=0.05)


def test_smoothed_frames_are_recognized():
    smooth = ndimage.uniform_filter(movie(), (0, 2, 2))
    found = photon_transfer(smooth)
    assert found.is_smooth
    assert found.is_coloured


def blinking():
    """Return frames of molecules that stay on for some frames."""
    return simulate(
        Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        Psf(sigma_nm=112),
        Emitters(density_per_um2=2.0, intensity_photon=1500, on_time_frames=6.0),
        Background(background_photon=20),
        SIZE,
    ).stack.astype(np.float32)


@pytest.mark.parametrize(
    "processed",
    [
        lambda frames: (frames[1:] + frames[:-1]) / 2.0,
        lambda frames: ndimage.median_filter(frames, (3, 1, 1)),
        lambda frames: ndimage.median_filter(frames, (1, 3, 3)),
    ],
    ids=["running mean", "running median", "median of neighbours"],
)
def test_filtered_frames_are_recognized_and_molecules_that_stay_on_are_no_filter(processed):
    frames = blinking()
    raw, found = photon_transfer(frames), photon_transfer(processed(frames))
    assert abs(raw.over_time) < 0.05
    assert not raw.is_coloured
    assert found.over_time > 0.2
    assert found.is_coloured


def test_frames_that_do_not_follow_each_other_are_not_compared():
    frames = movie()
    mean = (frames[1:] + frames[:-1]) / 2.0
    found = photon_transfer(mean[::2], 2 * np.arange(30))
    assert found.over_time == 0.0


@pytest.mark.filterwarnings("error")
def test_dark_frames_without_noise_are_not_compared():
    """Their median deviation is 0, and no value is less than that."""
    frames = np.full((20, 64, 64), 100.0, np.float32)
    frames[:, 28:36, 28:36] += np.random.default_rng(1).normal(0.0, 5.0, (20, 8, 8))
    assert _over_time(filtered(frames, TIME_ORDER), np.arange(19)) == 0.0


@pytest.mark.parametrize("seed", [3, 57])
def test_few_crowded_frames_do_not_look_filtered_by_chance(seed):
    crowd = simulate(
        Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        Psf(sigma_nm=115),
        Emitters(
            density_per_um2=3, intensity_photon=2550, intensity_std_photon=1275, spread="gamma"
        ),
        Background(background_photon=20),
        Simulation(frames=14, width_px=64, height_px=64, seed=seed),
    ).stack.astype(np.float32)
    assert not photon_transfer(crowd[:12]).is_coloured
    averaged = (crowd[:-2] + crowd[1:-1] + crowd[2:]) / 3.0
    assert photon_transfer(averaged).processing.startswith("filtered")


def test_pixels_without_a_measurement_are_left_out():
    frames = movie()
    frames[:, :8] = np.nan
    frames[5, 30, 30] = np.nan
    used = np.ones((64, 64), dtype=bool)
    used[:, 50:] = False
    frames[:, :, 50:] = 1e6
    assert gain(photon_transfer(frames, used=used)).value == pytest.approx(0.5, rel=0.12)


def test_frames_too_small_say_nothing():
    assert photon_transfer(np.zeros((5, 12, 12), np.float32)) is None
