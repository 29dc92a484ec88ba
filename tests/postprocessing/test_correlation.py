"""Shifts between two sets of points."""

import numpy as np
import pytest

from deep_storm.postprocessing.correlation import Correlator


@pytest.mark.parametrize(("x_nm", "y_nm"), [(0.0, 0.0), (63.0, -41.0), (-120.0, 120.0)])
def test_a_shift_is_found_to_a_fraction_of_a_pixel(x_nm, y_nm):
    rng = np.random.default_rng(5)
    x, y = rng.uniform(0.0, 3000.0, 3000), rng.uniform(0.0, 2000.0, 3000)
    correlator = Correlator(x, y, 20.0, 150.0)
    # shifted points leave the field on all sides
    second = correlator.spectrum(x + x_nm, y + y_nm)
    peak = correlator.peak(correlator.spectrum(x, y), second)
    assert (peak.x_nm, peak.y_nm) == pytest.approx((x_nm, y_nm), abs=0.1 * correlator.pixel_nm)
    assert peak.significance > 20


def test_points_without_anything_in_common_have_no_peak():
    rng = np.random.default_rng(6)
    first, second = rng.uniform(0.0, 2000.0, (2, 2, 500))
    correlator = Correlator(*first, 20.0, 150.0)
    peak = correlator.peak(correlator.spectrum(*first), correlator.spectrum(*second))
    assert peak.significance < 8
