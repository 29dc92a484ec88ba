"""Imported simulations: their brightness where camera maps correct them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import CameraError
from deep_storm.inputs.training_data import corrected_simulation, imported_simulation
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.8)
GIVEN = {"camera": CAMERA, "psf": None, "emitters": None, "background": None}
SIZE = Simulation(frames=8, width_px=40, height_px=32)
OFFSET_ADU = 22.0
"""By which all pixels of the maps lie above the camera's baseline: a fifth, which is taken."""


@pytest.fixture(scope="module")
def raised():
    """Frames of a camera whose baseline is higher than the number that was written down."""
    emitters = Emitters(density_per_um2=0.5, intensity_photon=900.0)
    light = Background(background_photon=4.0)
    made = simulate(CAMERA, Psf(sigma_nm=112.0), emitters, light, SIZE)
    return made.stack + np.uint16(OFFSET_ADU), made.truth


def maps_of(baseline_adu):
    return CameraMaps(baseline_adu=np.full((32, 40), baseline_adu, np.float32))


def test_without_maps_the_baseline_is_the_cameras(raised):
    with pytest.raises(CameraError, match="ADU bright on average"):
        imported_simulation(raised, GIVEN, None)


def test_with_maps_it_is_theirs(raised):
    imported, molecules = imported_simulation(raised, GIVEN, None, with_maps=True)
    right = replace(molecules, maps=maps_of(CAMERA.baseline_adu + OFFSET_ADU))
    frames = corrected_simulation(imported, right).stream.read(0, 8)
    np.testing.assert_allclose(frames, raised[0] - OFFSET_ADU, atol=1e-3)
    wrong = replace(molecules, maps=maps_of(CAMERA.baseline_adu))
    with pytest.raises(CameraError, match="ADU bright on average"):
        corrected_simulation(imported, wrong)


def test_without_maps_frames_stay_as_they_are(raised):
    imported, molecules = imported_simulation(raised, GIVEN, None, with_maps=True)
    assert corrected_simulation(imported, molecules) is imported
