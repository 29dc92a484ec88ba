"""What a movie tells by itself, and in which words."""

from __future__ import annotations

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import StackError
from deep_storm.io.stacks.frames import open_frames
from deep_storm.runs.first_look import look_at
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)


@pytest.fixture(scope="module")
def movie():
    emitters = Emitters(density_per_um2=0.8, intensity_photon=1500.0)
    size = Simulation(frames=60, width_px=96, height_px=96)
    background = Background(background_photon=20.0)
    return simulate(CAMERA, Psf(sigma_nm=130.0), emitters, background, size).stack


def stream_of(frames, pixel_size_nm=None):
    stream = open_frames(frames)
    stream.pixel_size_nm = pixel_size_nm
    return stream


def found(look):
    return {finding.what: finding for finding in look.findings}


def test_a_movie_with_a_scale_tells_camera_and_molecules(movie):
    look = look_at(stream_of(movie, 100.0))
    assert look.missing == ()
    assert look.camera["photons_per_adu"] == pytest.approx(0.5, rel=0.2)
    assert look.camera["baseline_adu"] == pytest.approx(100, abs=15)
    said = found(look)
    assert said["Pixel size"].text == "100 nm, from the image's scale"
    assert said["Pixel size"].sure == "sure"
    assert "if the camera has no EM gain" in said["Camera"].text
    assert look.sections["psf"]["sigma_nm"] == pytest.approx(130, rel=0.05)
    assert look.sections["emitters"]["density_per_um2"] == pytest.approx(0.8, rel=0.25)
    assert said["PSF"].sure in ("sure", "fairly sure")
    assert "(± " in said["Density"].text


def test_without_a_scale_the_pixel_size_is_asked_for(movie):
    look = look_at(stream_of(movie))
    assert look.missing == ("pixel_size_nm",)
    assert found(look)["Pixel size"].sure == "unknown"
    assert look.sections == {}
    assert "seen once the camera is known" in look.summary()


def test_an_entered_camera_is_taken_and_held_against_the_noise(movie):
    look = look_at(stream_of(movie), CAMERA)
    assert look.camera == CAMERA.model_dump(exclude_none=True)
    said = found(look)
    assert said["Pixel size"].text == "100 nm, as entered in Camera Setup"
    assert said["Camera"].text.endswith("; the noise of the frames agrees")
    wrong = CAMERA.model_copy(update={"photons_per_adu": 2.0})
    said = found(look_at(stream_of(movie), wrong))
    assert said["Camera"].sure == "unsure"
    assert "the camera has 2; enter photons_per_adu = 0." in said["Camera"].text


def test_an_image_that_contradicts_the_camera_is_named(movie):
    look = look_at(stream_of(movie, 160.0), CAMERA)
    assert look.camera["pixel_size_nm"] == 160.0
    assert found(look)["Pixel size"].sure == "unsure"
    assert "Camera Setup has 100 nm" in found(look)["Pixel size"].text


def test_frames_that_tell_nothing_are_said_to(movie):
    flat = np.random.default_rng(1).normal(100, 2, (12, 32, 32)).round().astype(np.uint16)
    look = look_at(stream_of(flat, 100.0))
    assert set(look.missing) == {"baseline_adu", "photons_per_adu"}
    assert found(look)["Camera"].sure == "unknown"
    with pytest.raises(StackError, match="at least 10"):
        look_at(stream_of(movie[:4], 100.0), CAMERA)
