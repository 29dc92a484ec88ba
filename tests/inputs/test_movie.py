"""A movie is looked at before anything is done with it: its values, its noise, its camera."""

from __future__ import annotations

import re

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.camera import PartialCamera
from deep_storm.errors import CameraDoubtError, CameraError, StackError
from deep_storm.inputs.movie import examined_movie
from deep_storm.io.stacks.camera_said import CameraSaid
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)


@pytest.fixture(scope="module")
def frames():
    return simulate(
        CAMERA,
        Psf(sigma_nm=112, sigma_std_nm=8),
        Emitters(density_per_um2=0.5, intensity_photon=1500, intensity_std_photon=400),
        Background(background_photon=20),
        Simulation(frames=60, width_px=64, height_px=64, seed=1),
    ).stack


def looked_at(frames, camera=CAMERA, trusted=False, **options):
    return examined_movie(ArrayFrames(frames, **options), camera, trusted)


def test_nothing_is_said_of_a_good_movie(frames):
    movie = looked_at(frames)
    assert movie.notes == ()
    assert movie.camera == CAMERA
    assert (movie.frames.read(0, 60) == frames).mean() > 0.9999


def test_pixels_that_respond_differently_become_the_camera_s():
    """Simulated frames are then as unlike as the movie, and uncertainties as large as they are."""
    camera = CAMERA.model_copy(update={"response_std": 0.06})
    stack = simulate(
        camera,
        Psf(sigma_nm=112),
        Emitters(density_per_um2=0.5, intensity_photon=1500),
        Background(background_photon=40, unevenness=0.6),
        Simulation(frames=100, width_px=64, height_px=64, seed=2),
    ).stack
    movie = looked_at(stack)
    assert movie.camera.response_std == pytest.approx(0.06, rel=0.2)
    assert "differ in their response to light by" in movie.notes[-1]
    assert looked_at(stack, camera).camera == camera  # known: nothing is said


def test_filtered_frames_are_named_and_no_camera_is_read_off_them(frames):
    mean = (frames[1:].astype(np.float32) + frames[:-1]) / 2.0
    (note,) = looked_at(mean).notes
    assert note.startswith("Warning: the noise of frames that follow each other")
    with pytest.raises(
        CameraError, match=r"a running mean over frames.*does not determine the camera"
    ):
        looked_at(mean, PartialCamera({}), pixel_size_nm=100.0)


def test_a_camera_that_contradicts_the_noise_is_an_error_with_both_numbers(frames):
    wrong = CAMERA.model_copy(update={"photons_per_adu": 1.2})
    with pytest.raises(CameraDoubtError, match=r"suggests 0\.\d+ .* the camera has 1\.2") as doubt:
        looked_at(frames, wrong)
    assert doubt.value.setting == "photons_per_adu"
    assert doubt.value.value == pytest.approx(0.5, rel=0.12)
    trusted = looked_at(frames, wrong, trusted=True)
    assert trusted.camera == wrong
    assert trusted.notes[0].startswith("Warning: the noise of")


def test_a_camera_is_completed_from_file_and_noise(frames):
    movie = looked_at(frames, PartialCamera({}), pixel_size_nm=100.0)
    assert movie.camera.pixel_size_nm == 100
    assert movie.camera.photons_per_adu == pytest.approx(0.5, rel=0.12)
    assert movie.camera.baseline_adu == pytest.approx(100, abs=8)
    assert "no EM gain" in movie.notes[0]


def test_what_is_known_of_the_camera_stays(frames):
    known = PartialCamera({"pixel_size_nm": 100.0, "photons_per_adu": 0.5})
    camera = looked_at(frames, known).camera
    assert camera.photons_per_adu == 0.5
    assert camera.baseline_adu == pytest.approx(100, abs=8)


def test_em_gain_is_taken_into_account(frames):
    known = PartialCamera({"pixel_size_nm": 100.0, "em_gain": 50.0})
    camera = looked_at(frames, known).camera
    assert camera.photons_per_adu == pytest.approx(50, rel=0.12)  # twice the noise of 0.5 · 50


def with_settings(frames, em_gain):
    stream = ArrayFrames(frames, pixel_size_nm=100.0, name="movie.tif")
    stream.camera_said = CameraSaid(em_gain, 30.0, 1)
    return stream


def test_the_em_gain_of_the_file_is_taken_where_none_was_entered(frames):
    movie = examined_movie(with_settings(frames, 50.0), PartialCamera({}))
    assert movie.camera.em_gain == 50
    assert movie.camera.photons_per_adu == pytest.approx(50, rel=0.12)
    assert "with the EM gain of 50 that the file has" in movie.notes[0]


@pytest.mark.parametrize(
    ("own", "said", "told"),
    [
        (None, 50.0, r"^Warning: movie.tif was taken with .* EM gain of 50, .* give --em-gain 50"),
        (20.0, 50.0, r"^Warning: .* EM gain of 50, .* an EM gain of 20: check"),
        (48.0, 50.0, r"^movie.tif was taken with an exposure of 30 ms, an EM gain of 50$"),
        (None, None, r"^movie.tif was taken with an exposure of 30 ms$"),
    ],
)
def test_a_camera_that_contradicts_the_file_is_told(frames, own, said, told):
    gain = 0.5 * (own or 1.0) * (2.0 if own else 1.0)
    camera = CAMERA.model_copy(update={"em_gain": own, "photons_per_adu": gain})
    movie = examined_movie(with_settings(frames, said), camera)
    assert any(re.search(told, note) for note in movie.notes), movie.notes


def test_values_may_come_as_text():
    known = PartialCamera.parse({"pixel_size_nm": "100", "em_gain": "50"})
    assert known == PartialCamera({"pixel_size_nm": 100.0, "em_gain": 50.0})


def test_without_a_pixel_size_it_is_asked_for(frames):
    with pytest.raises(CameraError, match="--pixel-size-nm"):
        looked_at(frames, PartialCamera({}))


def test_smoothed_frames_do_not_tell_the_camera(frames):
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(frames.astype(np.float32), (0, 1, 1))
    with pytest.raises(CameraError, match=r"smoothed, interpolated .* or compressed"):
        looked_at(smooth, PartialCamera({"pixel_size_nm": 100.0}))


def test_a_background_that_was_subtracted_is_told(frames):
    below = (frames - np.median(frames, axis=0)).astype(np.float32)
    for camera in (CAMERA, PartialCamera({"pixel_size_nm": 100.0})):
        with pytest.raises(CameraError, match="a background was subtracted"):
            looked_at(below, camera)


def test_frames_that_cannot_be_read_are_an_error(frames):
    class Broken(ArrayFrames):
        def _read(self, start, stop):
            raise StackError("broken", "frames", "")

    with pytest.raises(StackError):
        examined_movie(Broken(frames), CAMERA)


@pytest.mark.usefixtures("quick_psf")
def test_the_verb_completes_a_camera_that_lacks_its_gain(frames):
    found = ds.estimate(frames, pixel_size_nm=100)
    assert found.estimate.camera.photons_per_adu == pytest.approx(0.5, rel=0.12)
    assert "derived from the noise of the movie" in found.summary()
    assert found.estimate.quantities["sigma"].value == pytest.approx(112, rel=0.06)
