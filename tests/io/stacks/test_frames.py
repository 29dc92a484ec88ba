"""Streams, arrays and the choice of frames."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.errors import SettingsError, StackError
from deep_storm.io.stacks.frames import ArrayFrames, TiffFrames, open_frames, select_frames


def test_array_frames_are_time_y_x():
    values = np.arange(2 * 5 * 7, dtype=np.uint16).reshape(2, 5, 7)
    with ArrayFrames(values, pixel_size_nm=100.0, name="movie") as stream:
        assert stream.shape == (2, 5, 7)
        assert stream.dtype == np.uint16
        assert stream.pixel_size_nm == 100.0
        assert stream.name == "movie"
        np.testing.assert_array_equal(stream.read(1, 2), values[1:2])


def test_what_is_read_belongs_to_the_caller():
    values = np.ones((2, 5, 7), np.uint16)
    ArrayFrames(values).read(0, 2)[:] = 9
    assert (values == 1).all()


def test_big_endian_arrays_come_out_native():
    stream = ArrayFrames(np.ones((2, 5, 7), ">u2"))
    assert stream.dtype.isnative
    assert stream.read(0, 1).dtype.isnative


def test_a_two_dimensional_array_is_one_frame():
    assert ArrayFrames(np.zeros((5, 7))).shape == (1, 5, 7)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((64, 64, 3), np.uint8), "colour image"),
        (np.zeros((2, 3, 8, 8)), "has the shape"),
        (np.zeros(8), "has the shape"),
        (np.zeros((0, 8, 8)), "has no frames"),
        (np.zeros((2, 0, 8)), "8 × 0 pixels"),
        (np.zeros((2, 8, 8), complex), "complex numbers"),
        (np.zeros((2, 8, 8), bool), "true/false values"),
        (np.full((2, 8, 8), np.nan), "NaN everywhere"),
        (np.array([["a", "b"]]), "holds"),
    ],
)
def test_arrays_that_are_no_stack_are_refused(array, words):
    with pytest.raises(StackError, match=words):
        ArrayFrames(array)


def test_single_nan_pixels_are_let_through():
    values = np.ones((2, 5, 7), np.float32)
    values[0, 2, 3] = np.nan
    assert np.isnan(ArrayFrames(values).read(0, 1)).sum() == 1


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (0, 4), (2, 1)])
def test_frames_that_do_not_exist_are_refused(start, stop):
    with pytest.raises(StackError, match="expected frames from 1 to 3"):
        ArrayFrames(np.zeros((3, 5, 7))).read(start, stop)


def test_reading_no_frames_gives_none():
    assert ArrayFrames(np.zeros((3, 5, 7))).read(1, 1).shape == (0, 5, 7)


def test_open_frames_takes_arrays_streams_and_paths(data):
    stream = ArrayFrames(np.zeros((3, 5, 7)))
    assert open_frames(stream) is stream
    assert isinstance(open_frames(np.zeros((3, 5, 7))), ArrayFrames)
    path = data / "emccd_d1_first10.tif"
    for source in (path, str(path)):
        with open_frames(source) as opened:
            assert isinstance(opened, TiffFrames)
    with pytest.raises(StackError, match="was given as int"):
        open_frames(5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1:30", (0, 30)),
        ("5:", (4, 200)),
        (":30", (0, 30)),
        ("7", (6, 7)),
        ("200:200", (199, 200)),
        (" 2 : 3 ", (1, 3)),
        (":", (0, 200)),
        ("", (0, 200)),
        (None, (0, 200)),
    ],
)
def test_frames_are_chosen_from_one_and_inclusive(text, expected):
    assert select_frames(ArrayFrames(np.zeros((200, 2, 2))), text) == expected


@pytest.mark.parametrize("text", ["1:201", "201", "150:201", "201:"])
def test_a_choice_outside_the_stack_is_refused(text):
    with pytest.raises(SettingsError, match=r"200 frames.*LAST ≤ 200"):
        select_frames(ArrayFrames(np.zeros((200, 2, 2))), text)


@pytest.mark.parametrize("text", ["a:b", "1-30", "1:2:3", "1.5:3", "-1:3", "0:3", "5:4", "0"])
def test_a_choice_that_is_no_range_is_refused(text):
    with pytest.raises(SettingsError, match="FIRST:LAST"):
        select_frames(ArrayFrames(np.zeros((200, 2, 2))), text)


@pytest.fixture
def data(request):
    return request.config.rootpath / "tests" / "data"
