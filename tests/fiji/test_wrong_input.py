"""Wrong input in ImageJ's windows: one dialog, nothing else on the screen, images untouched."""

from __future__ import annotations

import re

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.fiji.commands import check
from deep_storm.io.camera_files import write_camera

RECONSTRUCT = "Reconstruct_Stack..."
FRAMES = np.random.default_rng(1).normal(100.0, 4.0, (12, 24, 28)).round().astype(np.uint16)
UM = (0.1, "um")


@pytest.fixture
def entered(screen):
    """ImageJ with a camera of 100 nm pixels."""
    screen.run("Camera_Setup...", pixel_size_nm=100.0, photons_per_adu=0.5, read_noise_adu=2.0)
    yield screen
    screen.ask("forget", key="camera")


def told(screen, command, image=None, **inputs):
    """Run a command that ends with one dialog; returns its words and the status."""
    before = screen.ask("windows")
    running = screen.begin(command, image, **inputs)
    screen.wait_for(lambda: screen.ask("dialogs") or running.done())
    dialogs = screen.ask("dialogs")
    assert [title for title, _, _ in dialogs] == [f"Deep-STORM: {screen.title(command)}"]
    assert [button.strip() for button in dialogs[0][2]] == ["OK"]
    assert screen.ask("cut_off", title=dialogs[0][0]) == []
    screen.ask("click", label=r"\s*OK\s*")
    status = running.result()["status"]
    assert status.startswith("error: ")
    assert screen.ask("dialogs") == []
    assert screen.ask("windows") == before
    return re.sub(r"\s+", " ", dialogs[0][1])


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ({"array": FRAMES.astype(np.int32)}, "is an RGB image"),
        ({"array": FRAMES, "axes": "zt"}, "has 2 z planes and 6 frames"),
        ({"array": FRAMES, "pixel": (0.16, "um")}, "160 nm"),
    ],
    ids=["colours", "planes and frames", "another scale than the camera's"],
)
def test_an_image_that_does_not_suit(entered, image, said):
    entered.show("wrong", title="wrong.tif", **image)
    mean = "float(KEPT['wrong'].getStack().getProcessor(3).getStatistics().mean)"
    before = entered.ask("evaluate", text=mean)
    assert said in told(entered, RECONSTRUCT, "wrong")
    assert entered.ask("images") == ["wrong.tif"]
    assert entered.ask("evaluate", text=mean) == before


def test_no_image_and_no_camera(screen):
    screen.ask("forget", key="camera")
    assert "no image is open" in told(screen, RECONSTRUCT)
    screen.show("movie", array=FRAMES, title="movie.tif", pixel=(1.0, "pixel"))
    assert "the general model without a camera" in told(screen, RECONSTRUCT, "movie")


def test_a_camera_that_is_not_the_models(screen, trained, movie, tmp_path):
    camera = ds.Camera(pixel_size_nm=160, baseline_adu=100, photons_per_adu=0.5)
    write_camera(tmp_path / "other.toml", camera)
    screen.show("movie", array=movie, title="movie.tif")
    inputs = {"model": trained / "model", "camera": tmp_path / "other.toml"}
    assert "160" in told(screen, RECONSTRUCT, "movie", **inputs)


def test_a_folder_that_cannot_be_written(entered, tmp_path):
    (tmp_path / "file").write_text("")
    entered.show("movie", array=FRAMES, title="movie.tif", pixel=UM)
    said = told(entered, RECONSTRUCT, "movie", output=tmp_path / "file" / "movie")
    assert "file" in said


def test_a_table_without_its_columns(screen, tmp_path):
    (tmp_path / "a.csv").write_text('"frame","intensity [photon]"\n1,500\n')
    said = told(screen, "Merge_Localizations...", table=tmp_path / "a.csv")
    assert "x [nm]" in said


def test_a_formula_of_another_program(screen, tmp_path):
    table = tmp_path / "a.csv"
    table.write_text('"frame","x [nm]","y [nm]"\n1,10,20\n')
    said = told(screen, "Filter_Localizations...", table=table, formula="x >= 5")
    assert ">=" in said


def test_a_roi_without_an_area_is_the_whole_image(imagej):
    imagej.ask("keep_image", name="lined", array=FRAMES)
    imagej.ask("evaluate", text="KEPT['lined'].setRoi(java('ij.gui.Line')(1.0, 1.0, 8.0, 8.0))")
    read = imagej.ask("read_image", image="lined")
    assert read["shape"] == FRAMES.shape


@pytest.mark.parametrize(
    ("version", "state"), [("1.8.0_322", "to fix"), ("11.0.2", "ok"), ("25", "ok")]
)
def test_a_java_that_is_too_old(monkeypatch, version, state):
    class System:
        @staticmethod
        def getProperty(name):
            return version if name == "java.version" else "/java"

    monkeypatch.setattr(check, "java_class", lambda name: System)
    part = check._java()
    assert part.state == state
    assert (f"Java {version} is too old" in part.problem) == (state == "to fix")
