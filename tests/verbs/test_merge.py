import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds

DATA = Path(__file__).resolve().parents[1] / "data"
TABLE = "filaments_drift_first20_thunderstorm"


@pytest.fixture
def movie(tmp_path):
    for name in (f"{TABLE}.csv", f"{TABLE}-protocol.txt"):
        shutil.copy(DATA / name, tmp_path)
    return tmp_path / f"{TABLE}.csv"


def test_merges_with_the_camera_of_the_protocol(movie, tmp_path):
    result = ds.merge(movie, distance_nm=40)
    assert result.written == (
        tmp_path / f"{TABLE}_merged.csv",
        tmp_path / f"{TABLE}_merged-protocol.txt",
        tmp_path / f"{TABLE}_merged-run.toml",
    )
    assert "Uncertainties from all photons" in result.summary()
    written = ds.read_table(result.written[0])
    assert len(written) == len(result.table) < result.rows_before
    assert written["detections"].sum() == result.rows_before
    assert written.columns[-1] == "uncertainty_xy_nm"
    assert result.to_json()["distance_nm"] == 40


def test_without_a_protocol_uncertainties_are_combined(movie):
    (movie.parent / f"{TABLE}-protocol.txt").unlink()
    result = ds.merge(movie, distance_nm=40)
    assert "Uncertainties combined" in result.summary()
    assert [p.suffix for p in result.written] == [".csv", ".toml"]


def test_removes_duplicates_of_a_file(movie, tmp_path):
    table = ds.read_table(movie)
    double = pd.concat([table, table.assign(x_nm=table["x_nm"] + 0.5, uncertainty_xy_nm=90.0)])
    ds.write_table(tmp_path / "double.csv", double)
    result = ds.remove_duplicates(tmp_path / "double.csv", distance="1")
    assert result.written[0] == tmp_path / "double_unique.csv"
    assert result.summary().startswith(f"{len(table):,} duplicates removed")
    np.testing.assert_allclose(result.table["x_nm"], table["x_nm"])
