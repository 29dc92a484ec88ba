"""The confidence that a localization needs."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.training import threshold


def test_a_threshold_for_a_table_that_can_be_believed():
    precision = np.linspace(0.7, 1.0, len(threshold.THRESHOLDS))
    affordable = np.ones(len(precision), bool)
    found = threshold._precise_threshold(precision, affordable)
    assert np.interp(found, threshold.THRESHOLDS, precision) == pytest.approx(
        threshold.MIN_PRECISION
    )
    assert threshold._precise_threshold(np.full(33, 0.95), affordable) == 0.1
    # what is out of reach is not paid for with more than it is worth
    affordable[12:] = False
    assert threshold._precise_threshold(precision, affordable) == threshold.THRESHOLDS[11]
    assert threshold._precise_threshold(0.5 * precision, affordable) == pytest.approx(
        threshold.THRESHOLDS[11]
    )


def test_precision_that_is_out_of_reach_is_sought_as_far_as_it_is_affordable():
    """Whatever a little more of it costs: chance does not decide where the curve is flat."""
    cuts = threshold.THRESHOLDS
    precision = np.interp(cuts, [0.1, 0.4, 0.9], [0.8, 0.845, 0.85])
    found = threshold._precise_threshold(precision, cuts <= 0.6)
    assert found == pytest.approx(0.6)


def test_a_table_that_can_be_believed_anyway_keeps_its_threshold(monkeypatch):
    # Easy frames: many candidates are false at the lowest threshold, few are a little above it.
    cuts = threshold.THRESHOLDS
    jaccard = np.interp(cuts, [0.1, 0.3, 0.4, 0.5, 0.9], [0.86, 0.93, 0.94, 0.94, 0.93])
    precision = np.interp(cuts, [0.1, 0.3, 0.9], [0.9, 0.96, 0.99])
    curves = list(zip(jaccard, precision, strict=True))
    monkeypatch.setattr(threshold, "jaccards", lambda *_: curves)
    assert 0.4 <= threshold.best_threshold(None, None, None, 100.0) <= 0.5


def test_where_nothing_was_found_the_threshold_is_in_the_middle(monkeypatch):
    monkeypatch.setattr(threshold, "jaccards", lambda *_: [(0.0, 0.0)] * 33)
    assert threshold.best_threshold(None, None, None, 100.0) == 0.5
