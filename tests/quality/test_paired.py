"""Molecules of an astigmatic lens that were found twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deep_storm.quality.paired import paired_of

SIGMA_NM = 120.0


def table(angles, scattered=1000, seed=1):
    """Return localizations all over the field, and pairs side by side along some directions."""
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 100, scattered)
    place = rng.uniform(0, 6400, (scattered, 2))
    first = rng.uniform(0, 6400, (len(angles), 2))
    step = 180.0 * np.column_stack([np.cos(angles), np.sin(angles)])
    when = rng.integers(0, 100, len(angles))
    places = np.concatenate([place, first, first + step])
    frames = np.concatenate([frame, when, when])
    return pd.DataFrame({"frame": frames, "x_nm": places[:, 0], "y_nm": places[:, 1]})


def angles(directions, count=150, spread=0.2, seed=2):
    rng = np.random.default_rng(seed)
    return rng.choice(directions, count) + spread * rng.standard_normal(count)


@pytest.mark.parametrize("turned", [0.0, 0.6])
def test_pairs_along_two_perpendicular_directions_are_told(turned):
    found = paired_of(table(angles([turned, turned + np.pi / 2])), SIGMA_NM)
    assert found.is_seen
    assert f"{found.pairs} pairs of localizations lie side by side" in found.sentence()
    assert "calibrate-psf" in found.sentence()


def test_pairs_along_one_direction_or_all_are_something_else():
    assert not paired_of(table(angles([0.3])), SIGMA_NM).is_seen
    every = np.random.default_rng(3).uniform(0, 2 * np.pi, 300)
    assert not paired_of(table(every), SIGMA_NM).is_seen


def test_few_pairs_and_no_rows_cannot_tell():
    assert not paired_of(table(angles([0.0, np.pi / 2], count=20)), SIGMA_NM).is_seen
    assert not paired_of(table(angles([0.0, np.pi / 2], count=60), 3000), SIGMA_NM).is_seen
    assert paired_of(table(angles([0.0])).iloc[:0], SIGMA_NM) is None
    assert paired_of(table(angles([0.0])).iloc[:1], SIGMA_NM).pairs == 0


def test_other_frames_make_no_pairs():
    rows = table(angles([0.0, np.pi / 2]), scattered=0)
    rows["frame"] = np.arange(len(rows))
    assert paired_of(rows, SIGMA_NM).pairs == 0
