"""The part of a movie that an estimate is made from."""

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.estimation import sampling
from deep_storm.estimation.sampling import draw_sample
from deep_storm.io.stacks.stream import ArrayFrames

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)


def test_frames_too_large_to_be_read_together_give_the_same(monkeypatch):
    frames = np.random.default_rng(1).poisson(40, (47, 64, 64)).astype(np.uint16) + 100
    frames[30] = frames[29]  # a repeat, the first frame of a part
    frames[3, 5, 7] = 65535
    whole = draw_sample(ArrayFrames(frames), CAMERA)
    monkeypatch.setattr(sampling, "MAX_VALUES_AT_A_TIME", 12 * 64 * 64)
    monkeypatch.setattr(sampling, "VALUES_TO_CONVERT", 3 * 64 * 64)
    pieces = draw_sample(ArrayFrames(frames), CAMERA)
    assert pieces.frames == whole.frames == 46
    np.testing.assert_array_equal(pieces.blocks[0], whole.blocks[0])
    np.testing.assert_allclose(pieces.halves_photon, whole.halves_photon)
    np.testing.assert_allclose(pieces.mean_photon, whole.mean_photon)
    assert pieces.saturated == pytest.approx(whole.saturated)


def test_pieces_are_long_enough_to_compare_frames():
    pieces = sampling._pieces(100, 147, 4096 * 4096)
    assert [b - a for a, b in pieces] == [12, 12, 11, 12]
    assert sampling._pieces(0, 200, 64 * 64) == [(0, 200)]
