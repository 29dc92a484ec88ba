import numpy as np

from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.quality import stack_look
from deep_storm.quality.stack_look import look_at


def movie(count=50):
    return (np.arange(count, dtype=np.uint16)[:, None, None] + 100) * np.ones((1, 6, 8), np.uint16)


def test_a_short_movie_is_read_whole():
    found = look_at(ArrayFrames(movie(), 100.0))
    np.testing.assert_allclose(found.mean, 124.5)
    np.testing.assert_array_equal(found.frames, np.arange(50))
    np.testing.assert_array_equal(found.level_adu, np.arange(50) + 100)
    assert found.examples.shape == (2, 6, 8)
    assert 0 < found.examples[0, 0, 0] - 100 < found.examples[1, 0, 0] - 100 < 49


def test_of_a_long_one_some_frames_are_read(monkeypatch):
    monkeypatch.setattr(stack_look, "MAX_BYTES", 10 * 6 * 8 * 2)
    found = look_at(ArrayFrames(movie()), 10, 40)
    assert len(found.frames) == 10
    assert found.frames[0] == 10
    assert found.frames[-1] == 39


def test_one_frame_with_broken_pixels():
    frame = np.full((6, 8), 7.0)
    frame[2, 2] = np.nan
    found = look_at(ArrayFrames(frame))
    assert found.mean[2, 2] == 0
    assert found.mean[0, 0] == 7
    assert len(found.examples) == 1
