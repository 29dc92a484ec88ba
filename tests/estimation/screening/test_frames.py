"""Frames without a measurement."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.estimation.screening.frames import frame_rule, look_at_frames, repeated


def judged(frames):
    looks = look_at_frames(frames)
    rule = frame_rule(looks)
    return looks, rule.dark(looks), rule.bright(looks), rule.typical(looks)


def darkened(frames, which, rng):
    out = frames.copy()
    out[which] = 100 + rng.normal(0, 2, out[which].shape)
    return out


def flashed(frames, which, rng):
    out = frames.copy()
    out[which] += rng.poisson(1500, out[which].shape) / 0.5
    return out


def test_nothing_is_found_in_a_good_movie(molecules):
    looks, dark, bright, typical = judged(molecules)
    assert not dark.any()
    assert not bright.any()
    assert typical.all()
    assert np.median(looks.level_adu) == pytest.approx(141, abs=2)
    assert np.median(looks.variance_adu2) == pytest.approx(84, rel=0.25)


@pytest.mark.parametrize(
    "which", [slice(0, 12), slice(1, None, 2), slice(7, 8), slice(10, None)], ids=str
)
def test_dark_frames_are_found_wherever_they_are(molecules, rng, which):
    _, dark, bright, typical = judged(darkened(molecules, which, rng))
    expected = np.zeros(60, dtype=bool)
    expected[which] = True
    assert (dark == expected).all()
    assert not bright.any()
    assert (typical == ~expected).all()


@pytest.mark.parametrize("which", [slice(0, 1), slice(0, 5), slice(30, 32)], ids=str)
def test_flashes_are_found(molecules, rng, which):
    _, dark, bright, _ = judged(flashed(molecules, which, rng))
    expected = np.zeros(60, dtype=bool)
    expected[which] = True
    assert (bright == expected).all()
    assert not dark.any()


def test_whole_values_that_are_coarser_than_the_noise_leave_no_gap(molecules, rng):
    steps = (np.arange(60) % 4)[:, None, None]
    light = 140.0 + steps + 0.05 * (molecules - molecules.min())
    fine = light + rng.normal(0.0, 0.3, light.shape)
    _, dark, bright, typical = judged(np.rint(fine).astype(np.uint16))
    assert not dark.any()
    assert not bright.any()
    assert typical.all()


@pytest.mark.parametrize("jump_adu", [150.0, 3000.0])
def test_frames_whose_baseline_jumps_are_too_bright(molecules, jump_adu):
    frames = molecules.copy()
    frames[[0, 30, 31]] += jump_adu
    _, dark, bright, typical = judged(frames)
    assert np.flatnonzero(bright).tolist() == [0, 30, 31]
    assert np.flatnonzero(~typical).tolist() == [0, 30, 31]
    assert not dark.any()


def test_a_higher_baseline_of_a_part_of_the_movie_and_a_small_jump_are_kept(molecules):
    frames = molecules.copy()
    frames[40:] += 150.0
    assert not judged(frames)[2].any()
    frames = molecules.copy()
    frames[30] += 40.0
    assert not judged(frames)[2].any()


def test_frames_that_were_chosen_are_what_others_are_compared_with(molecules, rng):
    """Half of the movie with a lamp: whichever half is asked for is measured."""
    frames = molecules.copy()
    frames[30:] += rng.poisson(120, frames[30:].shape) / 0.5
    looks, lit = look_at_frames(frames), np.arange(60) >= 30
    for chosen, bright in ((None, lit), (~lit, lit), (lit, np.zeros(60, bool))):
        rule = frame_rule(looks, chosen)
        assert (rule.bright(looks) == bright).all()
        assert (rule.typical(looks) == (lit if chosen is lit else ~lit)).all()


@pytest.mark.parametrize("which", [slice(0, 20), slice(30, 35)], ids=["dark", "few"])
def test_frames_that_tell_no_molecules_are_not_compared_with(molecules, rng, which):
    frames = molecules.copy()
    frames[:20] = 100 + rng.normal(0, 2, frames[:20].shape)
    frames[30:35] += rng.poisson(120, frames[30:35].shape) / 0.5
    looks, chosen = look_at_frames(frames), np.zeros(60, bool)
    chosen[which] = True
    assert frame_rule(looks, chosen) == frame_rule(looks)


def test_dark_frames_and_a_flash_in_one_movie(molecules, rng):
    frames = flashed(darkened(molecules, slice(0, 10), rng), slice(20, 21), rng)
    _, dark, bright, _ = judged(frames)
    assert np.flatnonzero(dark).tolist() == list(range(10))
    assert np.flatnonzero(bright).tolist() == [20]


def test_a_background_that_fades_is_no_reason_to_leave_frames_out(molecules, rng):
    more = 100 * np.exp(-np.arange(60) / 15)[:, None, None]
    frames = molecules + rng.poisson(np.broadcast_to(more, molecules.shape)) / 0.5
    _, dark, bright, _ = judged(frames)
    assert not dark.any()
    assert not bright.any()


def test_frames_with_few_molecules_are_not_dark(molecules, rng):
    """Without molecules the background is still there."""
    frames = molecules.copy()
    frames[::2] = 100 + rng.poisson(20, frames[::2].shape) / 0.5
    _, dark, bright, typical = judged(frames)
    assert not dark.any()
    assert not bright.any()
    assert typical.all()


def test_dropped_and_invalid_frames_are_dead(molecules):
    frames = molecules.copy()
    frames[3] = 0
    frames[4] = np.nan
    looks, dark, _, typical = judged(frames)
    assert np.flatnonzero(looks.dead).tolist() == [3, 4]
    assert not dark.any()
    assert not typical[3:5].any()


def test_an_unseen_flash_is_told_by_the_rule_of_the_others(molecules, rng):
    rule = frame_rule(look_at_frames(molecules[:30]))
    looks = look_at_frames(flashed(molecules[30:], slice(2, 3), rng))
    assert np.flatnonzero(rule.bright(looks)).tolist() == [2]


def test_repeated_frames(molecules):
    frames = molecules.copy()
    frames[5] = frames[4]
    assert np.flatnonzero(repeated(frames)).tolist() == [5]


def test_a_few_frames_are_all_let_through(molecules, rng):
    _, dark, bright, typical = judged(darkened(molecules, slice(1, 2), rng)[:4])
    assert not (dark | bright).any()
    assert typical.all()
