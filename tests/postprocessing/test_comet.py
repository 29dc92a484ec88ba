"""COMET: what is given to its package, what is made of its answer, and what is said without it."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.errors import Cancelled, SettingsError, TableError
from deep_storm.postprocessing.comet import MAX_PAIRS, comet_drift
from deep_storm.settings import DriftCorrection

FRAMES = np.arange(400)
TRUTH = np.outer(FRAMES / 399, [120.0, -60.0])
COMET = DriftCorrection(method="comet", max_drift_nm=300)


def structures(rows, seed=0):
    rng = np.random.default_rng(seed)
    places, frame = rng.uniform(500, 3500, (60, 2)), np.sort(rng.integers(0, 400, rows))
    xy = places[rng.integers(0, 60, rows)] + rng.normal(0, 8, (rows, 2)) + TRUTH[frame]
    return pd.DataFrame(
        {"frame": frame, "x_nm": xy[:, 0], "y_nm": xy[:, 1], "uncertainty_xy_nm": 8.0}
    )


@pytest.fixture
def package(monkeypatch):
    """Stand in for the package: it knows the drift of each bin, but for some noise."""
    calls = []

    def comet_run_kd(dataset, progress, **options):
        calls.append((dataset, options))
        progress("run_start", {"run": 1, "sigma_nm": 100.0})
        bins = int(dataset[:, 3].max()) + 1
        middle = (np.arange(bins) + 0.5) * 400 / bins / 399
        drift = np.outer(middle, [120.0, -60.0, 0.0])
        drift += np.random.default_rng(1).normal(0, 1, drift.shape) + 7
        return None, SimpleNamespace(knot_drift_nm=drift)

    module = ModuleType("comet")
    module.comet_run_kd = comet_run_kd
    monkeypatch.setitem(sys.modules, "comet", module)
    return calls


def test_its_answer_becomes_a_smooth_drift(package):
    measured = comet_drift(structures(3000), COMET)
    assert measured.method == "comet"
    assert measured.bins == 30
    error = measured.drift.at(FRAMES) - TRUTH
    assert np.abs(error - error.mean(axis=0)).max() < 3
    data, options = package[0]
    assert data.shape == (3000, 4)
    assert np.unique(data[:, 3]).tolist() == list(range(30))
    assert options["segmentation_mode"] == -1  # the last column holds bins
    assert options["max_drift_nm"] == 300
    assert options["target_sigma_nm"] == pytest.approx(15)
    assert options["max_locs_per_segment"] is None


def test_of_very_many_pairs_a_part_is_looked_at(package):
    table = structures(60_000)
    comet_drift(table, COMET)
    cap = package[0][1]["max_locs_per_segment"]
    pairs = 60_000**2 / 2 * (1 / 60 + np.pi * 0.3**2 / 9.0 * 59 / 60)
    assert cap == pytest.approx(600 * np.sqrt(MAX_PAIRS / pairs), rel=0.2)


def test_the_summary_names_it(package):
    result = ds.correct_drift(structures(3000), method="comet", max_drift_nm=300)
    assert "30 time bins, moved by COMET" in result.summary()


def test_it_can_be_stopped(package):
    def stop(done, total, message):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        comet_drift(structures(3000), COMET, stop)


def test_without_the_package_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "comet", None)
    with pytest.raises(SettingsError, match='-m pip install "comet-smlm'):
        comet_drift(structures(3000), COMET)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.head(100), "too few to measure drift"),
        (lambda t: t.assign(frame=3), "all localizations are in one frame"),
        (lambda t: t.assign(x_nm=np.arange(len(t)) * 1e4), "neighbours within 300 nm"),
    ],
)
def test_what_cannot_be_measured(package, change, words):
    with pytest.raises(TableError, match=words):
        comet_drift(change(structures(3000)), COMET)


def test_the_real_package_where_it_is_installed():
    pytest.importorskip("comet")
    measured = comet_drift(
        structures(1500), DriftCorrection(method="comet", bins=8, max_drift_nm=200)
    )
    error = measured.drift.at(FRAMES) - TRUTH
    assert np.sqrt(((error - error.mean(axis=0)) ** 2).sum(axis=1).mean()) < 4
