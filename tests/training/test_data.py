"""Training batches: of simulation, and in the scale of the network."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.networks.base import EXPECTATIONS, Scales
from deep_storm.settings import Background, Emitters, Psf, Training
from deep_storm.simulation.patch_batch import PatchBatch
from deep_storm.training.data import SimulatedData, in_scale
from deep_storm.training.schedule import resolved

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
PSF = Psf(sigma_nm=130)
EMITTERS = Emitters(density_per_um2=1, intensity_photon=1500)
BACKGROUND = Background(background_photon=16)
MOLECULES = CAMERA, PSF, EMITTERS, BACKGROUND
SCALES = Scales.matching(*MOLECULES)


def settings(**changes):
    values = {"batch": 8, "patch_size_px": 16, "validation_share": 0.25, **changes}
    return resolved(Training(**values), 32, 32, 1e-3)


def simulated(maps=None, **changes):
    return SimulatedData(CAMERA, PSF, EMITTERS, BACKGROUND, SCALES, settings(**changes), maps)


def test_patches_of_an_epoch_are_those_asked_for():
    assert simulated(max_patches=777).patches_per_epoch == 777


def test_simulated_validation_is_never_trained_on():
    data = simulated()
    assert (data.raw_batch(0).adu != data.raw_validation(0).adu).any()
    again = [batch.frames for batch in data.validation()]
    for one, other in zip(data.validation(), again, strict=True):
        np.testing.assert_array_equal(one.frames, other)


def test_scales_bring_everything_to_about_one():
    batch = simulated().batch(0)
    there = batch.truth.present > 0
    assert batch.frames.shape == (8, 16, 16, 1)
    assert batch.expectations.shape == (1, EXPECTATIONS)  # of all patches
    assert np.mean(batch.truth.photons[there]) == pytest.approx(1, abs=0.1)
    assert np.mean(batch.truth.shape[there]) == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(batch.truth.background, 1)
    assert abs(np.median(batch.frames)) < 0.5


def test_maps_are_corrected_before_the_network_sees_a_patch():
    photons = np.full((2, 4, 4), 30.0, np.float32)
    maps = CameraMaps(
        np.array([90, 110], np.float32)[:, None, None] * np.ones((2, 4, 4), np.float32),
        np.array([0.4, 0.6], np.float32)[:, None, None] * np.ones((2, 4, 4), np.float32),
    )
    adu = photons / maps.photons_per_adu + maps.baseline_adu
    none = np.zeros((2, 16), np.float32)
    batch = PatchBatch(
        adu, np.full(2, 16.0, np.float32), np.zeros((2, 16, 2), np.float32), none, none,
        none.astype(bool), none, maps,
    )  # fmt: skip
    frames = in_scale(batch, CAMERA, SCALES).frames[..., 0]
    np.testing.assert_allclose(frames, (30 - 16) / SCALES.input_photon, rtol=1e-5)


def test_depth_is_learnt_in_place_of_sigma_where_the_scales_say_so():
    z_nm = np.array([[-400.0, 200.0]], np.float32)
    two = np.ones((1, 2), np.float32)
    raw = PatchBatch(
        np.full((1, 16, 16), 130, np.float32), np.full((1, 1, 1), 16, np.float32),
        np.full((1, 2, 2), 8, np.float32), 1.3 * two, 1500 * two, two > 0, z_nm,
    )  # fmt: skip
    deep = SCALES.model_copy(update={"depth_reach_nm": 400.0})
    np.testing.assert_allclose(in_scale(raw, CAMERA, SCALES).truth.shape, two)
    np.testing.assert_allclose(in_scale(raw, CAMERA, deep).truth.shape, [[0.5, 3.5]])


def seen_three(**values):
    return resolved(Training(**values), 32, 32, 1e-3, frames_at_once=3)


def test_frames_beside_a_simulated_patch_are_its_channels():
    data = SimulatedData(*MOLECULES, SCALES, seen_three(batch=400, patch_size_px=16))
    frames = data.batch(0).frames
    assert frames.shape == (400, 16, 16, 3)
    there = frames.any(axis=(1, 2))
    assert there[:, 0].all()
    assert 0.07 < 1.0 - there[:, 1:].mean() < 0.25
    after = frames[there[:, 2], ..., 2]
    assert after.mean() == pytest.approx(frames[..., 0].mean(), rel=0.2)
    assert np.isfinite(frames).all()
