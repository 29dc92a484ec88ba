"""What is learnt on simulation about refined emitters."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.inference.features import FEATURES, MAX_BEYOND, crowding, features, near_border
from deep_storm.inference.refining import _depth_std_px
from deep_storm.refinement.prior import Prior
from deep_storm.refinement.refiner import Refined
from deep_storm.refinement.shapes import gaussian_shape
from deep_storm.training import refining

PRIOR = Prior(1000.0, 200.0, 1.3, 1.0, -4.0, **gaussian_shape(1.3, 0.05).fields)


def refined(x_px, photons=1000.0, sigma_px=1.3):
    x = np.asarray(x_px, np.float64)
    ones = np.ones_like(x)
    fitted = (x, 5 * ones, photons * ones, sigma_px * ones, ones, 0.1 * ones)
    return Refined(*fitted, 9 * ones, ones, 0 * ones, 20 * ones, np.empty(0), np.empty(0))


def test_crowding_is_one_at_the_same_place_and_none_alone():
    near = crowding(refined([10.0, 10.0, 40.0]), 1.3)
    assert near[:2] == pytest.approx([1.0, 1.0])
    assert near[2] < 1e-6
    assert crowding(refined([3.0]), 1.3) == pytest.approx([0.0])
    assert crowding(refined([]), 1.3).size == 0


def test_bright_and_wide_emitters_are_told_from_usual_ones():
    usual, pair = features(refined([9.0]), PRIOR), features(refined([9.0], 2000.0, 1.56), PRIOR)
    assert usual.shape == (1, FEATURES)
    changed = np.flatnonzero((usual != pair)[0])
    assert changed.tolist() == [6, 7]
    assert pair[0, 6:8] == pytest.approx([2.0, 2.0])


def test_emitters_at_the_border_are_told_from_those_within():
    rows = refined([5.0, 9.0, 15.0])._replace(border_px=np.array([0.0, 2.6, 20.0]))
    assert near_border(rows, 1.3) == pytest.approx([1.0, np.exp(-0.5), 0.0], abs=1e-9)
    seen = features(rows, PRIOR)
    assert np.flatnonzero((seen[0] != seen[2])[9:]).tolist() == [0]


def test_depths_at_the_end_and_beyond_are_told_from_others():
    deep = refined([5.0, 15.0, 25.0, 35.0, 45.0])._replace(
        z_px=np.array([-3.0, 3.6, -4.0, 4.2, -9.0]), z_spread_px=np.full(5, 0.5)
    )
    some = PRIOR._replace(shape=0.0, shape_reach=4.0, shape_std=0.4)
    assert features(deep, some)[:, -1] == pytest.approx([0.0, 0.5, 1.5, 2.0, MAX_BEYOND])
    # Where depths are normally distributed, none is out of the question.
    assert not features(deep, some._replace(shape_reach=0.0))[:, -1].any()


def test_gamma_regression_finds_the_variance_of_heavy_and_light_tails():
    rng = np.random.default_rng(5)
    values = np.ones((20_000, FEATURES))
    values[:, 1:] = rng.normal(0.0, 0.5, (len(values), FEATURES - 1))
    true = np.linspace(-0.4, 0.4, FEATURES)
    excess = np.exp(values @ true) * rng.chisquare(2, len(values)) / 2
    assert refining._gamma(values, excess) == pytest.approx(true, abs=0.06)


def test_gamma_regression_converges_from_far_off():
    values = np.ones((100, FEATURES))
    values[:, 1:] = 0.0
    values[:50, 1] = 1.0
    excess = np.where(values[:, 1] > 0, 400.0, 0.01)
    found = np.exp(values @ np.asarray(refining._gamma(values, excess)))
    assert found[0] / 400.0 == pytest.approx(1.0, abs=0.2)
    assert found[-1] < 0.02


def test_few_emitters_change_nothing():
    assert refining._gamma(np.ones((3, FEATURES)), np.full(3, 9.0)) == (0.0,) * FEATURES


def test_at_the_end_of_the_psfs_depths_all_of_them_are_possible():
    prior = PRIOR._replace(min_shape=-6.0, max_shape=6.0)
    deep = refined([5.0, 15.0, 25.0])._replace(
        z_px=np.array([-6.0, 5.9, 6.0]), z_spread_px=np.full(3, 0.5)
    )
    assert _depth_std_px(deep, prior, 1.2) == pytest.approx([12.0, 0.6, 12.0])
