import numpy as np

from deep_storm.io.stacks import sampled
from deep_storm.io.stacks.sampled import mean_frame, spread_frames
from deep_storm.io.stacks.stream import ArrayFrames


def test_mean_of_all_frames_in_pieces(monkeypatch):
    frames = np.random.default_rng(0).integers(0, 60_000, (23, 5, 7)).astype(np.uint16)
    monkeypatch.setattr(sampled, "BYTES_AT_A_TIME", 4 * 5 * 7 * 8)
    np.testing.assert_allclose(mean_frame(ArrayFrames(frames)), frames.mean(axis=0))


def test_pixels_without_a_number_are_left_out():
    frames = np.array([[[1.0, np.nan]], [[3.0, np.nan]]])
    np.testing.assert_array_equal(mean_frame(ArrayFrames(frames)), [[2.0, 0.0]])


def test_a_part_is_spread_over_the_stack_within_the_memory_allowed():
    stream = ArrayFrames(np.zeros((101, 4, 5), np.uint16))
    frame_bytes = 2 * 4 * 5
    assert spread_frames(stream, most=5, max_bytes=1000 * frame_bytes) == [0, 25, 50, 75, 100]
    assert spread_frames(stream, most=5, max_bytes=3 * frame_bytes) == [0, 50, 100]
    assert spread_frames(stream, most=5, max_bytes=1) == [0]
