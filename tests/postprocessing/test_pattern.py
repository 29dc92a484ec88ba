import numpy as np
import pandas as pd
import pytest

from deep_storm.errors import SettingsError
from deep_storm.postprocessing import pattern as module
from deep_storm.postprocessing.pattern import point_pattern
from deep_storm.settings import Clustering

FIELD_NM = 4000.0


def random_points(count=1500, seed=0):
    where = np.random.default_rng(seed).uniform(0, FIELD_NM, (count, 2))
    return pd.DataFrame({"x_nm": where[:, 0], "y_nm": where[:, 1]})


def clustered_points(centres=150, each=10, sigma_nm=20.0, seed=0):
    rng = np.random.default_rng(seed)
    where = np.repeat(rng.uniform(0, FIELD_NM, (centres, 2)), each, axis=0)
    where = where + rng.normal(0, sigma_nm, where.shape)
    return pd.DataFrame({"x_nm": where[:, 0], "y_nm": where[:, 1]})


def test_random_points_stay_within_the_envelope():
    found = point_pattern(random_points(), Clustering(simulations=39))
    outside = (found.l_minus_r_nm > found.l_high_nm) | (found.l_minus_r_nm < found.l_low_nm)
    assert outside.mean() < 0.2
    assert abs(found.l_minus_r_nm[10:]).max() < 3
    expected = 1 - np.exp(-1500 * np.pi * found.distance_nm**2 / FIELD_NM**2)
    np.testing.assert_allclose(found.nearest, expected, atol=0.03)


def test_ripleys_k_of_clusters_is_that_of_theory():
    # Clusters of n points each, Gaussian, at random: K(r) = π r² + (1 − 1/n) F(r) / density of the
    # clusters, where F(r) = 1 − exp(−r² / 4σ²) are the pairs of a cluster that lie within r.
    settings = Clustering(reach_nm=200, simulations=2)
    found = [point_pattern(clustered_points(400, seed=seed), settings) for seed in range(8)]
    r = found[0].distance_nm
    centre_density = 400 / FIELD_NM**2
    k = np.pi * r**2 + 0.9 * (1 - np.exp(-(r**2) / (4 * 20.0**2))) / centre_density
    mean = np.mean([one.l_minus_r_nm for one in found], axis=0)
    np.testing.assert_allclose(mean, np.sqrt(k / np.pi) - r, rtol=0.05, atol=1)
    assert all((one.l_minus_r_nm > one.l_high_nm).all() for one in found)
    assert all(40 < one.scale_nm < 80 for one in found)


def test_regular_points_lie_below():
    grid = np.stack(np.meshgrid(np.arange(40.0), np.arange(40.0)), -1).reshape(-1, 2) * 100
    found = point_pattern(pd.DataFrame({"x_nm": grid[:, 0], "y_nm": grid[:, 1]}))
    near = (found.distance_nm > 30) & (found.distance_nm < 90)
    assert (found.l_minus_r_nm[near] < found.l_low_nm[near]).all()
    assert found.nearest[near].max() < 0.11  # those at the edges, across the ring


def test_a_part_of_the_points_has_the_same_l(monkeypatch):
    table = clustered_points(300, 20)
    settings = Clustering(reach_nm=200, simulations=2)
    whole = point_pattern(table, settings)
    monkeypatch.setattr(module, "MAX_POINTS", 3000)
    part = point_pattern(table, settings)
    assert (whole.points, part.points) == (6000, 3000)
    np.testing.assert_allclose(part.l_minus_r_nm, whole.l_minus_r_nm, rtol=0.05, atol=1)


def test_same_seed_same_envelope():
    table = random_points(200)
    first, second = (point_pattern(table, Clustering(simulations=5)).table() for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert (first["G low"] <= first["G high"]).all()


@pytest.mark.parametrize(
    "table", [random_points(19), random_points().assign(y_nm=3.0), random_points().head(0)]
)
def test_there_is_none_of_too_little(table):
    assert point_pattern(table) is None


def test_none_is_wanted():
    assert point_pattern(random_points(), Clustering(simulations=0)) is None


def test_a_reach_beyond_the_field_is_refused():
    with pytest.raises(SettingsError, match="at most a quarter of its shorter edge"):
        point_pattern(random_points(), Clustering(reach_nm=1200))
