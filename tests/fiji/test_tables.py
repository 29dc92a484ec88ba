"""What is done with tables in a real ImageJ is what Python does with them."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.fiji.commands import thunderstorm
from deep_storm.io.config import write_config
from deep_storm.io.tables.about import About, note
from deep_storm.io.tables.protocol import protocol_path, read_protocol

OTHER = ds.Camera(pixel_size_nm=160, baseline_adu=100, photons_per_adu=0.5)
DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.fixture(scope="module")
def table_file(tmp_path_factory):
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "frame": np.arange(30),
            "x_nm": rng.uniform(100, 3000, 30),
            "y_nm": rng.uniform(100, 3000, 30),
            "intensity_photon": rng.uniform(500, 2000, 30),
            "confidence": rng.uniform(0, 1, 30),
            "uncertainty_xy_nm": rng.uniform(5, 20, 30),
        }
    )
    path = tmp_path_factory.mktemp("tables") / "points.csv"
    ds.write_table(path, table)
    return path


def test_rendering_is_that_of_python(imagej, table_file):
    done = imagej.run(
        "Render_Localizations...", table=table_file, pixel_size_nm=20.0,
        output=table_file.with_name("drawn.tif"),
    )  # fmt: skip
    assert done["status"].startswith("ok: ")
    expected = ds.render(
        table_file, pixel_size_nm=20.0, output=table_file.with_name("expected.tif")
    )
    np.testing.assert_array_equal(done["image"]["array"], expected.image)
    assert done["image"]["pixel"] == pytest.approx(0.02)


def test_slices_are_a_hyperstack_with_their_distance(imagej, tmp_path):
    table = pd.DataFrame(
        {"frame": [0, 1], "x_nm": [105.0, 305.0], "y_nm": [205.0, 95.0], "z_nm": [-120.0, 130.0]}
    )
    ds.write_table(tmp_path / "deep.csv", table)
    done = imagej.run(
        "Render_Localizations...", table=tmp_path / "deep.csv", sigma_nm="10", slice_nm="100",
        pixel_size_nm=20.0, output=tmp_path / "deep.tif",
    )  # fmt: skip
    assert done["status"].startswith("ok: ")
    assert done["image"]["frames"] == 4
    assert done["image"]["slices"] == (4, 0.1)


def test_filtering_is_that_of_python(imagej, table_file):
    output = table_file.with_name("kept.csv")
    done = imagej.run(
        "Filter_Localizations...", table=table_file, output=output,
        formula="confidence > 0.5 & uncertainty_xy < 15", x_nm="0:2500",
    )  # fmt: skip
    assert done["status"].startswith("ok: ")
    expected = ds.filter(
        ds.read_table(table_file), "confidence > 0.5 & uncertainty_xy < 15", x_nm="0:2500"
    ).table
    assert 0 < len(expected) < 30
    np.testing.assert_array_equal(done["table"]["x [nm]"], expected["x_nm"])
    assert len(ds.read_table(output)) == len(expected)


def test_a_wrong_formula_is_shown_with_its_place(imagej, table_file):
    done = imagej.run("Filter_Localizations...", table=table_file, formula="confidence > .5")
    assert done["status"].startswith("error: the formula has '.5' at character 14")


@pytest.mark.parametrize(
    ("command", "verb", "options"),
    [
        ("Merge_Localizations...", ds.merge, {"distance_nm": 400}),
        ("Remove_Duplicate_Localizations...", ds.remove_duplicates, {"distance": "400"}),
    ],
)
def test_post_processing_is_that_of_python(imagej, table_file, command, verb, options):
    output = table_file.with_name(f"{verb.__name__}.csv")
    given = {name: str(value) for name, value in options.items()}
    done = imagej.run(f"{command}", table=table_file, output=output, **given)
    assert done["status"].startswith("ok: ")
    expected = verb(ds.read_table(table_file), **options).table
    np.testing.assert_array_equal(done["table"]["x [nm]"], expected["x_nm"])
    assert len(ds.read_table(output)) == len(expected)


def test_clusters_are_labelled_in_the_table(imagej, table_file):
    done = imagej.run(
        "Cluster_Localizations...", table=table_file, simulations=0,
        output=table_file.with_name("labelled.csv"), distance_nm=400.0, min_count=2, camera="none",
    )  # fmt: skip
    assert done["status"].startswith("ok: ")
    expected = ds.cluster(ds.read_table(table_file), distance_nm=400.0, min_count=2, simulations=0)
    assert expected.inside > 5
    np.testing.assert_array_equal(done["table"]["cluster"], expected.table["cluster"])


def test_drift_is_corrected_and_plotted(imagej, tmp_path):
    table = DATA / "filaments_drift_thunderstorm_positions.csv"
    done = imagej.run("Correct_Drift...", table=table, output=tmp_path / "dc.csv", bins="10")
    assert done["status"].startswith("ok: Drift from first to last frame 34")
    expected = ds.correct_drift(ds.read_table(table), bins=10).table
    np.testing.assert_allclose(done["table"]["x [nm]"], expected["x_nm"], atol=1e-6)
    assert (tmp_path / "dc-drift.json").is_file()
    assert (tmp_path / "dc-drift.png").is_file()


def test_evaluation_against_the_truth(imagej, table_file):
    done = imagej.run("Evaluate_Against_Truth...", results=table_file, truth=table_file)
    assert done["status"].startswith("ok: ")
    assert "1.000" in done["status"]


def test_no_table_is_open(imagej):
    done = imagej.run("Render_Localizations...")
    assert done["status"].startswith("error: no localization table is open")


def test_without_thunderstorm_the_file_is_named(imagej, table_file):
    done = imagej.run("Send_To_ThunderSTORM", table=table_file)
    assert done["status"].startswith("ok: ThunderSTORM is not installed")
    assert str(table_file) in done["status"]
    assert len(done["table"]["x [nm]"]) == 30


def test_none_is_no_file_also_of_a_table_from_a_file(imagej, table_file, tmp_path):
    table = shutil.copy(table_file, tmp_path / "alone.csv")
    done = imagej.run("Merge_Localizations...", table=table, output="none", distance_nm="400")
    assert done["status"].startswith("ok: 30 localizations became")
    assert [path.name for path in tmp_path.iterdir()] == ["alone.csv"]


@pytest.mark.parametrize(
    ("command", "tables", "given", "told"),
    [
        ("Evaluate Against Truth", ("results", "truth"), {}, "Jaccard"),
        (
            "Merge Localizations",
            ("table",),
            {"distance_nm": "100000"},
            "nothing says whether each localization",
        ),
    ],
)
def test_what_is_found_or_doubtful_is_told(screen, table_file, command, tables, given, told):
    name = command.replace(" ", "_") + "..."
    running = screen.begin(name, **dict.fromkeys(tables, table_file), **given)
    title, text, _ = screen.dialog()
    assert title == command
    assert told in text
    screen.ask("click", label=r"\s*OK\s*")
    assert running.result()["status"].startswith("ok: ")


def test_the_camera_of_the_dialog_converts_a_table_in_front_from_pixels(screen, tmp_path):
    write_config(tmp_path / "camera.toml", {"camera": OTHER.model_dump()})
    columns = {"frame": [1.0, 2.0], "x [px]": [2.0, 4.0], "y [px]": [1.0, 3.0]}
    screen.ask("show_table_of_columns", columns=columns, title="in pixels")
    given = {"output": "none", "frames": "1:1"}
    screen.run("Filter_Localizations...", camera=tmp_path / "camera.toml", **given)
    ((_, *xy_nm),) = screen.ask("rows", title="in pixels localizations, filtered")
    assert [float(value) for value in xy_nm] == [320.0, 160.0]


def test_a_second_image_of_a_title_gets_a_number(screen, table_file):
    for _ in range(2):
        screen.run("Render_Localizations...", table=table_file, output="none")
    assert len({*screen.ask("images")}) == 2


def test_localizations_are_drawn_over_the_image_only_if_there_is_one(screen, table_file):
    done = screen.run("Import_Localizations...", table=table_file, overlay=True)
    assert done["status"].startswith("ok: ")


def test_thunderstorm_gets_the_camera_of_the_table_not_that_of_camera_setup(tmp_path, monkeypatch):
    of_table = ds.Camera(pixel_size_nm=107, baseline_adu=100, photons_per_adu=0.5)
    monkeypatch.setattr(thunderstorm, "remembered_camera", lambda host: OTHER)
    monkeypatch.setattr(thunderstorm.tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    table = pd.DataFrame({"frame": [0], "x_nm": [1.0], "y_nm": [1.0]})
    call = SimpleNamespace(host=None, values={"dialect": "dev"})
    for known, camera in ((About(), OTHER), (About(of_table), of_table)):
        note(table, known)
        written = thunderstorm._written(call, table, f"of {camera.pixel_size_nm:g}")
        assert read_protocol(protocol_path(written)).pixel_size_nm == camera.pixel_size_nm
