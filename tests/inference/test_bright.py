"""A bead is one localization, and nothing is born in its skirt."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.bright import BrightLimit, find_bright, with_bright
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
PSF = Psf(sigma_nm=112)
SCALES = SimpleNamespace(intensity_photon=1500.0, sigma_px=1.12, background_scale_photon=20.0)
yy, xx = np.mgrid[:64, :64] + 0.5


def card(density=0.5, spread=400.0, kind="uniform"):
    emitters = Emitters(
        density_per_um2=density,
        intensity_photon=1500,
        intensity_std_photon=spread,
        spread=kind,
    )
    return SimpleNamespace(
        camera=CAMERA,
        psf=PSF,
        emitters=emitters,
        scales=SCALES,
        unit_photon=SCALES.intensity_photon,
        unit_background_photon=SCALES.background_scale_photon,
    )


def spot(x, y, photons, sigma=1.12):
    return (
        photons * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    )


def seen(mean, seed=1):
    return np.random.default_rng(seed).poisson(20 + mean).astype(np.float32)


def candidates(x, y):
    ones = np.ones(len(x), np.float32)
    places = (np.asarray(v, np.float32) for v in (x, y))
    return Candidates(np.full(len(x), 7), *places, 0.1 * ones, 0.9 * ones, ones, ones, ones)


def test_a_bead_has_its_place_light_and_width():
    (bead,) = find_bright(seen(spot(20.3, 41.8, 20_000)), BrightLimit.of(card()))
    assert (bead.x_px, bead.y_px) == pytest.approx((20.3, 41.8), abs=0.05)
    assert bead.photons == pytest.approx(20_000, rel=0.03)
    assert bead.sigma_px == pytest.approx(1.15, abs=0.08)  # pixels widen it
    assert bead.background == pytest.approx(20, abs=2)
    assert 4 < bead.skirt_px < 6


def test_its_pieces_become_one_localization_and_the_others_stay():
    found = candidates([20.1, 20.9, 18.0, 24.1, 40.0], [41.5, 42.0, 43.0, 40.5, 10.0])
    frame = seen(spot(20.3, 41.8, 20_000) + spot(40, 10, 1500))
    after, things = with_bright(frame, found, 7, card())
    assert things == 1
    assert after.frame.tolist() == [7, 7]
    assert after.x_px == pytest.approx([40.0, 20.3], abs=0.05)
    assert after.photons[1] * SCALES.intensity_photon == pytest.approx(20_000, rel=0.03)
    assert after.score[1] == np.float32(0.9)
    assert 0.005 < after.spread_px[1] < 0.05


def test_wide_debris_gives_no_localization():
    found = candidates([20, 24, 17, 50], [40, 43, 39, 12])
    after, things = with_bright(seen(spot(20, 40, 150_000, sigma=4.0)), found, 7, card())
    assert things == 1
    assert after.x_px.tolist() == [50]


@pytest.mark.parametrize(
    ("density", "spread", "kind"),
    [(0.5, 400, "normal"), (3.0, 400, "normal"), (12.0, 600, "gamma"), (2.0, 1500, "gamma")],
)
def test_molecules_are_not_very_bright_however_many_there_are(density, spread, kind):
    movie = simulate(
        CAMERA,
        PSF,
        Emitters(
            density_per_um2=density,
            intensity_photon=1500,
            intensity_std_photon=spread,
            spread=kind,
        ),
        Background(background_photon=20),
        Simulation(frames=30, width_px=64, height_px=64, seed=3),
    )
    limit = BrightLimit.of(card(density, spread, kind))
    frames = CAMERA.photons(movie.stack)
    assert sum(len(find_bright(frame, limit)) for frame in frames) == 0


def test_two_beads_are_two():
    frame = seen(spot(20, 20, 30_000) + spot(30, 20, 20_000))
    found = find_bright(frame, BrightLimit.of(card()))
    assert [round(b.x_px) for b in found] == [20, 30]
