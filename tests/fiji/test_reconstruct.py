"""Reconstruct Stack... and Preview Current Frame... in a real ImageJ."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

import deep_storm as ds
from deep_storm.io.config import load_toml, write_config
from deep_storm.io.tables.thunderstorm import read_protocol

DATA = Path(__file__).resolve().parents[1] / "data"

pytestmark = pytest.mark.usefixtures("quick_calibration")
SCALE = {"pixel": (0.1, "um")}


def test_image_and_table_are_those_of_python(imagej, trained, movie):
    done = imagej.run(
        "Reconstruct_Stack...",
        {"array": movie, "title": "movie.tif", **SCALE},
        model=trained / "model",
        threshold="0.1",
        output=trained / "out" / "movie",
    )
    assert done["status"].startswith("ok: ")
    assert done["language"] == "Python"
    expected = ds.reconstruct(movie, model=trained / "model", threshold=0.1)
    assert len(expected.table) > 10
    np.testing.assert_array_equal(done["image"]["array"], expected.image)
    np.testing.assert_array_equal(done["table"]["frame"], expected.table["frame"] + 1)
    for label, name in (("x [nm]", "x_nm"), ("confidence", "confidence")):
        np.testing.assert_array_equal(done["table"][label], expected.table[name])
    assert done["image"]["pixel"] == pytest.approx(0.0125)
    assert done["image"]["title"] == "movie.tif - Deep-STORM"
    names = {p.name for p in (trained / "out").iterdir()}
    assert {"movie.tif", "movie.csv", "movie-protocol.txt", "movie-run.toml"} <= names
    report = trained / "out" / "movie-report.html"
    assert str(report) in done["status"]
    assert "Does the model fit the frames?" in report.read_text(encoding="utf-8")
    np.testing.assert_array_equal(tifffile.imread(trained / "out" / "movie.tif"), expected.image)


def test_positions_in_a_roi_are_those_of_the_full_field(imagej, trained, movie):
    roi = (8, 4, 24, 28)  # left, top, width, height
    done = imagej.run(
        "Reconstruct_Stack...",
        {"array": movie, "roi": roi, **SCALE},
        model=trained / "model",
        threshold="0.1",
        output=trained / "roi",
    )
    part = np.ascontiguousarray(movie[:, 4:32, 8:32])
    expected = ds.reconstruct(part, model=trained / "model", threshold=0.1).table
    np.testing.assert_array_equal(done["table"]["x [nm]"], expected["x_nm"] + 800)
    np.testing.assert_array_equal(done["table"]["y [nm]"], expected["y_nm"] + 400)
    assert done["image"]["origin"] == pytest.approx((-64, -32))
    written = ds.read_table(trained / "roi.csv")
    np.testing.assert_allclose(written["x_nm"], expected["x_nm"] + 800, atol=1e-4)


def test_file_on_the_disk(imagej, trained, tmp_path):
    done = imagej.run(
        "Reconstruct_Stack...",
        stack=trained / "sim.tif",
        model=trained / "model",
        frames="1:2",
        output=tmp_path / "few",
    )
    assert done["status"].startswith("ok: ")
    assert "in 2 frames" in done["status"]
    record = load_toml(tmp_path / "few-run.toml")
    assert record["inputs"]["stack_bytes"] == (trained / "sim.tif").stat().st_size
    assert (tmp_path / "few-report.html").is_file()


def test_files_that_fit_a_pattern(imagej, trained, tmp_path):
    for name in ("one", "two"):
        shutil.copy(trained / "sim.tif", tmp_path / f"{name}.tif")
    (tmp_path / "three.tif").write_bytes(b"no TIFF")
    pattern = {"stack": tmp_path / "*.tif", "output": tmp_path / "all", "frames": "1:1"}
    done = imagej.run("Reconstruct_Stack...", model=trained / "model", **pattern)
    assert done["status"].startswith("error: ")
    assert "2 of 3 stacks done, 1 failed" in done["status"]
    assert "three.tif: failed: " in done["status"]
    assert "with resume=true in 'More options' processes the others" in done["status"]
    assert (tmp_path / "all" / "two.csv").is_file()
    (tmp_path / "three.tif").unlink()
    done = imagej.run("Reconstruct_Stack...", model=trained / "model", resume=True, **pattern)
    assert done["status"].startswith("ok: ")
    assert "2 of 2 stacks done" in done["status"]


def test_general_model_is_told_what_the_image_looks_like(imagej):
    protocol = DATA / "filaments_drift_first20_thunderstorm-protocol.txt"
    imagej.run("Camera_Setup...", source="protocol", protocol=protocol)
    stack = DATA / "filaments_drift_first20.tif"
    done = imagej.run("Reconstruct_Stack...", {"file": str(stack)}, frames="1:3")
    expected = ds.reconstruct(stack, model="general", camera=read_protocol(protocol), frames="1:3")
    assert done["status"].count("The general model was given (estimated from the stack)") == 1
    np.testing.assert_array_equal(done["table"]["x [nm]"], expected.table["x_nm"])
    assert "--" not in done["status"]  # no options of the command line
    imagej.ask("forget", key="camera")
    done = imagej.run("Reconstruct_Stack...", {"file": str(stack)})
    assert done["status"].startswith("error: the general model without a camera")
    assert "give a camera (Plugins > Deep-STORM > 1 Set Up > Camera Setup..." in done["status"]


def test_preview_draws_the_frame_with_confidence(imagej, trained, movie):
    done = imagej.run(
        "Preview_Current_Frame...",
        {"array": movie, **SCALE},
        model=trained / "model",
        frame="3",
        threshold="0.1",
    )
    assert done["status"].startswith("ok: ")
    expected = ds.preview(movie, model=trained / "model", frame=3, threshold=0.1).table
    assert len(done["overlay"]) == len(expected) > 0
    x, y, width, height = done["overlay"][0]["box"]
    assert x + width / 2 == pytest.approx(expected["x_nm"].iloc[0] / 100, abs=1e-3)
    assert y + height / 2 == pytest.approx(expected["y_nm"].iloc[0] / 100, abs=1e-3)
    confidence = expected["confidence"].iloc[0]
    assert done["overlay"][0]["name"] == f"Deep-STORM confidence {confidence:.2f}"


def test_preview_in_a_roi_with_a_camera_that_only_the_settings_file_has(imagej, tmp_path):
    imagej.ask("forget", key="camera")
    stack, roi = DATA / "filaments_drift_first20.tif", (20, 8, 32, 40)  # left, top, width, height
    camera = read_protocol(DATA / "filaments_drift_first20_thunderstorm-protocol.txt")
    sections = {
        "camera": camera.model_dump(),
        "psf": {"sigma_nm": 108},
        "emitters": {"density_per_um2": 1, "intensity_photon": 2000},
        "background": {"background_photon": 20},
    }
    write_config(tmp_path / "matched.toml", sections)
    done = imagej.run(
        "Preview_Current_Frame...",
        {"file": str(stack), "roi": roi},
        model="general",
        frame="3",
        config=tmp_path / "matched.toml",
    )
    assert done["status"].startswith("ok: ")
    assert "The general model was given (as given)" in done["status"]
    part = np.ascontiguousarray(tifffile.imread(stack)[:, 8:48, 20:52])
    expected = ds.preview(part, model="general", frame=3, config=tmp_path / "matched.toml").table
    np.testing.assert_array_equal(done["table"]["x [nm]"], expected["x_nm"] + 2000)
    np.testing.assert_array_equal(done["table"]["y [nm]"], expected["y_nm"] + 800)
    assert len(done["overlay"]) == len(expected) >= 3
    x, _, width, _ = done["overlay"][0]["box"]
    assert x + width / 2 == pytest.approx(expected["x_nm"].iloc[0] / 100 + 20, abs=1e-3)


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        (None, {}, ("no image is open", "open it")),
        ({}, {"model": "nowhere"}, ("nowhere", "model folder")),
        ({}, {"model": None}, ("the field 'Model' is empty", "fill it in")),
        ({"pixel": (0.16, "um")}, {}, ("160 nm", "100 nm")),
        ({}, {"frames": "5:99"}, ("12 frames", "change the field 'Frames'")),
        ({}, {"threshold": "2"}, ("'Minimum confidence' is '2'", "0 to 1")),
        ({}, {"threshold": "high"}, ("'Minimum confidence' is 'high'",)),
        (
            {"8 bit": True},
            {},
            ("baseline of 100 ADU", "Plugins > Deep-STORM > 2 Measure > Measure Background..."),
        ),
        ({"rgb": True}, {}, ("RGB", "grey values")),
        ({}, {"resume": True}, ("the field 'Movie'", "leave resume out of the field")),
    ],
)
def test_wrong_input_is_named(imagej, trained, movie, image, options, words):
    if image is not None:
        image = {"array": movie, **image}
        if image.pop("8 bit", False):
            image["array"] = (movie // 257).astype(np.uint8)
        if image.pop("rgb", False):
            image["array"] = movie.astype(np.int32)
    options = {"model": trained / "model", **options}
    options = {k: "none" if v is None else v for k, v in options.items()}
    done = imagej.run("Reconstruct_Stack...", image, **options)
    assert done["status"].startswith("error: ")
    for word in words:
        assert word in done["status"]


def test_8_bit_frames_of_an_8_bit_camera_are_fine(imagej, trained, movie):
    frames = np.minimum(movie, 255).astype(np.uint8)  # above the model's baseline of 100
    done = imagej.run(
        "Reconstruct_Stack...",
        {"array": frames},
        model=trained / "model",
        frames="1:1",
        more="trust_camera=true",  # what is cut off at 255 has less noise
    )
    assert done["status"].startswith("ok: ")


def test_another_camera_is_refused(imagej, trained, movie, tmp_path):
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=90, photons_per_adu=0.5)
    from deep_storm.io.camera_files import write_camera

    write_camera(tmp_path / "other.toml", camera)
    done = imagej.run(
        "Reconstruct_Stack...",
        {"array": movie},
        model=trained / "model",
        camera=tmp_path / "other.toml",
    )
    assert done["status"].startswith("error: ")
    assert "'Baseline (ADU)' 90" in done["status"]


def test_the_file_of_the_open_image_is_not_replaced(imagej, trained, tmp_path):
    stack = tmp_path / "raw.tif"
    shutil.copy(trained / "sim.tif", stack)
    raw = stack.read_bytes()
    inputs = {"model": trained / "model", "output": tmp_path / "raw", "overwrite": True}
    for virtual in (True, False):
        opened = {"file": str(stack), "virtual": virtual}
        done = imagej.run("Reconstruct_Stack...", opened, **inputs)
        assert "is the stack" in done["status"], done["status"]
    assert stack.read_bytes() == raw
