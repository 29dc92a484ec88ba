"""Bright light that was cut off."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.estimation.screening.clipped import find_clipped
from deep_storm.estimation.screening.examination import examine
from deep_storm.io.stacks.stream import ArrayFrames

NONE = np.zeros((64, 64), dtype=bool)


def found(frames, bad=NONE):
    return find_clipped(frames, bad, float(np.median(frames)))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_values_that_were_cut_off_are_counted(molecules, dtype):
    assert found(molecules.astype(dtype)) is None
    cut = np.minimum(molecules, 300).astype(dtype)
    clipped = found(cut)
    assert clipped.value_adu == 300
    assert clipped.values == (molecules >= 300).sum()
    assert clipped.share == pytest.approx(clipped.values / molecules.size)
    assert "are 300 ADU, and none is larger" in clipped.sentence()


def test_frames_of_few_steps_were_not_cut_off(molecules, rng):
    assert found(np.floor(molecules / 100).astype(np.uint8)) is None
    assert found(rng.poisson(1.0, (80, 64, 64)).astype(np.uint16)) is None


def test_the_limit_of_the_type_cuts_off_too(molecules):
    cut = np.minimum(molecules, 255).astype(np.uint8)
    assert found(cut).values == (molecules >= 255).sum()


def test_stuck_pixels_are_something_else(molecules):
    stuck = molecules.astype(np.uint16)
    stuck[:, 30, 30] = stuck[:, 10, 10] = 4095
    assert found(stuck) is None
    bad = NONE.copy()
    bad[10, 10] = bad[30, 30] = True
    assert found(np.minimum(stuck, 300), bad).values == (molecules >= 300)[:, ~bad].sum()


def test_it_is_said_of_a_movie(molecules):
    said = examine(ArrayFrames(np.minimum(molecules, 300).astype(np.uint16))).sentences()
    assert said[0].startswith("Warning: ")
    assert "bright light was clipped" in said[0]
    assert examine(ArrayFrames(molecules.astype(np.uint16))).sentences() == ()


def test_the_screened_movie_knows_where_light_was_cut_off(molecules):
    cut = ArrayFrames(np.minimum(molecules, 300).astype(np.uint16))
    assert examine(cut).screened(cut).clipped_adu == 300
    whole = ArrayFrames(molecules.astype(np.uint16))
    assert examine(whole).screened(whole).clipped_adu is None
