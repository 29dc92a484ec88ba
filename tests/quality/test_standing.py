"""Light that stands: places in which something is found in a large part of the frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deep_storm.quality.standing import standing_of

FIELD_NM, FRAMES, SIGMA_NM = 6400.0, 80, 115.0


def blinking(count=1500, seed=1):
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, FIELD_NM, (2, count))
    return pd.DataFrame(
        {"frame": rng.integers(0, FRAMES, count), "x_nm": place[0], "y_nm": place[1]}
    )


def edge(a_frame=14, seed=2):
    """Return rows along an edge of the background in the middle of the field, in each frame."""
    rng = np.random.default_rng(seed)
    frame = np.repeat(np.arange(FRAMES), a_frame)
    y = rng.uniform(0, FIELD_NM, frame.size)
    x = 3250.0 + 40.0 * rng.standard_normal(frame.size)
    return pd.DataFrame({"frame": frame, "x_nm": x, "y_nm": y})


def test_molecules_that_blink_do_not_stand():
    found = standing_of(blinking(), SIGMA_NM)
    assert found.share < 0.05
    assert not found.is_seen
    assert not standing_of(blinking(count=60_000), SIGMA_NM).is_seen  # chance in crowds


@pytest.mark.parametrize(("frames", "on_frames"), [(20, 2.0), (40, 4.0), (80, 7.0)])
def test_molecules_that_stay_on_do_not_stand(frames, on_frames):
    rng = np.random.default_rng(3)
    births = rng.poisson(0.6 * (FIELD_NM / 1000.0) ** 2 / on_frames * (frames + 8 * on_frames))
    begin = rng.uniform(-8 * on_frames, frames, births)
    end = begin + rng.exponential(on_frames, births)
    place = rng.uniform(0, FIELD_NM, (births, 2))
    seen = [(t, *place[k]) for k in range(births) for t in range(int(begin[k]), int(end[k]) + 1)]
    rows = pd.DataFrame(seen, columns=["frame", "x_nm", "y_nm"])
    rows = rows[(rows["frame"] >= 0) & (rows["frame"] < frames)]
    rows[["x_nm", "y_nm"]] += rng.normal(0.0, 15.0, (len(rows), 2))
    assert not standing_of(rows, SIGMA_NM).is_seen


def test_an_edge_of_the_background_stands():
    rows = pd.concat([blinking(), edge()], ignore_index=True)
    found = standing_of(rows, SIGMA_NM)
    assert found.is_seen
    assert found.share == pytest.approx(len(edge()) / len(rows), abs=0.12)
    assert f"{found.share:.0%} of the localizations lie in places" in found.sentence()
    assert "two views on one chip" in found.sentence()


def test_fringes_stand():
    rng = np.random.default_rng(5)
    frame = np.repeat(np.arange(FRAMES), 100)
    x = 370.0 + 740.0 * rng.integers(0, 8, frame.size) + 50.0 * rng.standard_normal(frame.size)
    y = rng.uniform(0, FIELD_NM, frame.size)
    fringes = pd.DataFrame({"frame": frame, "x_nm": x, "y_nm": y})
    found = standing_of(pd.concat([blinking(), fringes], ignore_index=True), SIGMA_NM)
    assert found.is_seen
    assert "fringes of the laser" in found.sentence()


def test_a_bead_is_no_reason():
    bead = pd.DataFrame({"frame": np.arange(FRAMES), "x_nm": 3000.0, "y_nm": 3000.0})
    found = standing_of(pd.concat([blinking(), bead]), SIGMA_NM)
    assert found.places == 1
    assert not found.is_seen


def test_few_frames_and_no_rows_cannot_tell():
    assert standing_of(edge().query("frame < 10"), SIGMA_NM) is None
    assert standing_of(blinking().iloc[:0], SIGMA_NM) is None
