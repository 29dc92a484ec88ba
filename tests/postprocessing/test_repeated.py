"""Molecules that are in a table several times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.postprocessing.repeated import seen_again


def table(on_frames, seed=1, molecules=400, sites=None):
    """Return molecules that are on for some frames each, at random places or at a few sites."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, 6400, (molecules, 2))
    if sites is not None:
        place = rng.uniform(0, 6400, (sites, 2))[rng.integers(0, sites, molecules)]
    first = rng.integers(0, 100 - on_frames, molecules)
    frame = (first[:, None] + np.arange(on_frames)).ravel()
    x, y = (np.repeat(place, on_frames, axis=0) + rng.normal(0, 8, (frame.size, 2))).T
    return pd.DataFrame({"frame": frame, "x_nm": x, "y_nm": y, "uncertainty_xy_nm": 8.0})


@pytest.mark.parametrize("on_frames", [2, 4])
def test_molecules_that_stay_on_are_seen_again(on_frames):
    expected = 1 - 1 / on_frames
    assert seen_again(table(on_frames)) == pytest.approx(expected, abs=0.05)
    bare = table(on_frames).drop(columns="uncertainty_xy_nm")
    assert seen_again(bare) == pytest.approx(expected, abs=0.05)


def test_structures_that_blink_are_not():
    assert seen_again(table(1)) < 0.02
    assert seen_again(table(1, molecules=2000, sites=30)) < 0.06
    assert seen_again(table(1).iloc[:0]) == 0.0
    assert seen_again(table(1).query("frame < 5")) == 0.0


def test_clusters_of_them_are_warned_of():
    found = ds.cluster(table(4), simulations=0)
    assert "Warning: 7" in found.summary()
    assert "merge the table first" in found.summary()
    assert found.to_json()["warnings"] == list(found.warnings)
    merged = ds.merge(table(4), shared_frames=False).table
    assert ds.cluster(merged, simulations=0).warnings == ()
