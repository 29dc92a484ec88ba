"""Tables of other programs that were made to harm, or are damaged: refused with a sentence."""

from __future__ import annotations

import contextlib
import json
import os
import random
import struct
import zipfile
import zlib

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

import deep_storm as ds
from deep_storm.errors import DeepStormError, TableError
from deep_storm.io.tables.files import read_table, write_table
from deep_storm.io.tables.foreign import limits
from deep_storm.localizations import validated

CAMERA = ds.Camera(pixel_size_nm=110, baseline_adu=100, photons_per_adu=0.5)
ROWS = np.dtype([("frame", "u4"), ("x", "f4"), ("y", "f4")])


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(limits, "ALWAYS_BYTES", 1 << 20)


def test_values_that_were_never_written_take_no_memory(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.create_dataset("locs", shape=(1 << 40,), dtype=ROWS, chunks=(1024,))
    with pytest.raises(TableError, match="bytes of memory"):
        read_table(tmp_path / "a.hdf5", CAMERA)


@pytest.mark.parametrize("name", ["locs", "saveloc", "data"])
def test_nothing_in_another_file_is_read(tmp_path, name):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_dataset("locs", data=np.zeros(3, ROWS))
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file[name] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/locs")
    with pytest.raises(TableError, match="unknown kind"):
        read_table(tmp_path / "a.hdf5", CAMERA)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes as on POSIX")
def test_a_link_to_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["locs"] = h5py.ExternalLink(str(tmp_path / "pipe"), "/locs")
    with pytest.raises(TableError, match="unknown kind"):
        read_table(tmp_path / "a.hdf5", CAMERA)


def write_smlm(path, said=3, padding=0):
    table = np.zeros(3, "<f4,<f4,<f4").tobytes() + bytes(padding)
    form = {"mode": "binary", "headers": ["frame", "x", "y"], "dtype": ["float32"] * 3}
    manifest = {
        "files": [{"type": "table", "name": "t.bin", "format": "b", "rows": said}],
        "formats": {"b": form},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("t.bin", table)


def test_smlm_that_inflates(tmp_path):
    write_smlm(tmp_path / "a.smlm", padding=8 << 20)
    with pytest.raises(TableError, match="bytes of memory"):
        read_table(tmp_path / "a.smlm")


@pytest.mark.parametrize("rows", [-1, 10**18, "many"])
def test_smlm_with_rows_that_are_none(tmp_path, rows):
    write_smlm(tmp_path / "a.smlm")
    assert len(read_table(tmp_path / "a.smlm")) == 3
    write_smlm(tmp_path / "a.smlm", said=rows)
    with pytest.raises(TableError):
        read_table(tmp_path / "a.smlm")


def test_a_matlab_file_that_inflates(tmp_path):
    loc = {name: np.arange(1.0, 4.0) for name in ("frame", "xnm", "ynm")}
    savemat(tmp_path / "a_sml.mat", {"saveloc": {"loc": loc}}, do_compression=True)
    assert len(read_table(tmp_path / "a_sml.mat")) == 3
    packed = zlib.compress(bytes(64 << 20), 9)
    with (tmp_path / "a_sml.mat").open("ab") as file:
        file.write(struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(TableError, match="bytes of memory"):
        read_table(tmp_path / "a_sml.mat")


def test_parquet_of_very_many_equal_rows(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    same = {name: np.zeros(1 << 20) for name in ("frame", "x_nm", "y_nm")}
    parquet.write_table(pyarrow.table(same), tmp_path / "a.parquet")
    with pytest.raises(TableError, match="bytes of memory"):
        read_table(tmp_path / "a.parquet")


def test_text_of_very_many_columns(tmp_path):
    labels = "\t".join(["Position X [nm]", *(f"c{k}" for k in range(2000))])
    (tmp_path / "a.txt").write_text(f"{labels}\n1\t2\n")
    with pytest.raises(TableError, match="2,001 columns"):
        read_table(tmp_path / "a.txt")


@pytest.mark.parametrize("size", ["0", "-5", "1e400", "nan"])
def test_a_pixel_size_that_is_none_is_passed_over(tmp_path, size):
    rows = validated(pd.DataFrame({"frame": [0], "x_nm": [55.0], "y_nm": [275.0]}))
    write_table(tmp_path / "a.hdf5", rows, camera=CAMERA)
    (tmp_path / "a.yaml").write_text(f"Pixelsize: {size}\n")
    assert read_table(tmp_path / "a.hdf5", CAMERA)["x_nm"][0] == pytest.approx(55.0)
    with pytest.raises(TableError, match="does not say how large"):
        read_table(tmp_path / "a.hdf5")


@pytest.mark.parametrize("name", ["a.smlm", "a_sml.mat", "a.parquet", "a.txt"])
def test_damaged_tables_are_read_or_refused(tmp_path, name):
    path, chance = tmp_path / name, random.Random(3)
    if name == "a.smlm":
        write_smlm(path)
    elif name == "a.parquet":
        pytest.importorskip("pyarrow")
        write_table(path, validated(pd.DataFrame({"frame": [0], "x_nm": [1.0], "y_nm": [2.0]})))
    elif name == "a.txt":
        path.write_text("First Frame\tPosition X [nm]\tPosition Y [nm]\n1\t2.5\t3.5\n2\t4\t5\n")
    else:
        loc = {name: np.arange(1.0, 4.0) for name in ("frame", "xnm", "ynm")}
        savemat(path, {"saveloc": {"loc": loc}}, do_compression=True)
    whole = path.read_bytes()
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 3))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data[: chance.choice((None, None, len(data) // 2))])
        with contextlib.suppress(DeepStormError):
            read_table(path, CAMERA)
