"""Tables that every version of ThunderSTORM reads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep_storm.camera import Camera
from deep_storm.errors import OutputError, TableError
from deep_storm.io.tables import writer as table_writer
from deep_storm.io.tables.decimals import fixed_point, rows_as_text
from deep_storm.io.tables.thunderstorm import read_table, write_ground_truth, write_table

DATA = Path(__file__).parents[2] / "data"
FULL = pd.DataFrame(
    {
        "frame": [0, 0, 1],
        "x_nm": [0.00001, 695.734094, 6400.0],
        "y_nm": [50.0, 1542.5, 12345.678901],
        "sigma_nm": [97.8, 107.3, 110.0],
        "intensity_photon": [2446.1, 1822.0, 1e6],
        "background_photon": [9.4, -1.25, 0.0],
        "bkgstd_photon": [6.8, 7.9, 0.5],
        "detections": [1, 1, 2],
        "confidence": [1.0, 0.5, 1e-7],
        "uncertainty_xy_nm": [2.8, 4.2, 3.3],
    }
)


def test_a_table_is_written_as_the_contract_says(tmp_path):
    write_table(tmp_path / "a.csv", FULL)
    assert (tmp_path / "a.csv").read_bytes() == (
        b'"id","frame","x [nm]","y [nm]","sigma [nm]","intensity [photon]","offset [photon]",'
        b'"bkgstd [photon]","detections","confidence","uncertainty_xy [nm]"\n'
        b"1,1,0.00001,50.00000,97.80000,2446.10000,9.40000,6.80000,1,1.00000,2.80000\n"
        b"2,1,695.73409,1542.50000,107.30000,1822.00000,-1.25000,7.90000,1,0.50000,4.20000\n"
        b"3,2,6400.00000,12345.67890,110.00000,1000000.00000,0.00000,0.50000,2,0.00000,3.30000\n"
    )


def test_the_v1_3_dialect_has_its_names_only(tmp_path):
    write_table(tmp_path / "a.csv", FULL.assign(extra=1.0), dialect="v1.3")
    header = (tmp_path / "a.csv").read_text().splitlines()[0]
    assert header == (
        '"id","frame","x [nm]","y [nm]","sigma [nm]","intensity [photon]","offset [photon]",'
        '"bkgstd [photon]","uncertainty [nm]"'
    )
    assert read_table(tmp_path / "a.csv")["uncertainty_xy_nm"].tolist() == [2.8, 4.2, 3.3]


def test_uncertainty_stays_last_behind_unknown_columns(tmp_path):
    table = FULL.assign(z_nm=[1.0, 2.0, 3.0], cluster=[1, 2, 2])
    write_table(tmp_path / "a.csv", table)
    header = (tmp_path / "a.csv").read_text().splitlines()[0]
    assert header.endswith('"confidence","cluster","uncertainty_xy [nm]"')
    again = read_table(tmp_path / "a.csv")
    assert again["z_nm"].tolist() == [1, 2, 3]
    assert again["cluster"].tolist() == [1, 2, 2]


def test_what_was_not_estimated_is_left_out(tmp_path):
    table = FULL.assign(sigma_nm=np.nan, bkgstd_photon=[1.0, np.nan, 2.0])
    write_table(tmp_path / "a.csv", table)
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert "sigma" not in lines[0]
    assert lines[2].split(",")[6] == "NaN"  # not nan: ThunderSTORM would skip the row
    assert np.isnan(read_table(tmp_path / "a.csv")["bkgstd_photon"][1])


def test_no_rows_are_a_header_alone(tmp_path):
    write_table(tmp_path / "a.csv", FULL.iloc[:0])
    assert (tmp_path / "a.csv").read_text().count("\n") == 1
    again = read_table(tmp_path / "a.csv")
    assert len(again) == 0
    assert list(again.columns) == list(FULL.columns)


def test_many_rows_are_written_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(table_writer, "_ROWS_AT_A_TIME", 7)
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "frame": np.arange(40) // 3,
            "x_nm": rng.uniform(0, 6400, 40),
            "y_nm": rng.uniform(0, 6400, 40),
            "uncertainty_xy_nm": rng.uniform(1, 20, 40),
        }
    )
    write_table(tmp_path / "a.csv", table)
    again = read_table(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(again, table, atol=1e-5, rtol=0)
    ids = [line.split(",")[0] for line in (tmp_path / "a.csv").read_text().splitlines()[1:]]
    assert ids == [str(i) for i in range(1, 41)]


def test_equal_uncertainties_in_a_frame_are_parted_a_little(tmp_path):
    uncertainty = [3.0, 3.0, 3.000001, 3.00001, 5.0, 3.0, np.nan, np.nan]
    frame = [0, 0, 0, 0, 0, 1, 1, 1]
    table = pd.DataFrame(
        {"frame": frame, "x_nm": 1.5, "y_nm": 2.5, "uncertainty_xy_nm": uncertainty}
    )
    write_table(tmp_path / "a.csv", table)
    again = read_table(tmp_path / "a.csv")["uncertainty_xy_nm"].to_numpy()
    assert len(set(again[:5])) == 5
    np.testing.assert_allclose(again, uncertainty, atol=4e-5)
    assert again[0] == 3.0
    assert again[5] == 3.0  # another frame: nothing to part
    assert np.isnan(again[6:]).all()


def test_a_constant_uncertainty_over_unsorted_frames_is_parted(tmp_path):
    frame = np.random.default_rng(1).integers(0, 50, 5000)
    table = pd.DataFrame({"frame": frame, "x_nm": 1.0, "y_nm": 1.0, "uncertainty_xy_nm": 10.0})
    write_table(tmp_path / "a.csv", table)
    again = read_table(tmp_path / "a.csv")
    assert not again.duplicated(["frame", "uncertainty_xy_nm"]).any()
    assert again["uncertainty_xy_nm"].between(10.0, 10.01).all()


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("sigma_nm", np.inf, "inf cannot be written"),
        ("x_nm", 1e300, "cannot be written with 5 decimals"),
        ("dye", "A647", "numbers, which is all that ThunderSTORM reads"),
        ("a,b", 1.0, "has a comma"),
    ],
)
def test_what_thunderstorm_cannot_read_is_refused(tmp_path, column, value, words):
    with pytest.raises(TableError, match=words):
        write_table(tmp_path / "a.csv", FULL.assign(**{column: value}))
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_positions_is_refused(tmp_path):
    with pytest.raises(TableError, match="has no column y_nm"):
        write_table(tmp_path / "a.csv", FULL.drop(columns="y_nm"))


def test_an_existing_table_is_kept(tmp_path):
    write_table(tmp_path / "a.csv", FULL)
    with pytest.raises(OutputError, match="exists already"):
        write_table(tmp_path / "a.csv", FULL)
    write_table(tmp_path / "a.csv", FULL.iloc[:1], overwrite=True)
    assert len(read_table(tmp_path / "a.csv")) == 1


def test_a_table_of_thunderstorm_survives_to_the_last_digit(tmp_path):
    source = DATA / "filaments_drift_first20_thunderstorm.csv"
    table = read_table(source)
    write_table(tmp_path / "a.csv", table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.csv"), table, atol=1.1e-5, rtol=0)


def test_a_ground_truth_has_the_header_of_the_generator(tmp_path):
    truth = read_table(DATA / "emccd_d1_first10_gt.csv", kind="ground truth")
    camera = Camera(pixel_size_nm=100.0, baseline_adu=200.0, photons_per_adu=5.0, em_gain=100.0)
    bare = truth.drop(columns="baseline_photon").assign(emitter=1)
    write_ground_truth(tmp_path / "a.csv", bare, camera)
    original = (DATA / "emccd_d1_first10_gt.csv").read_text().splitlines()
    assert (tmp_path / "a.csv").read_text().splitlines()[0] == original[0]
    again = read_table(tmp_path / "a.csv", kind="ground truth")
    pd.testing.assert_frame_equal(again, truth)


def test_offset_is_background_in_a_table_and_the_baseline_in_a_ground_truth(tmp_path):
    named = {"offset_photon": [10.0, 10.0, 10.0]}  # both were called so before
    table = FULL.drop(columns="background_photon").assign(**named)
    write_table(tmp_path / "table.csv", table)
    camera = Camera(pixel_size_nm=100.0, baseline_adu=200.0, photons_per_adu=5.0, em_gain=100.0)
    write_ground_truth(tmp_path / "truth.csv", table, camera)
    assert (read_table(tmp_path / "table.csv")["background_photon"] == 10).all()
    truth = read_table(tmp_path / "truth.csv", kind="ground truth")
    assert (truth["baseline_photon"] == 10).all()
    assert "background_photon" not in truth


@given(
    st.lists(st.floats(-1e9, 1e9) | st.just(float("nan")), min_size=1, max_size=20),
    st.integers(0, 6),
)
@settings(max_examples=100, deadline=None)
def test_decimals_are_those_of_python(values, decimals):
    column = fixed_point(values, decimals)
    text = rows_as_text([column])
    assert rows_as_text([column, column], compiled=False) == rows_as_text([column, column])
    lines = text.decode().split("\n")[:-1]
    for line, value in zip(lines, values, strict=True):
        if np.isnan(value):
            assert line == "NaN"
            continue
        assert re.fullmatch(r"-?\d+" + rf"\.\d{{{decimals}}}" * (decimals > 0), line)
        assert float(line) == pytest.approx(value, abs=0.51 * 10.0**-decimals, rel=1e-12)


@pytest.mark.parametrize("compiled", [True, False])
def test_columns_of_any_width_line_up(compiled):
    columns = [fixed_point([1, -20, 300], 0), fixed_point([0.5, np.nan, -12345.678], 2)]
    assert rows_as_text(columns, compiled) == b"1,0.50\n-20,NaN\n300,-12345.68\n"


def test_a_small_table_is_written_without_a_compiler(tmp_path):
    """Whose import would take longer than all the rest."""
    program = """
