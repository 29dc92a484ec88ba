"""Frames on their way to the network."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.inference import chunks
from deep_storm.io.stacks.stream import ArrayFrames


@pytest.mark.parametrize("at_a_time", [1, 300, 10**6])
def test_frames_are_converted_and_padded_so_many_at_a_time(monkeypatch, card, at_a_time):
    monkeypatch.setattr(chunks, "PX_AT_A_TIME", at_a_time)
    frames = np.random.default_rng(1).poisson(150, (7, 10, 13)).astype(np.uint16)
    frames[2] = 120
    frames[4, 3, 5] = 65535
    chunk = chunks.load_chunk(ArrayFrames(frames), card, 1, 7)
    assert chunk.dead.tolist() == [False, True, False, False, False, False]
    assert (chunk.start, len(chunk.digests)) == (1, 6)
    assert chunk.replaced.tolist() == [0, 0, 0, 1, 0, 0]
    np.testing.assert_allclose(chunk.photons[0], (frames[1] - 100.0) * 0.5)
    assert (chunk.photons[1] == 20).all()
    assert chunk.photons[3, 3, 5] < 100
    scaled = card.scales.network_input(chunk.photons)
    expected = np.pad(scaled, ((0, 0), (0, 2), (0, 3), (0, 0)), mode="edge")
    shown = chunk.shown.batch(0, 6, slice(0, 12), slice(0, 16))
    np.testing.assert_array_equal(shown, expected)
