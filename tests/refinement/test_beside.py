"""What the frames beside one say of the molecules in it."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.refinement.beside import MAX_PROBABILITY, OnBeside, assigned, places_beside

LOG_DENSITY = float(np.log(0.01))
GOES_ON = 1.0 - 1.0 / 3.0
"""Of molecules that are seen in three frames, in the mean."""


def seen(*rows, spread=0.1, z=0.0, z_certainty=0.0):
    x, y, probability = np.array(rows, float).reshape(-1, 3).T
    same = np.ones(x.size)
    return OnBeside(x, y, spread * same, probability, z * same, z_certainty * same)


def told(before, after, frames_seen=3.0):
    return places_beside(before, after, frames_seen, LOG_DENSITY)


def probability(rows):
    """Return the probability that the odds stand for."""
    return rows[:, 3] * 2.0 * np.pi * 0.01 / rows[:, 2]


def test_one_that_is_seen_before_and_after_is_there_now():
    (row,) = told(seen([5.0, 7.0, 1.0]), seen([5.1, 7.0, 1.0]))
    assert row[:2] == pytest.approx([5.05, 7.0])
    assert row[2] == pytest.approx(200.0)
    assert 0.95 < probability(row[None])[0] <= MAX_PROBABILITY


def test_one_that_is_seen_on_one_side_only_may_be():
    nothing, one = seen(), seen([5.0, 7.0, 0.9])
    for sides in ((one, nothing), (nothing, one)):
        assert probability(told(*sides)) == pytest.approx([0.9 * GOES_ON / (1.0 + GOES_ON)])
    for sides in ((one, None), (None, one)):
        assert probability(told(*sides)) == pytest.approx([0.9 * GOES_ON])


def test_two_far_from_each_other_are_two():
    rows = told(seen([5.0, 7.0, 1.0]), seen([6.0, 7.0, 1.0]))
    assert rows[:, 0].tolist() == [5.0, 6.0]
    assert probability(rows) == pytest.approx([GOES_ON / (1.0 + GOES_ON)] * 2)


def test_where_molecules_hardly_stay_on_two_at_one_place_may_be_two():
    both = seen([5.0, 7.0, 1.0], spread=0.3), seen([5.3, 7.0, 1.0], spread=0.3)
    often, seldom = (probability(told(*both, frames))[0] for frames in (3.0, 1.02))
    assert seldom < 0.1 < 0.8 < often


def test_depths_are_joined_where_they_agree():
    one, other = (seen([5.0, 7.0, 1.0], z=z, z_certainty=4.0) for z in (1.0, 2.0))
    (row,) = told(one, other)
    assert row[4:] == pytest.approx([1.5, 8.0])
    (row,) = told(one, None)
    assert row[4:] == pytest.approx([1.0, 4.0])
    # on both sides of the focus: one of them is wrong, and which one is not known
    (row,) = told(one, seen([5.0, 7.0, 1.0], z=-3.0, z_certainty=4.0))
    assert row[5] == 0.0
    (row,) = told(one, seen([5.0, 7.0, 1.0]))  # where only one of them states it
    assert row[4:] == pytest.approx([1.0, 4.0])


def test_nothing_beside_says_nothing():
    assert told(None, None).shape == (0, 6)
    assert told(seen(), seen()).shape == (0, 6)


def test_each_place_is_told_of_one_and_what_is_left_is_returned():
    beside = told(seen([5.0, 7.0, 1.0], [9.0, 9.0, 1.0]), seen())
    own, left = assigned(np.array([[20.0, 20.0], [5.2, 7.0], [5.1, 7.0]]), beside)
    assert not own[:2].any()
    np.testing.assert_array_equal(own[2], beside[0])
    np.testing.assert_array_equal(left, beside[1:])
    own, left = assigned(np.empty((0, 2)), beside)
    assert own.shape == (0, 6)
    np.testing.assert_array_equal(left, beside)


def test_a_large_frame_is_compared_only_where_molecules_are_close():
    """All pairs of so many would take gigabytes."""
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0.0, 2000.0, (2, 40_000))
    same = np.ones(x.size)
    both = [OnBeside(x, y, 0.1 * same, same, 0.0 * same, 0.0 * same)] * 2
    rows = told(*both)
    assert len(rows) == x.size
    np.testing.assert_allclose(rows[:, 2], 200.0)
    own, left = assigned(np.column_stack([x, y]), rows)
    assert len(left) == 0
    np.testing.assert_allclose(own[:, 0], x)