import sys
from deep_storm.io.tables.decimals import MAX_PLAIN, is_compiling_worth_it
from deep_storm.io.tables.writer import write_table
import pandas as pd
write_table(sys.argv[1], pd.DataFrame({"frame": [0, 1], "x_nm": [1.5, 2.0], "y_nm": [3.0, -4.0]}))
assert "numba" not in sys.modules
assert is_compiling_worth_it(MAX_PLAIN + 1)
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "few.csv")], check=True)


def test_depth_stands_where_thunderstorm_has_it(tmp_path):
    table = FULL.drop(columns="sigma_nm").assign(
        sigma2_nm=150.0, uncertainty_z_nm=[9.0, 8.0, 7.0], sigma1_nm=120.0, z_nm=[-200.0, 0.5, 1.0]
    )
    write_table(tmp_path / "a.csv", table)
    header = (tmp_path / "a.csv").read_text().splitlines()[0]
    assert header.startswith(
        '"id","frame","x [nm]","y [nm]","z [nm]","sigma1 [nm]","sigma2 [nm]","intensity [photon]"'
    )
    assert header.endswith('"confidence","uncertainty_xy [nm]","uncertainty_z [nm]"')
    again = read_table(tmp_path / "a.csv")
    for name in ("z_nm", "sigma1_nm", "sigma2_nm", "uncertainty_z_nm"):
        np.testing.assert_allclose(again[name], table[name], atol=1e-5)
    write_table(tmp_path / "b.csv", table, dialect="v1.3")
    assert "uncertainty_z" not in (tmp_path / "b.csv").read_text()


