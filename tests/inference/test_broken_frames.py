"""NaN, saturation and dead frames stay where they are, through the whole reconstruction."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.inference.reconstruction import reconstruct_frames
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.model import Model
from deep_storm.model_card import ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.settings import Background, Device, Emitters, Network, Psf


@pytest.fixture(scope="module")
def model():
    import keras

    keras.utils.set_random_seed(3)
    parts = {
        "camera": Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        "psf": Psf(sigma_nm=110),
        "emitters": Emitters(density_per_um2=1, intensity_photon=1500),
        "background": Background(background_photon=20),
    }
    scales = Scales.matching(*parts.values())
    card = ModelCard(network=Network(upsampling=2), scales=scales, threshold=0.0, **parts)
    return Model(card, make_network(card.network).build())


def movie():
    return np.random.default_rng(5).poisson(150, (3, 24, 96)).astype(np.uint16)


def rows(frames, model):
    table = reconstruct_frames(ArrayFrames(frames), model, device=Device(precision="float32")).table
    return {number: part.drop(columns="frame") for number, part in table.groupby("frame")}


@pytest.fixture(scope="module")
def whole(model):
    return rows(movie(), model)


def test_a_dead_frame_changes_nothing_in_the_frames_beside_it(model, whole):
    frames = movie()
    frames[1] = 0
    found = rows(frames, model)
    assert set(found) == {0, 2}
    for number in (0, 2):
        np.testing.assert_array_equal(found[number], whole[number])


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_broken_pixel_changes_nothing_far_away_or_in_other_frames(model, whole, broken):
    frames = movie().astype(np.float32)
    frames[1, 12, 4] = broken
    found = rows(frames, model)
    np.testing.assert_array_equal(found[0], whole[0])
    np.testing.assert_array_equal(found[2], whole[2])
    assert np.isfinite(found[1].to_numpy()).all()
    far = 100 * (5 + model.network.halo_px)  # nm
    assert far < 9000
    np.testing.assert_allclose(
        found[1][found[1]["x_nm"] > far], whole[1][whole[1]["x_nm"] > far], rtol=1e-4
    )


def test_a_saturated_pixel_is_no_emitter(model, whole):
    frames = movie()
    frames[1, 12, 4] = 65535
    found = rows(frames, model)
    np.testing.assert_array_equal(found[0], whole[0])
    assert abs(len(found[1]) - len(whole[1])) < 0.1 * len(whole[1])
