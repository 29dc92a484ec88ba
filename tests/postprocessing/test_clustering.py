import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, HDBSCAN

from deep_storm.errors import SettingsError, TableError
from deep_storm.postprocessing import clustering as module
from deep_storm.postprocessing.clustering import cluster_summary, cluster_table, hull_area
from deep_storm.settings import Clustering


def spots(count=30, each=25, noise=200, seed=0):
    """Clusters on a grid, far from each other, and random points between them."""
    rng = np.random.default_rng(seed)
    centres = 400.0 * np.array([(k % 6 + 1, k // 6 + 1) for k in range(count)])
    points = np.concatenate(
        [
            np.repeat(centres, each, axis=0) + rng.normal(0, 10, (count * each, 2)),
            rng.uniform(0, 2800, (noise, 2)),
        ]
    )
    frame = rng.integers(0, 100, len(points))
    return pd.DataFrame({"frame": frame, "x_nm": points[:, 0], "y_nm": points[:, 1]})


def test_dbscan_is_that_of_scikit_learn():
    table = spots()
    found = cluster_table(table, Clustering(distance_nm=25, min_count=6))
    expected = DBSCAN(eps=25, min_samples=6).fit_predict(table[["x_nm", "y_nm"]])
    np.testing.assert_array_equal(found["cluster"], expected + 1)
    assert found["cluster"].max() == 30
    assert "cluster" not in table


def test_hdbscan_is_that_of_scikit_learn():
    table = spots()
    found = cluster_table(table, Clustering(method="hdbscan", min_count=15))
    expected = HDBSCAN(min_cluster_size=15, copy=True).fit_predict(table[["x_nm", "y_nm"]])
    np.testing.assert_array_equal(found["cluster"], expected + 1)
    assert found["cluster"].max() >= 25


def test_clusters_are_described():
    table = pd.DataFrame(
        {
            "x_nm": [0.0, 100, 100, 0, 50, 900, 900, 900, 5000],
            "y_nm": [0.0, 0, 100, 100, 50, 10, 20, 30, 5000],
            "cluster": [2, 2, 2, 2, 2, 1, 1, 1, 0],
        }
    )
    first, second = cluster_summary(table).to_dict("records")
    assert first["cluster"] == 1
    assert first["count"] == 3
    assert first["area [um^2]"] == 0
    assert np.isnan(first["density [1/um^2]"])
    assert (second["x [nm]"], second["y [nm]"]) == (50, 50)
    assert second["area [um^2]"] == pytest.approx(0.01)
    assert second["density [1/um^2]"] == pytest.approx(500)
    assert second["radius [nm]"] == pytest.approx(np.sqrt(4 / 5 * 5000))
    assert not len(cluster_summary(table.assign(cluster=0)))


def test_points_at_one_place_are_one_cluster_without_area():
    table = pd.DataFrame({"x_nm": np.full(20, 5.0), "y_nm": 7.0})
    found = cluster_table(table)
    assert set(found["cluster"]) == {1}
    assert cluster_summary(found)["area [um^2]"].tolist() == [0]
    assert hull_area(np.zeros((2, 2))) == 0


def test_fewer_points_than_a_cluster_needs_are_none():
    few = spots().head(5)
    for method in ("dbscan", "hdbscan"):
        assert set(cluster_table(few, Clustering(method=method))["cluster"]) == {0}


def test_refuses_what_does_not_fit(monkeypatch):
    with pytest.raises(TableError, match="the table is empty"):
        cluster_table(spots().head(0))
    monkeypatch.setattr(module, "MAX_PAIRS", 1000)
    with pytest.raises(
        SettingsError, match=r"neighbours within 30 nm; .* set distance_nm to about"
    ):
        cluster_table(spots())
    monkeypatch.setattr(module, "MAX_HDBSCAN", 100)
    with pytest.raises(TableError, match="at most 100 for hdbscan"):
        cluster_table(spots(), Clustering(method="hdbscan"))


def test_clusters_above_each_other_are_two_in_space():
    rng = np.random.default_rng(1)
    middles = np.repeat([[500.0, 500.0, -200.0], [505.0, 500.0, 200.0]], 40, axis=0)
    points = rng.normal(0.0, 8.0, (80, 3)) + middles
    table = pd.DataFrame(points, columns=["x_nm", "y_nm", "z_nm"]).assign(frame=0)
    flat, deep = (cluster_table(table, Clustering(dimensions=d, min_count=5)) for d in ("2D", "3D"))
    assert flat["cluster"].max() == 1
    assert deep["cluster"].max() == 2
    summary = cluster_summary(deep, deep=True)
    assert summary["z [nm]"].tolist() == pytest.approx([-200.0, 200.0], abs=5.0)
    assert (summary["volume [um^3]"] > 0).all()
    with pytest.raises(TableError, match="clusters in 3D"):
        cluster_table(table.drop(columns="z_nm"), Clustering(dimensions="3D"))
