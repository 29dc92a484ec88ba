"""What a reconstruction writes, held against every rule by which ThunderSTORM reads it.

The reader here is as strict as ThunderSTORM's and shares no code with ours.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

import deep_storm as ds
from deep_storm.io.tables.thunderstorm import read_protocol, read_table, write_table

DATA = Path(__file__).resolve().parents[1] / "data"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "thunderstorm"
LABEL = re.compile(r'"([#_a-zA-Z0-9]+)( \[(um|nm|px|um\^2|nm\^2|px\^2|ADU|photon|deg|rad)\])?"')
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
DEV = [
    "id", "frame", "x [nm]", "y [nm]", "sigma [nm]", "intensity [photon]", "offset [photon]",
    "bkgstd [photon]", "detections", "confidence", "uncertainty_xy [nm]",
]  # fmt: skip
V1_3 = [*DEV[:8], "uncertainty [nm]"]


@pytest.fixture(scope="module")
def written(quick_calibration, tmp_path_factory):
    """The files of a reconstruction of frames that ThunderSTORM made."""
    output = tmp_path_factory.mktemp("contract") / "filaments"
    stack = tifffile.imread(DATA / "filaments_drift_first20.tif")
    camera = read_protocol(DATA / "filaments_drift_first20_thunderstorm-protocol.txt")
    molecules = {
        "sigma_nm": 108.0,
        "density_per_um2": 0.4,
        "intensity_photon": 1900.0,
        "background_photon": 20.0,
    }
    ds.reconstruct(stack, model="general", output=output, camera=camera, **molecules)
    return output


def read_as_thunderstorm(path):
    """Read a table as ThunderSTORM's readers do; whatever one of them trips over fails."""
    content = path.read_bytes()
    assert content.isascii()  # a byte order mark is not
    assert content.endswith(b"\n")
    header, *rows = content.decode().removesuffix("\n").split("\n")
    labels = [label.strip("\r") for label in header.split(",")]
    assert all(LABEL.fullmatch(label) for label in labels)
    cells = [row.strip("\r").split(",") for row in rows]
    assert all(len(row) == len(labels) for row in cells)  # no blank line, no comma in a cell
    assert all(NUMBER.fullmatch(cell) for cell in itertools.chain(*cells))
    names = [label.strip('"') for label in labels]
    return dict(zip(names, np.array(cells, dtype=float).T, strict=True))


def test_the_dev_table(written):
    table = read_as_thunderstorm(written.with_suffix(".csv"))
    assert list(table) == DEV
    np.testing.assert_array_equal(table["id"], np.arange(1, len(table["id"]) + 1))
    assert set(table["frame"]) <= set(range(1, 21))
    assert len(table["id"]) > 200


def test_the_v1_3_table(written, tmp_path):
    rows = read_table(written.with_suffix(".csv"))
    write_table(tmp_path / "old.csv", rows, dialect="v1.3")
    assert list(read_as_thunderstorm(tmp_path / "old.csv")) == V1_3


def test_duplicates_and_the_density_filter_can_tell_all_rows_apart(written):
    table = read_as_thunderstorm(written.with_suffix(".csv"))
    places = set(zip(table["frame"], table["x [nm]"], table["y [nm]"], strict=True))
    assert len(places) == len(table["id"])
    of_frame = zip(table["frame"], table["uncertainty_xy [nm]"], strict=True)
    assert len(set(of_frame)) == len(table["id"])
    for axis in ("x [nm]", "y [nm]"):
        part = table[axis] % 100 / 100  # inside the camera pixel
        assert len(np.unique(np.round(part, 4))) > 0.9 * len(part)  # on no grid


def test_merging_can_recompute_the_uncertainty(written):
    table = read_as_thunderstorm(written.with_suffix(".csv"))
    assert list(table)[-1] == "uncertainty_xy [nm]"
    assert {"sigma [nm]", "intensity [photon]", "bkgstd [photon]"} <= set(table)
    protocol = json.loads(Path(f"{written}-protocol.txt").read_text(encoding="ascii"))
    assert set(protocol) == {"version", "cameraSettings", "analysisEstimator"}
    assert set(protocol["cameraSettings"]) == {
        "pixelSize", "photons2ADU", "offset", "quantumEfficiency", "isEmGain", "gain",
        "readoutNoise",
    }  # fmt: skip
    assert protocol["analysisEstimator"] == {
        "name": "PSF: Integrated Gaussian",
        "method": "Maximum likelihood",
    }


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data sets are not beside the repository")
def test_every_file_of_thunderstorm_is_read():
    tables = sorted(SHARED.glob("*.csv"))
    protocols = sorted(SHARED.glob("*-protocol.txt"))
    assert tables
    assert protocols
    for path in tables:
        table = read_table(path)
        assert len(table) == path.read_bytes().count(b"\n") - 1
        assert np.isfinite(table[["x_nm", "y_nm"]].to_numpy()).all()
    for path in protocols:
        assert read_protocol(path).pixel_size_nm == 100.0
