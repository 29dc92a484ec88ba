"""Tables of other programs: what is written comes back, and what they write is understood."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.errors import OutputError, SettingsError, TableError
from deep_storm.io.tables.files import read_table, write_table
from deep_storm.io.tables.foreign.columns import FORMATS, described
from deep_storm.localizations import validated

CAMERA = ds.Camera(pixel_size_nm=110, baseline_adu=100, photons_per_adu=0.5)


def made(rows=40):
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "frame": np.sort(rng.integers(0, 9, rows)),
            "x_nm": rng.uniform(0, 5000, rows),
            "y_nm": rng.uniform(0, 4000, rows),
            "sigma_nm": rng.uniform(120, 140, rows),
            "intensity_photon": rng.uniform(300, 3000, rows),
            "background_photon": rng.uniform(5, 15, rows),
            "confidence": rng.uniform(0.2, 1, rows),
            "uncertainty_xy_nm": rng.uniform(5, 25, rows),
        }
    )
    return validated(table)


@pytest.mark.parametrize("name", ["table.hdf5", "table_sml.mat", "table.parquet", "table.csv"])
def test_what_is_written_comes_back(tmp_path, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    table, path = made(), tmp_path / name
    write_table(path, table, camera=CAMERA)
    back = read_table(path)
    assert set(table.columns) <= set(back.columns)
    for column in table.columns:
        tolerance = 2e-6 if name.endswith("hdf5") else 1e-7
        np.testing.assert_allclose(back[column], table[column], rtol=tolerance, atol=1e-4)
    assert back["frame"].dtype == np.int64
    with pytest.raises(ds.DeepStormError, match=r"exists? already"):
        write_table(path, table, camera=CAMERA)


@pytest.mark.parametrize("name", ["table.hdf5", "table_sml.mat"])
def test_both_widths_of_an_astigmatic_psf_come_back(tmp_path, name):
    rng = np.random.default_rng(7)
    flat = made().drop(columns="sigma_nm").assign(z_nm=rng.uniform(-400, 400, 40))
    widths = {f"sigma{k}_nm": rng.uniform(110, 240, 40) for k in (1, 2)}
    write_table(tmp_path / name, validated(flat.assign(**widths)), camera=CAMERA)
    back = read_table(tmp_path / name)
    assert "sigma_nm" not in back
    for column in ("z_nm", *widths):
        wanted = flat[column] if column == "z_nm" else widths[column]
        np.testing.assert_allclose(back[column], wanted, rtol=2e-6)
    write_table(tmp_path / f"round_{name}", made().assign(z_nm=flat["z_nm"]), camera=CAMERA)
    assert "sigma1_nm" not in read_table(tmp_path / f"round_{name}")


def test_picasso_counts_from_the_centre_of_a_pixel(tmp_path):
    path = tmp_path / "one.hdf5"
    table = validated(pd.DataFrame({"frame": [3], "x_nm": [55.0], "y_nm": [275.0]}))
    write_table(path, table, camera=CAMERA)
    with h5py.File(path) as file:
        (row,) = file["locs"][()]
    assert (row["frame"], row["x"], row["y"]) == (3, 0.0, 2.0)
    notes = (tmp_path / "one.yaml").read_text(encoding="utf-8")
    assert "Pixelsize: 110\n" in notes
    assert "Frames: 4\n" in notes


def test_picasso_without_a_pixel_size_asks_for_a_camera(tmp_path):
    path = tmp_path / "one.hdf5"
    with pytest.raises(TableError, match="give --camera"):
        write_table(path, made())
    write_table(path, made(), camera=CAMERA)
    (tmp_path / "one.yaml").unlink()
    with pytest.raises(TableError, match="does not say how large they are"):
        read_table(path)
    assert len(read_table(path, CAMERA)) == 40


def test_picasso_is_never_without_its_notes(tmp_path):
    (tmp_path / "one.yaml").write_text("of another table")
    with pytest.raises(OutputError, match=r"one\.yaml exists already"):
        write_table(tmp_path / "one.hdf5", made(), camera=CAMERA)
    assert [path.name for path in tmp_path.iterdir()] == ["one.yaml"]


FULL_DISK = """
import resource, signal, sys
import numpy as np
import pandas as pd
import deep_storm as ds
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
table = pd.DataFrame({"frame": np.zeros(4000, int), "x_nm": 1.0, "y_nm": 2.0})
camera = ds.Camera(pixel_size_nm=110, baseline_adu=100, photons_per_adu=0.5)
try:
    ds.write_table(sys.argv[1], table, camera=camera)
