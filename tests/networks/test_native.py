"""The native network: shape, receptive field, loss."""

from __future__ import annotations

import numpy as np

from deep_storm.cells import BACKGROUND_CHANNEL, CELLS, FIELDS, OUTPUTS
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales, Truth
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


def test_loss_is_lower_for_the_right_answer():
    network = make_network(Network())
    one = np.ones((1, 1), np.float32)
    truth = Truth(3.25 * one, 5.25 * one, one, one, one, np.ones(1, np.float32))

    def loss(column_px):
        answer = np.zeros((1, 8, 8, OUTPUTS), np.float32)
        answer[..., 0:BACKGROUND_CHANNEL:FIELDS] = -8.0
        answer[..., BACKGROUND_CHANNEL] = np.log(np.e - 1)
        answer[0, 5, column_px, 0] = 8.0  # the upper left cell of that pixel
        return float(network.loss(answer, truth))

    assert CELLS == 2
    assert loss(3) < loss(4) - 1.0
    assert loss(3) < loss(2) - 1.0
