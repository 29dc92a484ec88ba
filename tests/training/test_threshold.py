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
