"""Reconstruction: tiled = untiled, chunked = whole, broken pixels, stopping."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep_storm.camera import Camera
from deep_storm.errors import AnswerError, Cancelled
from deep_storm.inference.reconstruction import reconstruct_frames
from deep_storm.inference.repair import repair
from deep_storm.inference.tiles import plan_tiles
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.model import Model
from deep_storm.model_card import ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.settings import Background, Emitters, Network, Psf, Reconstruction


@pytest.fixture(scope="module")
def model(seeing_neighbours):
    import keras

    keras.utils.set_random_seed(3)
    parts = (
        Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        Psf(sigma_nm=110),
        Emitters(density_per_um2=1, intensity_photon=1500),
        Background(background_photon=20),
    )
    card = ModelCard(
        network=Network(upsampling=2),
        camera=parts[0],
        psf=parts[1],
        emitters=parts[2],
        background=parts[3],
        scales=Scales.matching(*parts),
        threshold=0.0,
    )
    return seeing_neighbours(Model(card, make_network(card.network).build()))


def stack(frames, height, width):
    return np.random.default_rng(5).poisson(150, (frames, height, width)).astype(np.uint16)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(16, 128))
@settings(max_examples=30, deadline=None)
def test_cores_cover_every_pixel_once(height, width, tile_px):
    covered = np.zeros((height, width), int)
    for tile in plan_tiles(height, width, tile_px, 24, 4):
        covered[tile.core] += 1
        assert all(w.start % 4 == 0 and w.stop % 4 == 0 for w in tile.window)
    assert (covered == 1).all()


@pytest.mark.parametrize("shape", [(97, 120), (61, 130)])
def test_tiled_equals_untiled(model, shape):
    movie = ArrayFrames(stack(2, *shape))
    whole = reconstruct_frames(movie, model, Reconstruction(tile_px=512))
    tiled = reconstruct_frames(movie, model, Reconstruction(tile_px=64, chunk_frames=1))
    assert len(whole.table) == len(tiled.table) > 0
    assert whole.image.shape == (shape[0] * 2, shape[1] * 2)
    np.testing.assert_allclose(tiled.table["x_nm"], whole.table["x_nm"], rtol=1e-4)
    np.testing.assert_allclose(tiled.image, whole.image, atol=1e-4)


def test_chosen_frames_keep_their_numbers(model):
    movie = ArrayFrames(stack(6, 20, 24))
    done = reconstruct_frames(movie, model, Reconstruction(frames="3:5", chunk_frames=2))
    assert set(done.table["frame"]) == {2, 3, 4}
    assert done.shape == (3, 20, 24)


def test_stopping_keeps_what_is_there(model):
    def stop_after_two(done, total, message):
        if done >= 2:
            raise Cancelled("stopped")

    movie = ArrayFrames(stack(6, 20, 24))
    done = reconstruct_frames(movie, model, Reconstruction(chunk_frames=1), progress=stop_after_two)
    assert not done.complete
    assert done.shape[0] == 2
    assert set(done.table["frame"]) == {0, 1}


def test_dead_frames_give_nothing(model):
    frames = stack(3, 20, 24)
    frames[1] = 0
    done = reconstruct_frames(ArrayFrames(frames), model)
    assert done.dead_frames == (1,)
    assert set(done.table["frame"]) == {0, 2}


def test_broken_pixels_are_filled_and_their_neighbours_kept():
    frames = stack(1, 12, 12).astype(np.float32)
    frames[0, 5, 6] = np.nan
    frames[0, 0, 0] = np.inf
    repaired = repair(frames)
    assert repaired.replaced.sum() == 2
    around = frames[0, 4:7, 5:8]
    assert repaired.adu[0, 5, 6] == pytest.approx(np.nanmean(around), rel=1e-5)
    valid = np.isfinite(frames)
    np.testing.assert_array_equal(repaired.adu[valid], frames[valid])


def test_saturated_pixels_are_filled():
    frames = stack(2, 12, 12)
    frames[1, 3, 3] = 65535
    repaired = repair(frames)
    assert repaired.replaced.sum() == 1
    assert repaired.adu.max() < 1000


def test_answer_that_is_no_number_is_an_error_with_the_frame(model):
    broken = Model(model.card, make_network(model.card.network).build())
    weights = model.keras_model.get_weights()
    broken.keras_model.set_weights([1e6 * w for w in weights])
    frames = stack(3, 16, 16)
    with pytest.raises(AnswerError, match="frame 1 of array"):
        reconstruct_frames(ArrayFrames(frames), broken)
