import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deep_storm as ds
from deep_storm.errors import OutputError
from deep_storm.io.config import load_toml

TABLE = Path(__file__).resolve().parents[1] / "data" / "filaments_drift_thunderstorm_positions.csv"


@pytest.fixture
def movie(tmp_path):
    return Path(shutil.copy(TABLE, tmp_path / "movie.csv"))


def test_writes_table_drift_and_plot(movie, tmp_path):
    result = ds.correct_drift(movie, bins=10)
    name = "movie_drift_corrected"
    assert [path.name for path in result.written] == [
        f"{name}{ending}" for ending in (".csv", "-drift.json", "-drift.png", "-run.toml")
    ]
    assert result.total_nm == pytest.approx((346.4, 200), abs=6)
    assert "10 time bins, 45 of 45 pairs agree" in result.summary()
    assert result.to_json()["drift_x_nm"] == result.total_nm[0]
    with Image.open(tmp_path / "movie_drift_corrected-drift.png") as plot:
        assert plot.size[0] > 1000
    before, after = ds.read_table(movie), ds.read_table(tmp_path / "movie_drift_corrected.csv")
    moved = before["x_nm"] - after["x_nm"]
    assert moved[before["frame"] == 599].to_numpy() == pytest.approx(result.total_nm[0], abs=0.01)


def test_the_same_drift_taken_off_another_table(movie, tmp_path):
    first = ds.correct_drift(movie, bins=10)
    other = ds.correct_drift(
        movie,
        drift_file=tmp_path / "movie_drift_corrected-drift.json",
        output=tmp_path / "other.csv",
    )
    assert "from the file" in other.summary()
    np.testing.assert_allclose(other.table["x_nm"], first.table["x_nm"], atol=1e-6)
    assert "Warning" not in other.summary()
    assert other.to_json()["warnings"] == []


def test_drift_that_is_subtracted_twice_is_said(movie, tmp_path, monkeypatch):
    ds.correct_drift(movie, bins=10)
    monkeypatch.chdir(tmp_path)
    drift = "movie_drift_corrected-drift.json"
    twice = ds.correct_drift(
        "movie_drift_corrected.csv", drift_file=drift, output="results/twice.csv"
    )
    said = "the drift of movie_drift_corrected.csv had been corrected already"
    assert f"Warning: {said}" in twice.summary()
    assert twice.to_json()["warnings"][0].startswith(said)
    inputs = load_toml(tmp_path / "results" / "twice-run.toml")["inputs"]
    assert Path(inputs["drift_file"]) == tmp_path / drift  # also from another folder


def test_a_table_without_drift_is_said_to_have_none(movie):
    result = ds.correct_drift(ds.read_table(movie), bins=10)
    still = ds.correct_drift(result.table, bins=10)
    assert still.summary().startswith("No drift found: nothing was moved")
    np.testing.assert_allclose(still.table["x_nm"], result.table["x_nm"])


def test_nothing_is_replaced_or_left_behind(movie, tmp_path):
    (tmp_path / "movie_drift_corrected-drift.png").write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        ds.correct_drift(movie)
    assert len(list(tmp_path.iterdir())) == 2
