"""What the values of frames tell of what was done to them."""

from __future__ import annotations

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import CameraError
from deep_storm.estimation.screening import examine
from deep_storm.estimation.transfer.check import doubt_camera
from deep_storm.estimation.transfer.processed import find_processing
from deep_storm.inputs.movie import complete_camera, examined_movie
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.simulation.frames import simulate

NONE = np.zeros((64, 64), dtype=bool)
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)


@pytest.fixture(scope="module")
def movie():
    return simulate(
        CAMERA,
        ds.Psf(sigma_nm=120),
        ds.Emitters(density_per_um2=0.5, intensity_photon=1500, intensity_std_photon=400),
        ds.Background(background_photon=20),
        ds.Simulation(frames=40, width_px=64, height_px=64, seed=3),
    ).stack


def stretched(movie):
    low, high = (end(movie, axis=(1, 2), keepdims=True).astype(float) for end in (np.min, np.max))
    return np.rint((movie - low) / (high - low) * 255).astype(np.uint8)


def subtracted(movie):
    return np.maximum(movie - np.median(movie, axis=0), 0).astype(np.uint16)


def test_frames_of_a_camera_are_left_alone(movie):
    rng = np.random.default_rng(1)
    assert find_processing(movie, NONE) is None
    assert find_processing(movie.astype(np.float32) - 180, NONE) is None
    assert find_processing(np.minimum(movie, 300), NONE) is None  # saturated
    assert find_processing((movie // 40).astype(np.uint8), NONE) is None  # few steps
    for photons in (0.1, 1.0, 3.0):  # counted
        assert find_processing(rng.poisson(photons, movie.shape), NONE) is None
    assert find_processing(np.full((20, 64, 64), 7), NONE) is None
    assert find_processing(stretched(movie)[:5], NONE) is None
    assert find_processing(stretched(movie), ~NONE) is None


def test_frames_that_were_stretched_one_by_one(movie):
    found = find_processing(stretched(movie), NONE)
    assert found.evidence == "each frame reaches from 0 to 255"
    assert found.what.startswith("stretched one by one")


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_values_that_were_cut_off_below(movie, dtype):
    found = find_processing(subtracted(movie).astype(dtype), NONE)
    assert found.evidence.endswith("% of the values are exactly 0")
    assert "a background was subtracted" in found.what


def test_bad_pixels_tell_nothing(movie):
    frames, bad = movie.copy(), NONE.copy()
    frames[:, 5, 5], frames[:, 9, 9] = 0, 4095  # stuck
    assert find_processing(frames, NONE) is not None
    bad[5, 5] = bad[9, 9] = True
    assert find_processing(frames, bad) is None


@pytest.mark.parametrize("made", [stretched, subtracted])
def test_the_camera_is_not_blamed_for_it(movie, made):
    stream = ArrayFrames(made(movie), name="movie.tif")
    found = examine(stream)
    assert doubt_camera(found.transfer, CAMERA, "movie.tif") is None
    looked = examined_movie(stream, CAMERA.model_copy(update={"baseline_adu": 0.0}))
    (said,) = (note for note in looked.notes if "as in no raw camera frames" in note)
    assert said.startswith("Warning: in movie.tif ")
    assert not looked.camera_agrees
    known = ds.camera.PartialCamera({"pixel_size_nm": 100.0})
    with pytest.raises(CameraError, match="the frames were"):
        complete_camera(known, stream, found)
