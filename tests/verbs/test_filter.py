import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import OutputError, TableError
from deep_storm.io.config import load_toml
from deep_storm.io.files import sha256

DATA = Path(__file__).resolve().parents[1] / "data"
TABLE = "filaments_drift_first20_thunderstorm"


@pytest.fixture
def movie(tmp_path):
    for name in (f"{TABLE}.csv", f"{TABLE}-protocol.txt"):
        shutil.copy(DATA / name, tmp_path)
    return tmp_path / f"{TABLE}.csv"


def test_filters_a_table_of_thunderstorm_beside_it(movie, tmp_path):
    whole = ds.read_table(movie)
    result = ds.filter(movie, "uncertainty_xy < 10 & intensity > 1000", sigma_nm="90:130")
    assert result.written == (
        tmp_path / f"{TABLE}_filtered.csv",
        tmp_path / f"{TABLE}_filtered-protocol.txt",
        tmp_path / f"{TABLE}_filtered-run.toml",
    )
    expected = whole.query(
        "uncertainty_xy_nm < 10 and intensity_photon > 1000 and 90 <= sigma_nm <= 130"
    )
    assert 0 < len(expected) < len(whole)
    written = ds.read_table(result.written[0])
    np.testing.assert_allclose(written, expected.to_numpy(), atol=1e-5)
    assert result.to_json()["rows"] == len(expected)
    assert "kept" in result.summary()


def test_what_was_done_is_noted(movie, tmp_path):
    formula = "uncertainty_xy < 10 & intensity > mean(intensity)"
    result = ds.filter(movie, formula, sigma_nm="90:130", output=tmp_path / "new.csv")
    record = load_toml(tmp_path / "new-run.toml")
    assert record["run"]["verb"] == "filter"
    assert record["inputs"]["formula"] == formula
    assert record["inputs"]["sha256"] == sha256(movie)
    assert record["filtering"]["sigma_nm"] == "90:130"
    conditions = record["results"]["conditions"]
    assert [c["removed"] for c in conditions] == [c.removed for c in result.conditions]
    assert record["results"]["summary"] == result.summary().splitlines()
    again = ds.filter(movie, formula, config=tmp_path / "new-run.toml", output=tmp_path / "2.csv")
    pd.testing.assert_frame_equal(again.table, result.table)


def test_a_table_in_memory_is_only_returned():
    table = pd.DataFrame({"frame": [0, 1], "x_nm": [1.0, 2.0], "y_nm": [1.0, 2.0]})
    result = ds.filter(table, "x > 1")
    assert result.written == ()
    assert result.table["x_nm"].tolist() == [2.0]


def test_an_empty_result_is_a_table_without_rows(movie, tmp_path):
    ds.filter(movie, "x < 0", output=tmp_path / "none.csv")
    assert ds.read_table(tmp_path / "none.csv").empty


def test_pixels_need_a_camera(tmp_path):
    path = tmp_path / "px.csv"
    path.write_text('"frame","x [px]","y [px]"\n1,5,5\n2,50,5\n')
    with pytest.raises(TableError, match="no camera was given"):
        ds.filter(path, "x > 1000")
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=0, photons_per_adu=1)
    assert ds.filter(path, "x > 1000", camera=camera).table["x_nm"].tolist() == [5000.0]


def test_the_table_itself_is_never_the_output(movie):
    with pytest.raises(OutputError, match="is the table itself"):
        ds.filter(movie, "x > 0", output=movie, overwrite=True)


def test_the_command_line_shows_where_a_formula_is_wrong(movie, tmp_path, capsys):
    before = sorted(tmp_path.iterdir())
    assert main(["filter", str(movie), "uncertainty_xy >= 5"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("deep-storm filter: the formula has '>=' at character 16;")
    assert lines[1:] == ["  uncertainty_xy >= 5", "  " + " " * 15 + "^"]
    assert sorted(tmp_path.iterdir()) == before
