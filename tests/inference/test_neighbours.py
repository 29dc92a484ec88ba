"""The frames before and after those of a chunk."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.errors import StackError
from deep_storm.inference.chunks import load_chunk
from deep_storm.inference.layout import spans
from deep_storm.inference.neighbours import read_around
from deep_storm.io.stacks.stream import ArrayFrames

WHOLE = slice(0, 12), slice(0, 8)
FRAMES = np.random.default_rng(2).poisson(150, (9, 12, 8)).astype(np.uint16)


@pytest.fixture
def shown(card):
    """Return what shows frames of a stack as the network takes them."""
    return lambda frames, start, stop: (
        load_chunk(ArrayFrames(frames), card, start, stop, frames_at_once=3).shown
    )


def test_a_frame_is_shown_with_the_one_before_and_the_one_after(card, shown):
    batch = shown(FRAMES, 0, 9).batch(0, 9, *WHOLE)
    expected = card.scales.network_input(card.camera.photons(FRAMES))[..., 0]
    np.testing.assert_array_equal(batch[..., 0], expected)
    np.testing.assert_array_equal(batch[1:, ..., 1], expected[:-1])
    np.testing.assert_array_equal(batch[:-1, ..., 2], expected[1:])


def test_before_the_first_and_after_the_last_is_nothing(shown):
    batch = shown(FRAMES, 0, 9).batch(0, 9, *WHOLE)
    assert not batch[0, ..., 1].any()
    assert not batch[-1, ..., 2].any()


@pytest.mark.parametrize("size", [1, 2, 4])
def test_it_does_not_matter_where_chunks_and_batches_begin(size, shown):
    whole = shown(FRAMES, 0, 9).batch(0, 9, *WHOLE)
    for start in range(0, 9, size):
        stop = min(start + size, 9)
        chunk = shown(FRAMES, start, stop)
        pieces = [chunk.batch(k, k + 1, *WHOLE) for k in range(stop - start)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole[start:stop])


def test_a_window_is_cut_out_of_all_three(shown):
    chunk = shown(FRAMES, 2, 6)
    window = slice(4, 12), slice(0, 4)
    whole = chunk.batch(1, 3, *WHOLE)
    np.testing.assert_array_equal(chunk.batch(1, 3, *window), whole[:, 4:12, :4])


@pytest.mark.parametrize("frames_at_once", [1, 3])
def test_what_lies_beyond_the_edge_is_as_the_edge(frames_at_once, card):
    chunk = load_chunk(ArrayFrames(FRAMES[:, :11, :7]), card, 2, 6, frames_at_once).shown
    padded = chunk.batch(0, 4, slice(4, 12), slice(4, 8))
    inside = chunk.batch(0, 4, slice(4, 11), slice(4, 7))
    expected = np.pad(inside, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    np.testing.assert_array_equal(padded, expected)


def test_a_dead_frame_beside_one_is_nothing(shown):
    frames = FRAMES.copy()
    frames[4] = 100
    batch = shown(frames, 3, 6).batch(0, 3, *WHOLE)
    assert batch[0, ..., 1].any()
    assert not batch[0, ..., 2].any()
    assert not batch[2, ..., 1].any()


def test_the_same_frame_once_more_tells_nothing_new(shown):
    frames = FRAMES.copy()
    frames[4] = frames[3]
    batch = shown(frames, 3, 5).batch(0, 2, *WHOLE)
    assert not batch[0, ..., 2].any()
    assert not batch[1, ..., 1].any()
    assert batch[1, ..., 2].any()


class Counted(ArrayFrames):
    read_frames = 0

    def _read(self, start, stop):
        self.read_frames += stop - start
        return super()._read(start, stop)


@pytest.mark.parametrize(("frames_at_once", "frames"), [(1, 3), (3, 5)])
def test_frames_are_read_once(frames_at_once, frames, card):
    stream = Counted(FRAMES)
    load_chunk(stream, card, 2, 5, frames_at_once)
    assert stream.read_frames == frames


class Damaged(ArrayFrames):
    def _read(self, start, stop):
        if start <= 5 < stop:
            raise StackError("frame 6 is damaged", "whole frames", "copy the file again")
        return super()._read(start, stop)


def test_a_damaged_frame_beside_a_chunk_is_left_to_the_chunk_that_needs_it():
    around = read_around(Damaged(FRAMES), 2, 5)
    np.testing.assert_array_equal(around.adu, FRAMES[1:5])
    assert around.before == 1
    with pytest.raises(StackError, match="frame 6"):
        read_around(Damaged(FRAMES), 4, 6)


class Growing(ArrayFrames):
    grows = True

    def __init__(self, frames, states):
        super().__init__(frames)
        self.states = states

    def available(self, wanted):
        return self.states.pop(0)

    def end(self, last):
        return len(FRAMES)


def test_the_last_frames_of_a_growing_movie_wait_for_the_next_one():
    states = [(4, False), (5, False), (8, False), (9, False), (9, True), (9, True)]
    found = list(spans(Growing(FRAMES, states), 0, 9, 4, ahead=1))
    assert found == [(0, 0), (0, 4), (4, 4), (4, 8), (8, 9)]


def test_a_flash_is_not_shown_beside_other_frames(shown):
    frames = FRAMES.copy()
    frames[4] += 400
    batch = shown(frames, 3, 6).batch(0, 3, *WHOLE)
    assert not batch[0, ..., 2].any()
    assert not batch[1, ..., 1:].any()
    assert not batch[2, ..., 1].any()


def test_photons_of_the_frames_beside_one(card):
    frames = FRAMES.copy()
    frames[4] = 100
    chunk = load_chunk(ArrayFrames(frames), card, 3, 6, frames_at_once=3)
    beside = chunk.shown.beside(0)
    np.testing.assert_array_equal(beside[..., 0], card.camera.photons(FRAMES[2]))
    assert np.isnan(beside[..., 1]).all()
    assert load_chunk(ArrayFrames(frames), card, 3, 6).shown.beside(0) is None


def test_uneven_light_of_a_bright_background_is_no_flash(card):
    bright = card.model_copy(
        update={"scales": card.scales.model_copy(update={"background_photon": 1000.0})}
    )
    frames = FRAMES + np.uint16(1900)
    frames[4] += 400
    chunk = load_chunk(ArrayFrames(frames), bright, 3, 6, frames_at_once=3)
    batch = chunk.shown.batch(0, 3, *WHOLE)
    assert batch[1, ..., 1:].any(axis=(0, 1)).all()
