"""Light that passes: found once and wider than molecules that stay on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deep_storm.quality.passing import passing_of

FIELD_NM, FRAMES, SIGMA_NM = 6400.0, 80, 115.0


def table(passing=0, wider=0.05, on=3, molecules=700, seed=1, moves_nm=0.0):
    """Return rows of molecules that stay on, and of light that passes, which is dim."""
    rng = np.random.default_rng(seed)
    frame = (rng.integers(0, FRAMES, molecules)[:, None] + np.arange(on)).ravel()
    place = np.repeat(rng.uniform(0, FIELD_NM, (molecules, 2)), on, axis=0)
    place += moves_nm * rng.standard_normal(place.shape)
    frame = np.append(frame, rng.integers(0, FRAMES, passing))
    place = np.concatenate([place, rng.uniform(0, FIELD_NM, (passing, 2))])
    photons = rng.gamma(2.0, 600.0, frame.size)
    photons[frame.size - passing :] *= 0.5
    width = np.full(frame.size, SIGMA_NM)
    width[frame.size - passing :] *= 1.0 + wider
    error = 300.0 / np.sqrt(photons + 50.0)
    place += error[:, None] * rng.standard_normal(place.shape)
    rows = {
        "frame": frame,
        "x_nm": place[:, 0],
        "y_nm": place[:, 1],
        "sigma_nm": width * (1.0 + 0.03 * rng.standard_normal(frame.size)),
        "intensity_photon": photons,
        "uncertainty_xy_nm": error,
    }
    return pd.DataFrame(rows).sort_values("frame", ignore_index=True)


def test_molecules_that_stay_on_are_no_passing_light():
    found = passing_of(table(passing=60, wider=0.0))
    assert not found.is_seen
    assert found.wider == pytest.approx(0.0, abs=3.0 * found.error)


def test_what_is_found_once_and_wider_is_told():
    found = passing_of(table(passing=600))
    assert found.is_seen
    assert found.wider == pytest.approx(0.05, abs=0.01)
    assert found.share == pytest.approx(600 / 2700, abs=0.05)
    assert f"{found.share:.0%} of the localizations" in found.sentence()
    assert "5% wider" in found.sentence()
    assert 'deep-storm filter with "detections > 1"' in found.sentence()


def test_molecules_that_blink_faster_or_move_are_no_passing_light():
    assert not passing_of(table(passing=600, wider=0.0)).is_seen
    moving = passing_of(table(passing=100, wider=0.0, moves_nm=60.0))
    assert moving.share > 0.2
    assert not moving.is_seen


def test_a_few_wide_localizations_are_no_reason():
    assert not passing_of(table(passing=80)).is_seen


def test_tables_that_cannot_tell_say_nothing():
    assert passing_of(table(on=1, molecules=2000)) is None
    assert passing_of(table(passing=600).drop(columns="sigma_nm")) is None
    assert passing_of(table(passing=600).assign(z_nm=0.0)) is None
    assert passing_of(table().iloc[:0]) is None


def test_other_frames_are_no_neighbours():
    rows = table(passing=600)
    assert passing_of(rows.assign(frame=2 * rows["frame"])) is None
