"""The classic network: its fast form gives what the published form gives."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
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
