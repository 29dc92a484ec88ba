"""Points along a drift, as a report draws and judges them."""

import numpy as np
import pytest

from deep_storm.io.tables.drift_files import Drift
from deep_storm.quality.drift import DriftCurve


def test_a_curve_is_the_drift_at_its_frames():
    slope = np.array([[0.0, 3.0]])
    drift = Drift(np.array([0.0, 100.0]), slope, -4 / 3 * slope, np.zeros(0), np.zeros((0, 2)))
    curve = DriftCurve.of(drift, 2.0)
    assert (curve.frame[0], curve.frame[-1]) == (0, 100)
    assert curve.x_nm[-1] == pytest.approx(300)
    assert curve.y_nm[-1] == pytest.approx(-400)
    assert curve.extent_nm == pytest.approx(500)
    assert curve.error_nm == 2