except ds.DeepStormError as error:
    print(error)
"""
"""In a process of its own: the HDF5 library ends it where a write fails."""


@pytest.mark.skipif(os.name == "nt", reason="limits as on POSIX")
@pytest.mark.parametrize("name", ["one.hdf5", "one_sml.mat"])
def test_a_disk_without_room_is_an_error_and_leaves_nothing(tmp_path, name):
    command = [sys.executable, "-B", "-c", FULL_DISK, str(tmp_path / name)]  # no half .pyc
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"cannot write {tmp_path / name}: ")
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_smap_is_a_matlab_file_with_frames_from_1(tmp_path):
    path = tmp_path / "one_sml.mat"
    write_table(path, made())
    assert path.read_bytes()[:20] == b"MATLAB 7.3 MAT-file,"
    with h5py.File(path) as file:
        frames = file["saveloc/loc/frame"]
        assert frames.shape == (1, 40)
        assert frames[0].min() == made()["frame"].min() + 1
        assert frames.attrs["MATLAB_class"] == b"double"


def test_smap_of_an_older_matlab(tmp_path):
    from scipy.io import savemat

    path = tmp_path / "old_sml.mat"
    loc = {"xnm": [[1.0], [2.0]], "ynm": [[3.0], [4.0]], "frame": [[1.0], [2.0]]}
    savemat(path, {"saveloc": {"loc": {**loc, "phot": [[500.0], [600.0]], "ysquare": [[1.0]]}}})
    table = read_table(path)
    assert list(table["frame"]) == [0, 1]
    assert list(table["intensity_photon"]) == [500.0, 600.0]


def test_decode_has_rows_first_and_pixels_from_their_centres(tmp_path):
    path = tmp_path / "decode.h5"
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data["xyz"] = np.array([[0.0, 2.0, 5.0]], np.float32)
        data["phot"] = np.array([900.0], np.float32)
        data["prob"] = np.array([0.9], np.float32)
        data["frame_ix"] = np.array([4])
        data.create_dataset("xyz_cr", data=h5py.Empty("f"))
        meta = file.create_group("meta")
        meta.attrs.update({"xy_unit": "px", "px_size": np.array([100.0, 100.0])})
    (row,) = read_table(path).to_dict("records")
    assert (row["frame"], row["x_nm"], row["y_nm"]) == (4, 250.0, 50.0)
    assert row["confidence"] == pytest.approx(0.9)


RAPIDSTORM = (
    '# <localizations insequence="true" repetitions="variable">'
    '<field identifier="Position-0-0" unit="nanometer" min="0 m" max="1.1e-05 m" />'
    '<field identifier="Position-1-0" unit="nanometer" />'
    '<field identifier="ImageNumber-0-0" unit="frame" />'
    '<field identifier="Amplitude-0-0" unit="A/D count" />'
    "</localizations>\n"
    "5417 9844.1 0 33290.1\n12450 13160.2 1 1e4\n"
)
ELYRA = (
    "Index\tFirst Frame\tNumber Frames\tFrames Missing\tPosition X [nm]\tPosition Y [nm]\t"
    "Precision [nm]\tNumber Photons\tBackground variance\tChi square\tPSF half width [nm]\t"
    "Channel\tZ Slice\r\n"
    "1\t1\t1\t0\t15850.6\t23502.1\t24.1\t1162\t46\t1.4\t168\t1\t1\r\n"
    "2\t3\t2\t0\t16000.0\t23000.0\t20.0\t900\t40\t1.2\t160\t1\t1\r\n\0\nVoxelSizeX : 0.1\n"
)
NIKON = (
    "Channel Name\tX\tY\tXc\tYc\tHeight\tArea\tWidth\tPhi\tAx\tBG\tI\tFrame\tLength\tLink\tValid"
    "\tZ\tZc\tPhotons\tLateral Localization Accuracy\n"
    "647\t100.5\t200.5\t101.5\t201.5\t700\t5000\t300\t0\t1\t100\t5000\t2\t1\t-1\t1\t0\t0\t800\t12\n"
    "561\t300.0\t400.0\t301.0\t401.0\t700\t5000\t300\t0\t1\t100\t5000\t3\t2\t-1\t1\t0\t0\t900\t10\n"
)
QUICKPALM = (
    " \tIntensity\tX (px)\tY (px)\tX (nm)\tY (nm)\tZ (nm)\tLeft-Width(px)\tRight-Width (px)\t"
    "Up-Height (px)\tDown-Height (px)\tX Symmetry (%)\tY Symmetry (%)\tWidth minus Height (px)\t"
    "Frame Number\n"
    "1\t4000\t3.5\t7.25\t350\t725\t0\t1\t1\t1\t1\t90\t90\t0\t5\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RAPIDSTORM, {"frame": 0, "x_nm": 5417.0, "y_nm": 9844.1, "intensity_photon": 16645.05}),
        (ELYRA, {"frame": 0, "x_nm": 15850.6, "intensity_photon": 1162, "uncertainty_xy_nm": 24.1}),
        (NIKON, {"frame": 1, "x_nm": 101.5, "y_nm": 201.5, "intensity_photon": 800, "x": 100.5}),
        (QUICKPALM, {"frame": 4, "x_nm": 350.0, "y_nm": 725.0, "intensity_photon": 2000.0}),
    ],
    ids=["rapidSTORM", "ELYRA", "Nikon", "QuickPALM"],
)
def test_text_tables_of_other_programs(tmp_path, text, expected):
    path = tmp_path / "table.txt"
    path.write_bytes(text.encode("latin-1"))
    table = read_table(path, CAMERA)
    assert len(table) == (1 if text is QUICKPALM else 2)
    first = table.iloc[0]
    for name, value in expected.items():
        assert first[name] == pytest.approx(value), name


def test_without_a_camera_counts_stay_counts(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text(RAPIDSTORM, encoding="utf-8")
    table = read_table(path)
    assert "intensity_photon" not in table
    assert table["intensity_adu"].iloc[1] == 1e4


def test_smlm(tmp_path):
    path = tmp_path / "table.smlm"
    kinds = [("frame", "<i4"), ("x", "<f4"), ("y", "<f4"), ("intensity", "<f4")]
    rows = np.array([(0, 10.0, 20.0, 500.0), (1, 11.0, 21.0, 600.0)], dtype=kinds)
    form = {
        "type": "table", "mode": "binary", "headers": list(rows.dtype.names),
        "dtype": ["int32", "float32", "float32", "float32"], "shape": [1] * 4,
    }  # fmt: skip
    about = {"name": "t.bin", "type": "table", "format": "f", "rows": 2}
    manifest = {"format_version": "0.2", "formats": {"f": form}, "files": [about]}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("t.bin", rows.tobytes())
    table = read_table(path)
    assert list(table["frame"]) == [0, 1]
    assert list(table["intensity_photon"]) == [500.0, 600.0]
    manifest["files"][0]["rows"] = 3
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("t.bin", rows.tobytes())
    with pytest.raises(TableError, match="for 3 rows"):
        read_table(path)


def test_a_table_whose_columns_are_missing_is_named(tmp_path):
    path = tmp_path / "table.hdf5"
    with h5py.File(path, "w") as file:
        file["locs"] = np.zeros(2, dtype=[("frame", "u4"), ("x", "f4")])
    with pytest.raises(TableError, match=r"has no column 'y' \(it has frame, x\)"):
        read_table(path, CAMERA)


def test_hdf5_of_something_else_and_in_other_files_is_refused(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["image"] = np.zeros(3)
    with pytest.raises(TableError, match="HDF5 of an unknown kind"):
        read_table(path)
    with h5py.File(path, "w") as file:
        file["locs"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/locs")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["locs"] = np.zeros(1, dtype=[("frame", "u4"), ("x", "f4"), ("y", "f4")])
    with pytest.raises(TableError, match="HDF5 of an unknown kind"):
        read_table(path, CAMERA)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(TableError, match="cannot be read as HDF5"):
        read_table(path)


def test_parquet_without_its_reader_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SettingsError, match="-m pip install"):
        write_table(tmp_path / "table.parquet", made())


def test_a_table_step_writes_what_the_ending_says(tmp_path):
    source = tmp_path / "found.csv"
    write_table(source, made())
    done = ds.filter(source, confidence="0.5:", output=tmp_path / "kept.hdf5", camera=CAMERA)
    names = {path.name for path in done.written}
    assert {"kept.hdf5", "kept.yaml", "kept-run.toml"} <= names
    assert all(path.is_file() for path in done.written)
    assert len(read_table(tmp_path / "kept.hdf5")) == len(done.table)


def test_every_format_says_where_its_frames_begin():
    text = described()
    for name, mapped in FORMATS.items():
        assert text.count(f"| {name} |") == len(mapped)
        assert {"frame", "x_nm", "y_nm"} <= {one.name for one in mapped}
