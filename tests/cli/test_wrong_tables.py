"""Wrong tables: one sentence, exit code 2, nothing written, for every verb that takes a table."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.cli import main

VERBS = {
    "filter": ["filter", "t.csv", "x > 1"],
    "correct-drift": ["correct-drift", "t.csv"],
    "merge": ["merge", "t.csv", "--distance-nm", "20"],
    "remove-duplicates": ["remove-duplicates", "t.csv"],
}
READERS = {
    "cluster": ["cluster", "t.csv"],
    "render": ["render", "t.csv", "--pixel-size-nm", "50"],
    "evaluate": ["evaluate", "t.csv"],
    "evaluate against": ["evaluate", "other.csv", "t.csv"],
    "estimate": ["estimate", "--localizations", "t.csv", "--camera", "camera.toml"],
}
CONVERTS = ("estimate",)
"""Verbs whose command has a camera, so that px and ADU are no mistake."""
CAMERA_TOML = "[camera]\npixel_size_nm = {}\nbaseline_adu = 100\nphotons_per_adu = 0.5\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 6400, (2, 3000))
    ds.write_table(
        tmp_path / "t.csv",
        pd.DataFrame(
            {
                "frame": np.arange(3000) // 10,
                "x_nm": x,
                "y_nm": y,
                "intensity_photon": 1000.0,
                "uncertainty_xy_nm": rng.uniform(5, 15, 3000),
            }
        ),
    )
    (tmp_path / "other.csv").write_bytes((tmp_path / "t.csv").read_bytes())
    (tmp_path / "camera.toml").write_text(CAMERA_TOML.format(100))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rewrite(place, old, new, lines=None):
    text = (place / "t.csv").read_text().splitlines(keepends=True)[:lines]
    assert old in "".join(text)
    (place / "t.csv").write_text("".join(text).replace(old, new))


def refused(place, capsys, arguments, pattern):
    before = {path: path.read_bytes() for path in place.iterdir()}
    capsys.readouterr()
    name = {"render": "out.tif", "estimate": "out.toml"}.get(arguments[0], "out.csv")
    assert main([*arguments, "-o", str(place / "new" / name)]) == 2
    captured = capsys.readouterr()
    lines = captured.err.splitlines()  # slow machines have seen progress before
    first = next(i for i, line in enumerate(lines) if line.startswith("deep-storm "))
    sentence, *caret = lines[first:]
    assert re.search(pattern, sentence), sentence
    assert sentence.startswith(f"deep-storm {arguments[0]}: ")
    assert len(caret) in (0, 2)
    assert captured.out == ""
    assert {p: p.read_bytes() for p in place.rglob("*") if p.is_file()} == before


def row(place, number, cell, text):
    lines = (place / "t.csv").read_text().splitlines()
    cells = lines[number].split(",")
    cells[cell] = text
    lines[number] = ",".join(cells)
    (place / "t.csv").write_text("\n".join(lines) + "\n")


TABLES = {
    "header only": (
        lambda p: rewrite(p, "id", "id", 1),
        "the (table|ground truth) (is empty|has (0|no) (rows|emitters))",
    ),
    "NaN": (lambda p: row(p, 5, 2, "NaN"), r"row 5 \(line 6\).* has nan as 'x \[nm\]'"),
    "infinite": (lambda p: row(p, 5, 3, "Infinity"), r"has inf as 'y \[nm\]'"),
    "text": (lambda p: row(p, 5, 3, "here"), "has 'here' as"),
    "unit missing": (lambda p: rewrite(p, "x [nm]", "x"), "without a unit"),
    "no x": (lambda p: rewrite(p, "x [nm]", "area"), r"no column 'x \[nm\]'"),
    "pixels": (lambda p: rewrite(p, "x [nm]", "x [px]"), "--camera"),
    "ADU": (lambda p: rewrite(p, "[photon]", "[ADU]"), "--camera"),
    "missing": (lambda p: (p / "t.csv").unlink(), "there is no file"),
    "no table": (lambda p: (p / "t.csv").write_bytes(b"\x89PNG\r\n\x1a\n\0\0"), "is not a table"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_is_none(place, capsys, verb, table):
    change, pattern = TABLES[table]
    change(place)
    refused(place, capsys, VERBS[verb], pattern)


@pytest.mark.parametrize(
    ("verb", "table"),
    [(v, t) for v in READERS for t in TABLES if v not in CONVERTS or t not in ("pixels", "ADU")],
)
def test_a_table_that_is_none_is_not_read_either(place, capsys, verb, table):
    change, pattern = TABLES[table]
    change(place)
    refused(place, capsys, READERS[verb], pattern)


def test_estimate_needs_sigma(place, capsys):
    refused(place, capsys, READERS["estimate"], r"no column sigma \[nm\]")


def test_ripley_needs_no_field(place):
    table = ds.read_table(place / "t.csv").assign(x_nm=5.0, y_nm=5.0)
    ds.write_table(place / "t.csv", table, overwrite=True)
    assert main(["cluster", "t.csv", "-o", "out.csv"]) == 0
    assert (ds.read_table(place / "out.csv")["cluster"] == 1).all()


@pytest.mark.parametrize("verb", ["filter", "merge", "remove-duplicates"])
def test_pixels_are_converted_with_the_camera(place, verb):
    rewrite(place, "x [nm]", "x [px]")
    assert main([*VERBS[verb], "--camera", "camera.toml", "-o", "out.csv"]) == 0
    table = ds.read_table(place / "out.csv")
    assert 6000 < table["x_nm"].max() / 100 < 6400


@pytest.mark.parametrize("verb", VERBS)
def test_two_pixel_sizes(place, capsys, verb):
    camera = ds.Camera(pixel_size_nm=160, baseline_adu=100, photons_per_adu=0.5)
    from deep_storm.io.tables.thunderstorm import write_protocol

    write_protocol(place / "t-protocol.txt", camera)
    pattern = r"pixel_size_nm = 100, the protocol .*t-protocol.txt 160; expected one camera"
    refused(place, capsys, [*VERBS[verb], "--camera", "camera.toml"], pattern)


@pytest.mark.parametrize("verb", ["evaluate against", "estimate", "cluster"])
def test_two_tables_with_different_pixels(place, capsys, verb):
    from deep_storm.io.tables.thunderstorm import write_protocol

    for name, size in (("t", 160), ("other", 100)):
        camera = ds.Camera(pixel_size_nm=size, baseline_adu=100, photons_per_adu=0.5)
        write_protocol(place / f"{name}-protocol.txt", camera)
    more = ["--camera", "camera.toml"] if verb == "cluster" else []
    refused(place, capsys, [*READERS[verb], *more], r"(160 nm.*100 nm|100 nm.*160 nm|100.*160;)")


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["filter", "t.csv"], "neither a formula nor a range was given"),
        (["filter", "t.csv", "confidence > 0.5"], "the table has no column 'confidence'"),
        (["filter", "t.csv", "--confidence", "0.5:"], "no column 'confidence' for confidence"),
        (["filter", "t.csv", "--confidence", "0.5"], "confidence is '0.5'"),
        (["filter", "t.csv", "--min-neighbours", "-1"], "min_neighbours is '-1'"),
        (["merge", "t.csv", "--distance-nm", "0"], r"distance_nm is '0'.*\(nm\)"),
        (["remove-duplicates", "t.csv", "--distance", "x >"], "there is nothing where a value"),
        (["correct-drift", "t.csv"], "no structure in common"),
        (["correct-drift", "t.csv", "--bins", "150"], "give --bins 20"),
        (["correct-drift", "t.csv", "--bins", "2"], "bins is '2'"),
        (["correct-drift", "t.csv", "--method", "markers"], "no fiducial marker was found"),
        (["correct-drift", "t.csv", "--drift-file", "none.json"], r"there is no file .*none\.json"),
        (["correct-drift", "t.csv", "--drift-file", "t.csv"], "is not a drift file"),
        (["correct-drift", "t.csv", "--drift-file", "px.json"], "is in pixels"),
    ],
)
def test_options_that_cannot_be(place, capsys, arguments, pattern):
    function = {"knots": [1, 300], "polynomials": [{"coefficients": [0, 1]}], "n": 1}
    content = {"xFunction": function, "yFunction": function, "units": "PIXEL"}
    (place / "px.json").write_text(json.dumps(content))
    refused(place, capsys, arguments, pattern)


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda t: t.assign(frame=0), "all localizations are in one frame"),
        (lambda t: t.assign(x_nm=1.0, y_nm=1.0), "all localizations lie at the same place"),
        (lambda t: t.head(60), "are too few to measure drift"),
    ],
)
def test_tables_without_drift_to_measure(place, capsys, change, pattern):
    ds.write_table(place / "t.csv", change(ds.read_table(place / "t.csv")), overwrite=True)
    refused(place, capsys, VERBS["correct-drift"], pattern)


@pytest.mark.parametrize("verb", ["filter", "merge", "remove-duplicates"])
@pytest.mark.parametrize("change", [{"frame": 0}, {"x_nm": 5.0, "y_nm": 5.0}])
def test_one_frame_and_one_place_are_tables_too(place, verb, change):
    table = ds.read_table(place / "t.csv").assign(**change)
    ds.write_table(place / "t.csv", table, overwrite=True)
    assert main([*VERBS[verb], "-o", "out.csv"]) == 0
    assert len(ds.read_table(place / "out.csv")) > 0
