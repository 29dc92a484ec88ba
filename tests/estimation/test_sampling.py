"""The part of a movie that an estimate is made from."""

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.estimation import parts, sampling
from deep_storm.estimation.parts import MIN_FRAMES, frame_ranges, pieces
from deep_storm.estimation.sampling import draw_sample
from deep_storm.io.stacks.stream import ArrayFrames

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)


def test_frames_too_large_to_be_read_together_give_the_same(monkeypatch):
    frames = np.random.default_rng(1).poisson(40, (47, 64, 64)).astype(np.uint16) + 100
    frames[30] = frames[29]  # a repeat, the first frame of a part
    frames[3, 5, 7] = 65535
    whole = draw_sample(ArrayFrames(frames), CAMERA)
    monkeypatch.setattr(parts, "MAX_VALUES_AT_A_TIME", 12 * 64 * 64)
    monkeypatch.setattr(sampling, "VALUES_TO_CONVERT", 3 * 64 * 64)
    again = draw_sample(ArrayFrames(frames), CAMERA)
    assert again.frames == whole.frames == 46
    np.testing.assert_array_equal(again.blocks[0], whole.blocks[0])
    np.testing.assert_allclose(again.halves_photon, whole.halves_photon)
    np.testing.assert_allclose(again.mean_photon, whole.mean_photon)
    assert again.saturated == pytest.approx(whole.saturated)


def test_pieces_are_long_enough_to_compare_frames():
    assert [b - a for a, b in pieces(100, 147, 4096 * 4096)] == [12, 12, 11, 12]
    assert pieces(0, 200, 64 * 64) == [(0, 200)]


@pytest.mark.parametrize("left", [1, 3, MIN_FRAMES])
def test_blocks_of_which_hardly_a_frame_is_left_are_left_out(left):
    frames = np.random.default_rng(2).poisson(40, (1500, 48, 48)).astype(np.uint16) + 100
    ranges = frame_ranges(*frames.shape[:1], 48 * 48)
    first, end = ranges[1]
    frames[first : end - left] = 100  # the shutter was closed
    blocks = draw_sample(ArrayFrames(frames), CAMERA).blocks
    lengths = [b - a for a, b in ranges]
    lengths[1:2] = [left] if left == MIN_FRAMES else []
    assert [len(block) for block in blocks] == lengths


def test_a_movie_of_short_parts_keeps_them():
    frames = np.full((1500, 48, 48), 100, np.uint16)
    for _, end in frame_ranges(*frames.shape[:1], 48 * 48):
        frames[end - 6 : end] += np.random.default_rng(end).poisson(40, (6, 48, 48)).astype("u2")
    assert {len(block) for block in draw_sample(ArrayFrames(frames), CAMERA).blocks} == {6}
