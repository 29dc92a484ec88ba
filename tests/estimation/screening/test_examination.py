"""A movie is looked at as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.errors import StackError
from deep_storm.estimation.screening import examine
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.stacks.stream import ArrayFrames


def looked_at(frames):
    whole = np.clip(np.rint(frames), 0, 65535)
    stack = whole.astype(np.uint16) if np.isfinite(frames).all() else frames.astype(np.float32)
    stream = open_frames(stack)
    found = examine(stream)
    return found, found.screened(stream)


def gain(found):
    return found.transfer.photons_per_adu().value


def test_a_good_movie_is_as_it_was(molecules):
    found, screened = looked_at(molecules)
    assert found.sentences() == ()
    assert found.used.all()
    assert (screened.read(0, 60) == molecules).all()
    assert screened.dtype == np.uint16
    assert gain(found) == pytest.approx(0.5, rel=0.12)


def test_dark_frames_and_flashes_become_dead_frames(molecules, rng):
    frames = molecules.copy()
    frames[:6] = 100 + rng.normal(0, 2, frames[:6].shape)
    frames[30] += rng.poisson(1500, (64, 64)) / 0.5
    found, screened = looked_at(frames)
    read = screened.read(0, 60)
    constant = [t for t in range(60) if np.ptp(read[t]) == 0]
    assert constant == [*range(6), 30]
    assert "6 frames of 60 looked at are dark" in found.sentences()[0]
    assert "1 frame of 60 looked at is far brighter" in found.sentences()[1]
    assert gain(found) == pytest.approx(0.5, rel=0.15)


def test_frames_of_another_light_are_told(molecules, rng):
    frames = molecules.copy()
    frames[40:] += rng.poisson(25, frames[40:].shape) / 0.5
    found, screened = looked_at(frames)
    (said,) = found.sentences()
    assert said.startswith("Warning: 20 frames of 60 looked at are brighter or darker")
    assert "frame 41" in said
    assert "--frames" in said
    assert found.light_changes
    assert (screened.read(0, 60) == np.rint(frames)).all()
    few, _ = looked_at(np.concatenate([frames[:40], frames[55:]]))
    assert few.sentences()[0].startswith("5 frames of 45 looked at are brighter")
    assert not few.light_changes


def test_what_is_said_and_measured_is_about_the_frames_that_were_chosen(molecules, rng):
    frames = molecules.copy()
    frames[30:] += rng.poisson(120, frames[30:].shape) / 0.5
    stream = open_frames(np.rint(frames).astype(np.uint16))
    whole, lit = examine(stream), examine(stream, chosen=(30, 60))
    assert "30 frames of 60 looked at are far brighter" in whole.sentences()[0]
    assert lit.sentences() == ()
    assert [np.ptp(e.screened(stream).read(45, 46)) > 0 for e in (whole, lit)] == [False, True]


def test_frames_that_were_chosen_are_looked_at_in_a_long_movie(molecules):
    stream = open_frames(np.tile(molecules.astype(np.uint16), (10, 1, 1)))
    found = examine(stream, chosen=(35, 38))
    assert set(found.frames[found.chosen]) == {35, 36, 37}
    assert (np.diff(found.frames) > 0).all()


def test_bad_pixels_are_filled_and_told(molecules, rng):
    places = rng.random((64, 64)) < 0.01
    frames = molecules + np.where(places, 300.0, 0.0)
    found, screened = looked_at(frames)
    assert f"{found.screening.pixels.hot.sum()} pixels" in found.sentences()[0]
    apart = screened.read(0, 60).astype(float) - molecules
    assert abs(np.median(apart[:, places])) < 10
    assert found.used.all()
    assert gain(found) == pytest.approx(0.5, rel=0.15)


def test_tracks_do_not_change_the_gain(molecules, rng):
    frames = molecules.copy()
    for frame in frames:
        for _ in range(3):
            y, x = rng.integers(5, 50, 2)
            frame[y, x : x + 12] += rng.uniform(500, 3000)
    found, screened = looked_at(frames)
    assert gain(found) == pytest.approx(0.5, rel=0.15)
    assert screened.read(0, 60).max() < 2500


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_border_is_left_out(molecules, value):
    frames = molecules.copy()
    frames[:, :8] = value
    found, screened = looked_at(frames)
    assert not found.used[:8].any()
    assert found.used[10:].all()
    assert np.isfinite(screened.read(0, 60)).all()
    assert "no usable value in any frame" in found.sentences()[0]
    assert gain(found) == pytest.approx(0.5, rel=0.12)


def test_repeated_frames_are_told(molecules):
    frames = molecules.copy()
    frames[11] = frames[10]
    found, screened = looked_at(frames)
    assert "the same as the one before" in found.sentences()[0]
    assert (screened.read(11, 12) == frames[11]).all()


def test_a_long_movie_is_looked_at_in_parts(molecules):
    found, _ = looked_at(np.tile(molecules, (10, 1, 1)))
    assert len(found.frames) == 300
    assert found.frames[-1] == 599


def test_frames_too_small_or_too_few_are_let_through(molecules):
    for frames in (molecules[:2], molecules[:, :10, :10]):
        found, screened = looked_at(frames)
        assert found.transfer is None or len(frames) == 2
        assert (screened.read(0, len(frames)) == frames).all()


class CutOff(ArrayFrames):
    """A movie whose frames from ``whole`` on cannot be read."""

    whole = 10

    def _read(self, start, stop):
        if stop > self.whole:
            raise StackError(f"frame {self.whole + 1} is damaged")
        return super()._read(start, stop)


def test_of_a_movie_that_is_cut_off_the_frames_before_are_looked_at(molecules):
    assert len(examine(CutOff(molecules[:20])).looks.level_adu) == 10
    nothing = CutOff(molecules[:20])
    nothing.whole = 0
    with pytest.raises(StackError, match="frame 1 is damaged"):
        examine(nothing)
