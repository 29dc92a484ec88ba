"""Pixels that misbehave."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.estimation.screening import pixels
from deep_storm.estimation.screening.pixels import find_pixels
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate


def found_in(frames):
    return find_pixels(np.asarray(frames, np.float32))


def test_a_good_camera_has_none(molecules):
    found = found_in(molecules)
    assert not found.bad.any()
    assert not found.dark.any()


def test_hot_and_cold_pixels_are_found_also_at_the_border_and_in_columns(molecules, rng):
    places = rng.random((64, 64)) < 0.01
    places[0, 5] = places[63, 63] = True
    places[20:30, 40] = True
    frames = molecules + np.where(places, 60.0, 0.0)
    frames[:, 50, 12] -= 30
    expected = places.copy()
    expected[50, 12] = True
    found = found_in(frames)
    assert (found.hot & expected).sum() >= 0.97 * expected.sum()
    assert (found.hot & ~expected).sum() <= 1


def test_a_bead_is_not_hot(molecules):
    yy, xx = np.mgrid[:64, :64]
    for sigma in (0.7, 1.2, 2.0):
        bead = np.exp(-((xx - 30.3) ** 2 + (yy - 20.1) ** 2) / (2 * sigma**2))
        assert not found_in(molecules + 4000 * bead).bad.any()


def test_noisy_pixels_are_found(molecules, rng):
    places = rng.random((64, 64)) < 0.005
    noise = rng.normal(0, 25, molecules.shape)
    found = found_in(molecules + np.where(places, noise, 0.0))
    assert (found.noisy & places).sum() >= 0.9 * places.sum()
    assert (found.noisy & ~places).sum() <= 1


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_the_border_of_a_registered_movie_is_dead(molecules, value):
    frames = molecules.copy()
    frames[:, :8] = value
    frames[:, :, :5] = value
    found = found_in(frames)
    assert found.dead[:8].all()
    assert found.dead[:, :5].all()
    assert not found.bad[9:, 6:].any()


@pytest.mark.parametrize("columns", [slice(32, None), slice(48, None), slice(0, 8)], ids=str)
def test_a_covered_part_of_the_chip_is_dark(molecules, rng, columns):
    frames = molecules.copy()
    frames[:, :, columns] = 100 + rng.normal(0, 2, frames[:, :, columns].shape)
    found = found_in(frames)
    expected = np.zeros((64, 64), dtype=bool)
    expected[:, columns] = True
    assert (found.dark == expected).mean() > 0.97
    assert not found.bad.any()


def test_a_part_without_molecules_is_not_dark(molecules, rng):
    frames = molecules.copy()
    frames[:, :, 32:] = 100 + rng.poisson(20, frames[:, :, 32:].shape) / 0.5
    assert not found_in(frames).dark.any()


def test_a_few_frames_tell_only_what_is_invalid(molecules):
    frames = molecules[:4].copy()
    frames[:, 3, 3] = np.nan
    frames[:, 9, 9] += 1000
    found = found_in(frames)
    assert np.argwhere(found.bad).tolist() == [[3, 3]]


def test_a_bead_is_no_noisy_pixel_still_or_drifting(molecules, rng):
    yy, xx = np.mgrid[:64, :64]
    for speed in (0.0, 0.05):
        frames = molecules.copy()
        for t, frame in enumerate(frames):
            away = (xx - 20.3 - speed * t) ** 2 + (yy - 40.8) ** 2
            frame += rng.poisson(2200 * np.exp(-away / 2.9)) / 0.5
        assert not find_pixels(frames.astype(np.float32)).noisy.any()


def test_bands_leave_no_trace_and_need_little_memory(monkeypatch):
    rng = np.random.default_rng(8)
    frames = rng.normal(100.0, 3.0, (24, 300, 200)).astype(np.float32)
    frames[:, :40] = rng.normal(100.0, 1.0, (24, 40, 200))
    frames[:, 40:, ::2] += rng.poisson(20.0, (24, 260, 100))
    frames[:, rng.integers(0, 300, 40), rng.integers(0, 200, 40)] += 90.0
    frames[:, 150, 60] = np.nan
    whole = find_pixels(frames)
    monkeypatch.setattr(pixels, "BAND_VALUES", 1)  # a row of tiles at a time
    tracemalloc.start()
    found = find_pixels(frames)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all(np.array_equal(a, b) for a, b in zip(whole, found, strict=True))
    assert peak_bytes < 1.5 * frames.nbytes


@pytest.fixture(scope="module")
def crowd():
    return simulate(
        Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        Psf(sigma_nm=112),
        Emitters(density_per_um2=2.0, intensity_photon=1500, intensity_std_photon=400),
        Background(background_photon=20),
        Simulation(frames=24, width_px=64, height_px=64, seed=1),
    ).stack


def test_crowded_molecules_of_a_few_frames_are_not_hot(crowd):
    assert not found_in(crowd).hot.any()


def test_hot_pixels_of_a_few_frames_are_found(crowd, rng):
    places = rng.random((64, 64)) < 0.01
    found = found_in(crowd + np.where(places, 400.0, 0.0))
    assert (found.hot & places).sum() >= 0.9 * places.sum()
    assert not (found.hot & ~places).any()


@pytest.mark.parametrize("seed", [1, 2])
def test_molecules_that_stay_on_beside_each_other_are_neither_hot_nor_noisy(seed, rng):
    """One after the other they keep a pixel bright for more than half of the time."""
    staying = simulate(
        Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        Psf(sigma_nm=115),
        Emitters(density_per_um2=3.0, intensity_photon=1500, on_time_frames=8.0),
        Background(background_photon=20),
        Simulation(frames=100, width_px=64, height_px=64, seed=seed),
    ).stack.astype(np.float32)
    found = found_in(staying)
    assert found.hot.sum() <= 2
    assert found.noisy.sum() <= 8
    places = rng.random((64, 64)) < 0.01
    found = found_in(staying + np.where(places, 150.0, 0.0))
    assert (found.hot & places).sum() >= 0.7 * places.sum()
    found = found_in(staying + np.where(places, rng.normal(0, 100, staying.shape), 0.0))
    assert (found.noisy & places).sum() >= 0.7 * places.sum()


def test_a_bead_that_drifts_is_not_hot(molecules):
    yy, xx = np.mgrid[:64, :64]
    for pace in (0.05, 0.1, 0.2):
        x = 25.3 + pace * np.arange(len(molecules))[:, None, None]
        bead = np.exp(-((xx - x) ** 2 + (yy - 20.1) ** 2) / (2 * 1.2**2))
        assert not found_in(molecules + 3000 * bead).hot.any()


@pytest.mark.parametrize("adu", [60.0, 300.0])
@pytest.mark.parametrize("when", [slice(18, None), slice(30, None), slice(0, 36)], ids=str)
def test_pixels_that_turn_hot_or_recover_are_found(molecules, rng, adu, when):
    places = rng.random((64, 64)) < 0.005
    places[0, 7] = places[20, 30] = places[21, 30] = True
    frames = molecules.copy()
    frames[when] += np.where(places, adu, 0.0)
    found = found_in(frames)
    assert (found.hot & places).sum() >= 0.7 * places.sum()
    assert not (found.hot & ~places).any()
