"""Patches as short movies, for a network that sees the frames beside one."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.settings import Background, Emitters, Psf
from deep_storm.simulation.patch_batch import beside_photons
from deep_storm.simulation.patches import PatchSimulator

CAMERA = Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5, read_noise_adu=1.0)
MOVIE = 4


def batch_of(batch=32, index=0, background=None, maps=None, movie_frames=MOVIE, **emitters):
    given = {"density_per_um2": 2.0, "intensity_photon": 1500.0, **emitters}
    return PatchSimulator(
        CAMERA,
        Psf(sigma_nm=120.0),
        Emitters(**given),
        background or Background(background_photon=20.0),
        patch_size_px=32,
        batch=batch,
        seed=3,
        maps=maps,
        density_factors=(1.0, 1.0),
        movie_frames=movie_frames,
    ).batch_at(index)


def places(batch, patch):
    return {tuple(xy) for xy in batch.xy_px[patch][batch.present[patch]].tolist()}


def test_patches_that_follow_each_other_stand_beside_each_other():
    batch = batch_of(on_time_frames=2.0)
    for patch in (k for k in range(31) if k % MOVIE != MOVIE - 1):
        np.testing.assert_array_equal(batch.beside_adu[patch, ..., 1], batch.adu[patch + 1])
        np.testing.assert_array_equal(batch.beside_adu[patch + 1, ..., 0], batch.adu[patch])


@pytest.mark.parametrize("batch", [1, 6, 8])
@pytest.mark.parametrize("movie_frames", [1, 4])
def test_a_batch_is_as_large_as_asked_for(batch, movie_frames):
    made = batch_of(batch, movie_frames=movie_frames)
    assert made.adu.shape == (batch, 32, 32)
    assert made.beside_adu.shape == (batch, 32, 32, 2)
    assert len(made.present) == batch


@pytest.mark.parametrize(
    ("emitters", "stay"),
    [({}, 0.0), ({"seen_frames": 4.0}, 0.75), ({"on_time_frames": 1.0}, 0.5)],
)
def test_so_many_are_still_there_in_the_next_frame(emitters, stay):
    still = total = 0
    for index in range(8):
        batch = batch_of(index=index, **emitters)
        for patch in (k for k in range(31) if k % MOVIE != MOVIE - 1):
            now, then = places(batch, patch), places(batch, patch + 1)
            still += len(now & then)
            total += len(now)
    assert still / total == pytest.approx(stay, abs=0.03)


@pytest.mark.parametrize(
    "emitters", [{}, {"seen_frames": 5.0}, {"on_time_frames": 0.5}, {"on_time_frames": 6.0}]
)
def test_the_density_is_that_of_each_frame(emitters):
    counts = np.concatenate([batch_of(index=k, **emitters).present.sum(1) for k in range(16)])
    for place in range(MOVIE):
        assert counts[place::MOVIE].mean() == pytest.approx(2.0 * 3.2**2, rel=0.1)


def test_places_keep_background_and_maps_during_a_movie():
    rng = np.random.default_rng(5)
    maps = CameraMaps(baseline_adu=100.0 + rng.normal(0.0, 5.0, (64, 64)).astype(np.float32))
    uneven = Background(background_photon=50.0, unevenness=0.5, haze_per_um2=1.0)
    batch = batch_of(background=uneven, maps=maps, seen_frames=3.0)
    for first in range(0, 32, MOVIE):
        for values in (batch.expected_background_photon, batch.maps.baseline_adu):
            assert all(
                np.array_equal(values[first], values[k]) for k in range(first, first + MOVIE)
            )
    assert not np.array_equal(batch.maps.baseline_adu[0], batch.maps.baseline_adu[MOVIE])


def test_photons_of_the_frames_beside_are_those_of_the_patches():
    batch = batch_of()
    beside = beside_photons(batch, CAMERA)
    np.testing.assert_array_equal(beside[0, ..., 1], CAMERA.photons(batch.adu)[1])
    assert beside_photons(batch_of(movie_frames=0), CAMERA) is None
