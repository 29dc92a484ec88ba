"""The native network: shape, receptive field, loss."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.cells import BACKGROUND_CHANNEL, CELLS, FIELDS, OUTPUTS
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales, Truth
from deep_storm.networks.older import names
from deep_storm.networks.precision import bfloat16_gain
from deep_storm.networks.unet import NEIGHBOURS
from deep_storm.psf.code import CODE_LENGTH
from deep_storm.psf.depth import FOCUS_CODE
from deep_storm.settings import Network

SCALES = Scales(background_photon=20, input_photon=100, intensity_photon=1500, sigma_px=1.3)


def test_nothing_beyond_the_halo_is_seen():
    network = make_network(Network())
    model = network.build()
    model.set_weights([np.abs(w) for w in model.get_weights()])
    frames = np.zeros((1, 96, 96, 1), np.float32)
    before = network.inference(model, SCALES)(frames)
    frames[0, 48, 48] = 1.0
    changed = np.abs(network.inference(model, SCALES)(frames) - before).max(axis=(0, 3)) > 0
    rows, columns = np.nonzero(changed)
    assert before.shape == (1, 96, 96, OUTPUTS)
    assert 10 < np.abs(rows - 48).max() <= network.halo_px
    assert 10 < np.abs(columns - 48).max() <= network.halo_px


def test_training_in_half_precision_keeps_whole_weights_and_nearly_the_loss():
    if not bfloat16_gain():
        pytest.skip("this processor has no bfloat16")
    network = make_network(Network())
    whole, half = (network.build(t) for t in ("float32", "bfloat16"))
    half.set_weights(whole.get_weights())
    assert {v.dtype for v in half.trainable_variables} == {"float32"}
    assert half.get_layer(f"{NEIGHBOURS}_seen").compute_dtype == "bfloat16"
    assert half.get_layer("cells").compute_dtype == "float32"
    rng = np.random.default_rng(5)
    frames = rng.normal(size=(2, 16, 16, 3)).astype(np.float32)
    expected = np.repeat(SCALES.expectations()[None], 2, axis=0)
    one = np.ones((2, 3), np.float32)
    places = rng.uniform(2.0, 14.0, (2, 2, 3)).astype(np.float32)
    truth = Truth(*places, one, one, one, np.ones((2, 1, 1), np.float32))
    losses = [
        float(network.loss(network.answer(model, frames, expected, True), truth))
        for model in (whole, half)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
    assert losses[1] != losses[0]


def of_version(version, rng):
    """Return a network with random weights of an older version, and these."""
    network = make_network(Network())
    model = network.build()
    shapes = network.older_shapes(model, version)
    older = [rng.normal(0.0, 0.05, shape).astype(np.float32) for shape in shapes]
    model.set_weights(network.completed(model, older, version))
    return network, model, older


@pytest.mark.parametrize("version", [1, 2, 3])
def test_older_weights_are_kept_as_they_were(version):
    network, model, older = of_version(version, np.random.default_rng(3))
    again = network.laid_out(model, model.get_weights(), version)
    for one, other in zip(again, older, strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_of_before_the_psfs_code_know_nothing_of_it():
    rng = np.random.default_rng(3)
    network, model, older = of_version(1, rng)
    shapes = [w.shape for w in older]
    assert shapes[:5] == [(5, 32), (3, 3, 1, 32), (32,), (3, 3, 32, 32), (32,)]
    frames = rng.normal(size=(2, 16, 16, 1)).astype(np.float32)
    plain, coded, wider = (
        network.inference(model, SCALES.model_copy(update=changed))(frames)
        for changed in ({}, {"psf_code": (0.5,) * CODE_LENGTH}, {"sigma_px": 1.6})
    )
    np.testing.assert_array_equal(plain, coded)
    assert np.abs(plain - wider).max() > 1e-6


@pytest.mark.parametrize("version", [1, 2])
def test_weights_of_before_the_neighbours_see_one_frame(version):
    rng = np.random.default_rng(4)
    network, model, _ = of_version(version, rng)
    infer = network.inference(model, SCALES)
    frames = rng.normal(size=(2, 16, 16, 3)).astype(np.float32)
    np.testing.assert_array_equal(infer(frames), infer(frames[..., :1]))
    # Layers of nothing but zeros would never learn to see the others.
    later = {v.path: v.numpy() for v in model.weights if v.path.startswith(NEIGHBOURS)}
    zero = [path for path, kernel in later.items() if path.endswith("kernel") and not kernel.any()]
    assert zero == [f"{NEIGHBOURS}_added/kernel"]


def test_older_weights_answer_as_they_did():
    """The one that is written out here: a feature that is scaled, shifted, and seen by a cell."""
    network, model, older = of_version(3, np.random.default_rng(5))
    parts = dict(zip(names(3), (0.0 * w for w in older), strict=True))
    rng = np.random.default_rng(6)
    hidden, basic, bias = rng.normal(size=(3, 17)), rng.normal(size=5), 0.3
    parts["hidden/kernel"][:, :3] = hidden.T
    parts["scale_1/kernel"][:3, 0] = 0.2, 0.4, -0.1
    parts["shift_1/kernel"][:3, 0] = 0.3, -0.2, 0.1
    parts["basic_1/kernel"][:, 0] = basic
    parts["convolution_1/bias"][0] = bias
    parts["scale_1/bias"][0], parts["shift_1/bias"][0] = 0.5, 9.0
    for layer in ("convolution_2/kernel", "convolution_11/kernel", "convolution_12/kernel"):
        parts[layer][1, 1, 0, 0] = 1.0
    parts["cells/kernel"][0, 0, 0, BACKGROUND_CHANNEL] = 1.0
    model.set_weights(network.completed(model, list(parts.values()), 3))
    told = SCALES.expectations()
    felt = np.tanh(hidden @ told)
    scale, shift = felt @ (0.2, 0.4, -0.1) + 0.5, felt @ (0.3, -0.2, 0.1) + basic @ told[:5] + 9.0
    answer = network.inference(model, SCALES)(np.zeros((2, 16, 16, 1), np.float32))
    np.testing.assert_allclose(
        answer[..., BACKGROUND_CHANNEL], bias * (1.0 + scale) + shift, rtol=1e-5
    )


def test_a_network_begins_as_one_that_expects_nothing_but_can_learn_to():
    network = make_network(Network())
    model = network.build()
    frames = np.random.default_rng(6).normal(size=(2, 16, 16, 3)).astype(np.float32)
    other = SCALES.model_copy(update={"sigma_px": 1.0, "psf_code": (0.5,) * CODE_LENGTH})
    one, same = (network.inference(model, scales)(frames) for scales in (SCALES, other))
    np.testing.assert_array_equal(one, same)
    # Of two factors one is not zero: else none would learn.
    for v in model.weights:
        if v.path.endswith(("/functions", "/down")):
            assert v.numpy().any(), v.path


def test_one_kernel_for_an_experiment_answers_as_features_scaled_image_by_image():
    rng = np.random.default_rng(7)
    network = make_network(Network())
    model = network.build()
    model.set_weights([rng.normal(0.0, 0.1, w.shape) for w in model.get_weights()])
    frames = rng.normal(size=(2, 16, 16, 3)).astype(np.float32)
    other = SCALES.model_copy(update={"sigma_px": 1.0, "psf_code": (0.5,) * CODE_LENGTH})
    rows = np.stack([scales.expectations() for scales in (SCALES, other)])
    together = network.answer(model, frames, rows, training=False)
    largest = np.abs(together).max()
    for k, scales in enumerate((SCALES, other)):
        alone = network.inference(model, scales)(frames)
        np.testing.assert_allclose(together[k], alone[k], atol=1e-5 * largest)
        assert np.abs(together[k] - alone[1 - k]).max() > 0.01 * largest


def test_the_frames_beside_one_are_seen_and_may_be_missing():
    rng = np.random.default_rng(8)
    network = make_network(Network())
    model = network.build()
    model.set_weights([rng.normal(0.0, 0.05, w.shape) for w in model.get_weights()])
    infer = network.inference(model, SCALES)
    frames = rng.normal(size=(2, 16, 16, 3)).astype(np.float32)
    for side in (1, 2):
        other = frames.copy()
        other[..., side] += 1.0
        assert np.abs(infer(other) - infer(frames)).max() > 1e-6
    alone = frames.copy()
    alone[..., 1:] = 0.0
    np.testing.assert_array_equal(infer(alone), infer(frames[..., :1]))


def test_the_loss_looks_at_the_background_of_every_pixel():
    network = make_network(Network())
    none = np.zeros((1, 1), np.float32)
    uneven = np.ones((1, 8, 8), np.float32)
    uneven[0, :, 4:] = 3.0

    def loss(right_half):
        answer = np.full((1, 8, 8, OUTPUTS), -8.0, np.float32)
        answer[..., BACKGROUND_CHANNEL] = np.log(np.e - 1)
        answer[:, :, 4:, BACKGROUND_CHANNEL] = np.log(np.exp(right_half) - 1)
        return float(network.loss(answer, Truth(none, none, none, none, none, uneven)))

    assert loss(3.0) < loss(2.0) < loss(1.0)


def test_loss_is_lower_for_the_right_answer():
    network = make_network(Network())
    one = np.ones((1, 1), np.float32)
    truth = Truth(3.25 * one, 5.25 * one, one, one, one, np.ones((1, 1, 1), np.float32))

    def loss(column_px):
        answer = np.zeros((1, 8, 8, OUTPUTS), np.float32)
        answer[..., 0:BACKGROUND_CHANNEL:FIELDS] = -8.0
        answer[..., BACKGROUND_CHANNEL] = np.log(np.e - 1)
        answer[0, 5, column_px, 0] = 8.0  # the upper left cell of that pixel
        return float(network.loss(answer, truth))

    assert CELLS == 2
    assert loss(3) < loss(4) - 1.0
    assert loss(3) < loss(2) - 1.0


def test_a_network_that_is_to_state_depth_begins_in_focus_and_unsure():
    network = make_network(Network())
    model = network.build()
    before = [w.copy() for w in model.get_weights()]
    deep = SCALES.model_copy(update={"depth_reach_nm": 400.0})
    network.restate_shape(model, deep)
    frames = np.random.default_rng(4).normal(size=(2, 16, 16, 1)).astype(np.float32)
    answer = network.inference(model, deep)(frames)
    fields = answer[..., :BACKGROUND_CHANNEL].reshape(-1, FIELDS)
    np.testing.assert_allclose(np.exp(fields[:, 4]), FOCUS_CODE, rtol=1e-6)
    assert (fields[:, 8] == fields[0, 8]).all()
    assert fields[:, 1].std() > 0
    changed = [k for k, (a, b) in enumerate(zip(before, model.get_weights(), strict=True))
               if not np.array_equal(a, b)]  # fmt: skip
    assert [before[k].shape[-1] for k in changed] == [OUTPUTS, OUTPUTS]
