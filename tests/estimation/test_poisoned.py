"""What is no measurement does not change what is learnt about molecules."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.errors import StackError
from deep_storm.estimation.stack import estimate_stack
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)
yy, xx = np.mgrid[:64, :64]


def light(rng, mean, shape):
    return rng.poisson(np.broadcast_to(mean, shape)) / 0.5


def dark(rng, shape):
    return 100 + rng.normal(0, 2, shape)


def one_flash(frames, rng):
    frames[0] += light(rng, 1500, frames[0].shape)


def bright_start(frames, rng):
    frames[:5] += light(rng, 1500, frames[:5].shape)


def dropped_frames(frames, rng):
    frames[3:8] = 0


def alternating(frames, rng):
    frames[1::2] = dark(rng, frames[1::2].shape)


def shutter_late(frames, rng):
    frames[:12] = dark(rng, frames[:12].shape)


def half_chip(frames, rng):
    frames[:, :, 32:] = dark(rng, frames[:, :, 32:].shape)


def quarter_chip(frames, rng):
    frames[:, :, 48:] = dark(rng, frames[:, :, 48:].shape)


def black_border(frames, rng):
    frames[:, :8] = 0
    frames[:, :, :5] = 0


def nan_border(frames, rng):
    frames[:, :8] = np.nan
    frames[:, :, :5] = np.nan


def nan_frame(frames, rng):
    frames[5] = np.nan


def hot_pixels(frames, rng):
    hot = rng.random((64, 64)) < 0.01
    frames[:, hot] += rng.uniform(50, 600, hot.sum()) + rng.normal(0, 5, frames[:, hot].shape)


def cosmic_tracks(frames, rng):
    for frame in frames:
        for _ in range(3):
            y, x, angle = rng.uniform(10, 54), rng.uniform(10, 54), rng.uniform(0, np.pi)
            steps = np.arange(rng.integers(5, 20))
            rows, columns = y + steps * np.sin(angle), x + steps * np.cos(angle)
            inside = (rows < 64) & (columns < 64) & (rows >= 0) & (columns >= 0)
            places = rows[inside].astype(int), columns[inside].astype(int)
            frame[places] += rng.uniform(500, 3000, inside.sum())


def debris(frames, rng):
    for t, frame in enumerate(frames):
        distance = (xx - t) ** 2 + (yy - 20 - 10 * np.sin(t / 9)) ** 2
        frame += light(rng, 300 * np.exp(-distance / 50), frame.shape)


def beads(frames, rng):
    for x, y in ((12.3, 50.2), (51.7, 13.4)):
        bead = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * 1.2**2)) / (2 * np.pi * 1.44)
        frames += light(rng, 20_000 * bead, frames.shape)


KINDS = (
    one_flash, bright_start, dropped_frames, alternating, shutter_late, half_chip, quarter_chip,
    black_border, nan_border, nan_frame, hot_pixels, cosmic_tracks, debris, beads,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_molecules_are_as_without_it(molecules, rng, kind):
    frames = molecules.copy()
    kind(frames, rng)
    whole = np.isfinite(frames).all()
    stack = np.clip(np.rint(frames), 0, 65535).astype(np.uint16) if whole else frames
    found = estimate_stack(stack, CAMERA).quantities
    assert found["sigma"].value == pytest.approx(112, rel=0.06)
    assert found["photons"].value == pytest.approx(1500, rel=0.17)
    assert found["background"].value == pytest.approx(20, rel=0.05)
    assert found["density"].value == pytest.approx(0.5, rel=0.25)


def few_alike(seed, frames):
    return simulate(
        Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        Psf(sigma_nm=112, sigma_std_nm=0),
        Emitters(density_per_um2=0.025, intensity_photon=1500, intensity_std_photon=0),
        Background(background_photon=20),
        Simulation(frames=frames, width_px=64, height_px=64, seed=seed),
    )


def test_far_too_few_molecules_are_told_as_such():
    with pytest.raises(StackError, match="molecules in 20 frames of array are too few"):
        estimate_stack(few_alike(0, 20).stack, CAMERA)


@pytest.mark.parametrize("seed", range(3))
def test_few_molecules_that_are_all_alike(seed):
    movie = few_alike(seed, 100)
    found = estimate_stack(movie.stack, CAMERA).quantities
    assert found["sigma"].value == pytest.approx(112, rel=0.04)
    assert found["photons"].value == pytest.approx(1500, rel=0.1)
    assert found["photons"].error < 0.1 * found["photons"].value
    assert found["background"].value == pytest.approx(20, rel=0.05)
    assert found["density"].value == pytest.approx(0.025, rel=0.4)
