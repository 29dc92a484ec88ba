"""What every network keeps to."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.settings import Network

SCALES = Scales(background_photon=20, input_photon=100, intensity_photon=1500, sigma_px=1.3)


@pytest.mark.parametrize("name", ["native", "classic"])
@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_a_frame_is_answered_alike_in_any_company(name, batch):
    network = make_network(Network(network=name, upsampling=4))
    infer = network.inference(network.build(), SCALES)
    frames = np.random.default_rng(1).normal(size=(8, 24, 40, 1)).astype(np.float32)
    parts = [infer(frames[k : k + batch]) for k in range(0, 8, batch)]
    np.testing.assert_array_equal(np.concatenate(parts), infer(frames))
