"""The classic network: its fast form gives what the published form gives."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from deep_storm.networks import make_network
from deep_storm.networks.base import EXPECTATIONS, Scales
from deep_storm.settings import Network

SCALES = Scales(background_photon=20, input_photon=100, intensity_photon=1500, sigma_px=1.3)


@pytest.mark.parametrize(("upsampling", "shape"), [(4, (10, 14)), (1, (16, 24))])
def test_folded_phase_form_equals_the_trained_network(upsampling, shape):
    network = make_network(Network(network="classic", upsampling=upsampling))
    model = network.build()
    rng = np.random.default_rng(0)
    model.set_weights(
        [w + rng.uniform(0.0, 0.2, w.shape).astype(np.float32) for w in model.get_weights()]
    )
    frames = rng.standard_normal((2, *shape, 1)).astype(np.float32)
    expected = model(frames, training=False).numpy()
    received = network.inference(model, SCALES)(frames)
    assert received.shape == (2, shape[0] * upsampling, shape[1] * upsampling, 1)
    np.testing.assert_allclose(received, expected, atol=1e-4 * np.abs(expected).max())


def test_training_by_phases_is_training_the_published_form():
    keras.utils.set_random_seed(1)  # with some weights a value lies at a kink, and rounding decides
    network = make_network(Network(network="classic", upsampling=4))
    model = network.build()
    frames = np.random.default_rng(0).standard_normal((2, 10, 14, 1)).astype(np.float32)
    nothing = np.zeros((2, EXPECTATIONS), np.float32)

    def gradients(answer):
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(answer() ** 2)
        return [value, *tape.gradient(value, model.trainable_variables)]

    before = model.get_weights()
    expected = gradients(lambda: model(frames, training=True))
    statistics = model.get_weights()
    model.set_weights(before)
    received = gradients(lambda: network.answer(model, frames, nothing, training=True))
    for one, other in zip(received, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3 * np.abs(other).max())
    for one, other in zip(model.get_weights(), statistics, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert any(not np.array_equal(a, b) for a, b in zip(before, statistics, strict=True))


def test_it_is_trained_in_float32_whatever_is_fastest_and_says_so():
    network = make_network(Network(network="classic"))
    dtype = network.training_dtype("bfloat16")
    assert dtype == "float32"
    model = network.build(dtype)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    native = make_network(Network())
    assert native.training_dtype("bfloat16") == "bfloat16"
    layers = native.build("bfloat16").layers
    assert "bfloat16" in {layer.compute_dtype for layer in layers}
