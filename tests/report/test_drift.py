import numpy as np

from deep_storm.io.tables.drift_files import Drift
from deep_storm.report.drift import drift_figure


def test_the_curves_are_those_of_the_drift():
    drift = Drift(
        np.array([0.0, 10.0]),
        np.array([[0.0, 2.0]]),
        np.array([[0.0, -1.0]]),
        np.array([5.0]),
        np.array([[11.0, -6.0]]),
    )
    over_time, path = drift_figure(drift).axes
    x, x_measured, y, _ = over_time.lines
    assert x.get_xydata()[-1].tolist() == [11, 20]  # frames from 1
    assert y.get_xydata()[-1].tolist() == [11, -10]
    assert x_measured.get_xydata().tolist() == [[6, 11]]
    assert path.yaxis_inverted()
