"""Frames on their way to the network."""

from __future__ import annotations

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.inference import chunks
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.model_card import ModelCard
from deep_storm.networks.base import Scales
from deep_storm.settings import Background, Emitters, Network, Psf

MOLECULES = {
    "camera": ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
    "psf": Psf(sigma_nm=110),
    "emitters": Emitters(density_per_um2=1, intensity_photon=1500),
    "background": Background(background_photon=20),
}
CARD = ModelCard(network=Network(), scales=Scales.matching(*MOLECULES.values()), **MOLECULES)


@pytest.mark.parametrize("at_a_time", [1, 300, 10**6])
def test_frames_are_converted_and_padded_so_many_at_a_time(monkeypatch, at_a_time):
    monkeypatch.setattr(chunks, "PX_AT_A_TIME", at_a_time)
    frames = np.random.default_rng(1).poisson(150, (7, 10, 13)).astype(np.uint16)
    frames[2] = 120
    frames[4, 3, 5] = 65535
    chunk = chunks.load_chunk(ArrayFrames(frames), CARD, 1, 7)
    assert chunk.dead.tolist() == [False, True, False, False, False, False]
    assert (chunk.start, chunk.replaced, len(chunk.digests)) == (1, 1, 6)
    np.testing.assert_allclose(chunk.photons[0], (frames[1] - 100.0) * 0.5)
    assert (chunk.photons[1] == 20).all()
    assert chunk.photons[3, 3, 5] < 100
    scaled = CARD.scales.network_input(chunk.photons)
    expected = np.pad(scaled, ((0, 0), (0, 2), (0, 3), (0, 0)), mode="edge")
    shown = chunk.shown.batch(0, 6, slice(0, 12), slice(0, 16))
    np.testing.assert_array_equal(shown, expected)