def test_z_in_micrometres_and_without_a_unit(tmp_path):
    text = '"frame","x [nm]","y [nm]","z [um]"\n1,1,2,-0.25\n'
    (tmp_path / "a.csv").write_text(text)
    assert read_table(tmp_path / "a.csv")["z_nm"].tolist() == [-250.0]
    (tmp_path / "b.csv").write_text(text.replace("z [um]", "z"))
    assert "z_nm" not in read_table(tmp_path / "b.csv")


@pytest.mark.parametrize("compiled", [True, False])
def test_longest_numbers_have_all_their_digits(compiled):
    columns = [fixed_point([2.0**61, -(2.0**61)], 0), fixed_point([-(2.0**42), 0.004], 5)]
    written = rows_as_text(columns, compiled)
    assert written == b"2305843009213693952,-4398046511104.00000\n-2305843009213693952,0.00400\n"


def test_table_is_the_same_however_it_is_divided_among_threads(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    values = {name: rng.uniform(0, 900, 500) for name in ("x_nm", "y_nm")}
    frame = np.sort(rng.integers(0, 40, 500))
    uncertainty = rng.integers(1, 40, 500) / 1e5  # many ties
    table = pd.DataFrame({"frame": frame, **values, "uncertainty_xy_nm": uncertainty})
    write_table(tmp_path / "one.csv", table)
    monkeypatch.setattr(table_writer, "_ROWS_AT_A_TIME", 3)
    monkeypatch.setattr(table_writer, "_MAX_THREADS", 3)
    write_table(tmp_path / "many.csv", table)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "many.csv").read_bytes()
    read = read_table(tmp_path / "many.csv")
    assert not read.duplicated(["frame", "uncertainty_xy_nm"]).any()


def test_ties_are_parted_where_frames_or_uncertainties_are_large(tmp_path):
    frame = np.array([0, 0, 2**31, 2**31, 2**31])
    uncertainty = np.array([1.0, 1.0, 5e5, 5e5, np.nan])
    table = pd.DataFrame(
        {"frame": frame, "x_nm": 1.0, "y_nm": 1.0, "uncertainty_xy_nm": uncertainty}
    )
    write_table(tmp_path / "table.csv", table)
    read = read_table(tmp_path / "table.csv")["uncertainty_xy_nm"]
    assert read.tolist()[:4] == [1.0, 1.00001, 5e5, 5e5 + 1e-5]
