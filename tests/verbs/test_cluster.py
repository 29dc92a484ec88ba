import json

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import OutputError, TableError


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    where = np.repeat(rng.uniform(500, 5500, (40, 2)), 20, axis=0) + rng.normal(0, 8, (800, 2))
    where = np.concatenate([where, rng.uniform(0, 6000, (100, 2))])
    frame = rng.integers(0, 50, 900)
    return pd.DataFrame({"frame": frame, "x_nm": where[:, 0], "y_nm": where[:, 1]})


def test_labels_clusters_curves_and_picture_are_written(table, tmp_path):
    ds.write_table(tmp_path / "in.csv", table)
    result = ds.cluster(tmp_path / "in.csv", output=tmp_path / "out.csv", min_count=8)
    assert [p.name for p in result.written] == [
        "out.csv", "out-summary.csv", "out-pattern.csv", "out.png", "out-run.toml"
    ]  # fmt: skip
    labelled = ds.read_table(tmp_path / "out.csv")
    np.testing.assert_array_equal(labelled["cluster"], result.table["cluster"])
    clusters = pd.read_csv(tmp_path / "out-summary.csv")
    counts = result.table["cluster"].value_counts().drop(0).sort_index()
    np.testing.assert_array_equal(clusters["count"], counts)
    assert {"area [um^2]", "density [1/um^2]"} <= set(clusters)
    assert len(pd.read_csv(tmp_path / "out-pattern.csv")) == len(result.pattern.distance_nm)
    assert (tmp_path / "out.png").stat().st_size > 20_000
    assert "Ripley's L: more clustered" in result.summary()


def test_a_table_in_memory_is_only_returned(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = ds.cluster(table, simulations=0)
    assert result.written == ()
    assert result.pattern is None
    assert not list(tmp_path.iterdir())
    assert result.inside == (result.table["cluster"] > 0).sum() > 700


def test_through_the_command_line(table, tmp_path, capsys):
    ds.write_table(tmp_path / "in.csv", table)
    command = ["cluster", str(tmp_path / "in.csv"), "--method", "hdbscan", "--min-count", "15"]
    assert main([*command, "--simulations", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == 900
    assert found["clusters"] >= 30
    assert found["median"]["count"] == pytest.approx(20, abs=2)
    assert {p.name for p in tmp_path.iterdir()} == {
        "in.csv", "in_clusters.csv", "in_clusters-summary.csv", "in_clusters.png",
        "in_clusters-run.toml",
    }  # fmt: skip


def test_no_clusters_are_no_trouble(table, tmp_path):
    result = ds.cluster(table, output=tmp_path / "none.csv", distance_nm=1, min_count=50)
    assert len(result.clusters) == 0
    assert result.summary().startswith("0 clusters hold 0 of 900")
    assert result.to_json()["clusters"] == 0


def test_a_table_in_pixels_needs_the_camera(table, tmp_path):
    path = tmp_path / "px.csv"
    pixels = pd.DataFrame(
        {"frame": 1, "x [px]": table["x_nm"] / 100, "y [px]": table["y_nm"] / 100}
    )
    pixels.to_csv(path, index=False)
    with pytest.raises(TableError, match="px"):
        ds.cluster(path)
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=0, photons_per_adu=1)
    found = ds.cluster(path, camera=camera, simulations=0, min_count=8)
    assert len(found.clusters) == len(ds.cluster(table, simulations=0, min_count=8).clusters)


def test_nothing_is_written_over_the_table_or_half(table, tmp_path):
    ds.write_table(tmp_path / "in.csv", table)
    with pytest.raises(OutputError, match="is the table itself"):
        ds.cluster(tmp_path / "in.csv", output=tmp_path / "in.csv", overwrite=True)
    (tmp_path / "o-summary.csv").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        ds.cluster(tmp_path / "in.csv", output=tmp_path / "o.csv")
    assert not (tmp_path / "o.csv").exists()


def test_positions_that_are_not_finite_are_named(table):
    table.loc[3, "x_nm"] = np.nan
    with pytest.raises(TableError, match="row 4"):
        ds.cluster(table)
