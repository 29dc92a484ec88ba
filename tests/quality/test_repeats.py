"""Molecules that stay on: found again, honest and dishonest uncertainties, chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deep_storm.quality.repeats import repeats_of

FIELD_NM = 6400.0


def shared(on=8, molecules=400, seed=1, honest=1.0):
    """Return rows of a method that takes the mean of a frame and those beside it."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 60, molecules)
    use = np.abs(np.subtract.outer(np.arange(on), np.arange(on))) <= 1
    made_of = use.sum(axis=1)
    error = rng.normal(0, 15.0, (2, molecules, on)) @ use.T / made_of
    x, y = rng.uniform(0, FIELD_NM, (2, molecules, 1)) + error
    return pd.DataFrame(
        {
            "frame": (start[:, None] + np.arange(on)).ravel(),
            "x_nm": x.ravel(),
            "y_nm": y.ravel(),
            "uncertainty_xy_nm": np.tile(honest * 15.0 / np.sqrt(made_of), molecules),
            "confidence": 0.95,
        }
    )


def table(lost=0.0, honest=1.0, on=4, molecules=400, false=0, seed=1):
    """Return rows of molecules that are on for some frames, as a method might find them."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 60, molecules)
    x, y = rng.uniform(0, FIELD_NM, (2, molecules))
    frame = (start[:, None] + np.arange(on)).ravel()
    error = rng.uniform(5, 25, frame.size)
    rows = pd.DataFrame(
        {
            "frame": frame,
            "x_nm": np.repeat(x, on) + error * rng.standard_normal(frame.size),
            "y_nm": np.repeat(y, on) + error * rng.standard_normal(frame.size),
            "uncertainty_xy_nm": error * honest,
            "confidence": 0.95,
        }
    )
    rows = rows[rng.uniform(size=len(rows)) >= lost]
    more = pd.DataFrame(
        {
            "frame": rng.integers(0, 60, false),
            "x_nm": rng.uniform(0, FIELD_NM, false),
            "y_nm": rng.uniform(0, FIELD_NM, false),
            "uncertainty_xy_nm": 15.0,
            "confidence": 0.95,
        }
    )
    return pd.concat([rows, more], ignore_index=True).sort_values("frame", ignore_index=True)


def test_a_table_that_is_right_is_found_right():
    found = repeats_of(table())
    assert found.molecules == pytest.approx(2 * 400, rel=0.05)
    assert found.found > 0.95
    assert found.scatter == pytest.approx(1.0, abs=0.08)
    assert found.warnings() == []
    assert "also between them" in found.text()


def test_what_is_lost_between_is_counted():
    found = repeats_of(table(lost=0.3))
    assert found.found == pytest.approx(0.7, abs=0.06)
    assert "lost in between" in found.warnings()[0]


@pytest.mark.parametrize(("honest", "word"), [(0.5, "small"), (2.0, "large")])
def test_uncertainties_that_do_not_hold_are_told(honest, word):
    found = repeats_of(table(honest=honest, molecules=1500))
    assert 0.7 < found.scatter * honest < 1.2
    assert any(f"too {word}" in said for said in found.warnings())


def test_others_close_by_are_taken_for_chance():
    found = repeats_of(table(false=3000))
    assert found.found > 0.93
    assert found.scatter == pytest.approx(1.0, abs=0.12)


def test_molecules_that_do_not_stay_on_tell_nothing():
    assert repeats_of(table(on=1, molecules=3000)) is None
    assert repeats_of(table()[["frame", "x_nm", "y_nm"]]) is None
    assert repeats_of(table().iloc[:0]) is None


@pytest.mark.parametrize(("on", "scatter"), [(3, 0.27), (16, 0.47)])
def test_rows_that_share_frames_may_lie_closer_than_their_uncertainties_say(on, scatter):
    found = repeats_of(shared(on), shared_frames=True)
    assert found.scatter == pytest.approx(scatter, abs=0.04)
    assert found.warnings() == []
    assert "less than once is right" in found.text()
    taken_for_independent = repeats_of(shared(on))
    assert taken_for_independent.scatter == found.scatter
    assert "too large" in taken_for_independent.warnings()[0]
    assert "less than once" not in taken_for_independent.text()


def test_rows_that_share_frames_and_lie_too_far_apart_are_told():
    found = repeats_of(shared(16, honest=0.25, molecules=1500), shared_frames=True)
    assert any("too small" in said for said in found.warnings())
