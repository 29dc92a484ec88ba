"""Baseline and read-out noise against a known camera."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError, StackError
from deep_storm.estimation.camera.background import measure_background
from deep_storm.estimation.camera.dark import measure_dark_frames
from deep_storm.estimation.camera.noise import baseline_by_noise
from deep_storm.io.stacks.frames import open_frames
from deep_storm.settings import Background, Emitters, Measurement, Psf, Simulation
from deep_storm.simulation.frames import simulate

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)


def dark_frames(frames=60, baseline=100.0, noise=2.0, size=48):
    values = np.random.default_rng(4).normal(baseline, noise, (frames, size, size))
    return np.rint(values).astype(np.uint16)


def measured(stack, **settings):
    with open_frames(stack) as stream:
        return measure_background(stream, Measurement(**settings))


def half_lit():
    """Return dark frames whose right half is a bright, blinking cell."""
    stack = dark_frames(frames=80)
    light = np.random.default_rng(5).poisson(400, (80, 48, 24))
    stack[:, :, 24:] += (light / 0.5).astype(np.uint16)
    return stack


def test_the_dark_half_is_found_without_help():
    found = measured(half_lit())
    assert found.baseline.value == pytest.approx(100.0, abs=0.1)
    assert found.read_noise.value == pytest.approx(np.hypot(2.0, 12**-0.5), rel=0.03)
    assert not found.mask[:, 25:].any()
    assert found.mask[:, :23].mean() > 0.95
    assert found.share == pytest.approx(found.mask.mean())
    assert not found.lit


def test_a_region_is_taken_as_fiji_shows_it():
    found = measured(half_lit(), roi="2, 4, 10, 20")
    rows, columns = np.nonzero(found.mask)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (2, 4, 11, 23)
    assert found.baseline.value == pytest.approx(100.0, abs=0.1)


@pytest.mark.parametrize("roi", ["40,0,20,10", "0,0,0,5"])
def test_a_region_that_is_no_part_of_the_frames_is_refused(roi):
    with pytest.raises(SettingsError, match="48"):
        measured(half_lit(), roi=roi)


def test_a_region_full_of_light_is_refused():
    with pytest.raises(SettingsError, match="dark"):
        measured(half_lit(), roi="30,5,12,12")


def test_says_when_dark_pixels_hold_light():
    light = np.random.default_rng(6).poisson(20, (200, 48, 48)) / 0.5
    found = measured((dark_frames(200) + light).astype(np.uint16))
    assert found.lit
    assert found.warnings
    assert found.baseline.value > 130


def test_a_cosmic_ray_changes_nothing():
    stack = dark_frames()
    stack[7, 10, 10] = 60_000
    assert measured(stack).read_noise.value == pytest.approx(np.hypot(2.0, 12**-0.5), rel=0.03)


def test_constant_frames_are_no_camera():
    with pytest.raises(StackError):
        measured(np.full((40, 20, 20), 7, np.uint16))


def test_dark_frames_give_each_pixel_its_offset_and_noise():
    random = np.random.default_rng(8)
    offset = random.normal(100, 5, (24, 20))
    noise = random.uniform(1.5, 4.0, (24, 20))
    stack = np.rint(random.normal(offset, noise, (800, 24, 20))).astype(np.uint16)
    with open_frames(stack) as stream:
        found = measure_dark_frames(stream)
    expected = np.sqrt(noise**2 + 1 / 12)
    assert np.abs(found.maps.baseline_adu - offset).max() < 5 * 4.0 / np.sqrt(800)
    assert found.maps.read_noise_adu == pytest.approx(expected, rel=0.15)
    assert found.baseline.value == pytest.approx(offset.mean(), abs=0.05)
    assert found.read_noise.value == pytest.approx(np.sqrt(np.mean(expected**2)), rel=0.02)


def test_shot_noise_tells_the_baseline_of_lit_frames():
    made = simulate(
        CAMERA,
        Psf(sigma_nm=130),
        Emitters(density_per_um2=1.0, intensity_photon=1500),
        Background(background_photon=30),
        Simulation(frames=120, width_px=64, height_px=64, seed=2),
    )
    guess = CAMERA.model_copy(update={"baseline_adu": 115.0})
    with open_frames(made.stack) as stream:
        assert baseline_by_noise(stream, guess).value == pytest.approx(100.0, abs=2.5)
