"""Outliers do not change the spread of values."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.robust import robust_std

NORMAL = np.random.default_rng(0).normal(50.0, 3.0, (200, 500))


def test_normal_values_have_their_standard_deviation():
    assert robust_std(NORMAL) == pytest.approx(3.0, rel=0.01)


def test_outliers_change_next_to_nothing():
    some = NORMAL.copy()
    some[:4] = 1e6
    assert some.std() > 1e4
    assert robust_std(some) == pytest.approx(3.0, rel=0.05)


def test_from_another_middle():
    assert robust_std(np.array([9.0, 10.0, 11.0]), 0.0) == pytest.approx(10.0 / 0.67449)
