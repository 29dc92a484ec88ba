"""Tables as verbs take them: a camera, given or noted beside the file, converts px and ADU."""

from __future__ import annotations

import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import CameraError, TableError
from deep_storm.io.tables.thunderstorm import write_protocol

CAMERA = ds.Camera(pixel_size_nm=160, baseline_adu=100, photons_per_adu=0.5)
IN_PX = 'frame,"x [px]","y [px]","intensity [ADU]"\n1,1.5,2.5,2000\n2,3.0,4.0,3000\n'
IN_NM = 'frame,"x [nm]","y [nm]","intensity [photon]"\n1,240,400,1000\n2,480,640,1500\n'


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "px.csv").write_text(IN_PX)
    (tmp_path / "nm.csv").write_text(IN_NM)
    (tmp_path / "camera.toml").write_text(
        "[camera]\npixel_size_nm = 160\nbaseline_adu = 100\nphotons_per_adu = 0.5\n"
    )
    return tmp_path


@pytest.mark.parametrize("verb", ["render", "evaluate"])
def test_the_advised_camera_is_taken(verb, place, capsys):
    command = {
        "render": ["render", "px.csv", "--method", "histogram", "-o", "image.tif"],
        "evaluate": ["evaluate", "px.csv", "nm.csv", "--tolerance-nm", "1"],
    }[verb]
    assert main(command) == 2
    assert "give --camera camera.toml" in capsys.readouterr().err
    assert main([*command, "--camera", "camera.toml"]) == 0
    said = capsys.readouterr().out
    assert ("2 localizations" if verb == "render" else "1.000") in said


def test_a_camera_in_the_settings_file_does_too(place):
    image = ds.render(place / "px.csv", config=place / "camera.toml", method="histogram").image
    assert image.sum() == 2
    assert image[40, 24] == 1  # 400 nm down, 240 nm right in pixels of 10 nm


def test_the_protocol_beside_a_table_is_its_camera(place):
    write_protocol(place / "px-protocol.txt", CAMERA)
    assert ds.evaluate("px.csv", "nm.csv", tolerance_nm=1).comparison.scores[0].jaccard == 1
    assert ds.render("px.csv", method="histogram").image[40, 24] == 1


def test_a_damaged_protocol_does_not_matter_to_a_table_in_nm(place):
    (place / "nm-protocol.txt").write_text("garbled")
    assert ds.render("nm.csv", method="histogram").image.sum() == 2
    (place / "px-protocol.txt").write_text("garbled")
    with pytest.raises(TableError, match="no camera was given"):
        ds.render("px.csv", method="histogram")


def test_a_camera_that_contradicts_the_protocol(place):
    write_protocol(place / "px-protocol.txt", CAMERA)
    other = CAMERA.model_copy(update={"pixel_size_nm": 100.0})
    with pytest.raises(CameraError, match="pixels of 100 nm"):
        ds.evaluate("px.csv", "nm.csv", camera=other)


def test_a_camera_that_is_given_whole_is_no_option_by_itself(place, capsys):
    assert main(["evaluate", "px.csv", "nm.csv", "--baseline-adu", "5"]) == 2
    assert main(["render", "--help"]) == 0
    text = capsys.readouterr().out
    assert "--camera" in text
    assert "--baseline-adu" not in text


def test_a_half_camera_in_a_settings_file_says_where_to_mend_it(place, capsys):
    (place / "half.toml").write_text("[camera]\nbaseline_adu = 100\n")
    assert main(["render", "px.csv", "--config", "half.toml", "--method", "histogram"]) == 2
    said = capsys.readouterr().err
    assert "pixel_size_nm is missing in half.toml" in said
    assert "put pixel_size_nm under [camera] in that file" in said


def test_a_table_in_memory_needs_no_camera():
    table = pd.DataFrame({"frame": [0], "x_nm": [5.0], "y_nm": [5.0]})
    assert ds.render(table, method="histogram").image.sum() == 1


@pytest.mark.parametrize(("frame", "said"), [(-1.0, "-1"), (0.5, "0.5")])
def test_frames_of_a_table_in_memory_are_whole_numbers(frame, said):
    table = pd.DataFrame({"frame": [0.0, frame], "x_nm": [1.0, 2.0], "y_nm": [1.0, 2.0]})
    with pytest.raises(TableError, match=f"has {said} as frame in row 2"):
        ds.filter(table, formula="x > 0")


@pytest.mark.parametrize("verb", ["filter", "merge", "render", "evaluate", "cluster"])
def test_what_is_no_table_is_a_sentence(verb, place):
    more = {"filter": ("x > 0",), "evaluate": ("nm.csv",)}.get(verb, ())
    run = getattr(ds, verb)
    kept = ds.filter(ds.read_table("nm.csv"), "x > 0")
    with pytest.raises(TableError, match=r"of type FilterResult was given .* RESULT\.table"):
        run(kept, *more)
    for wrong in (5, kept.table.to_numpy(), {"x_nm": [1.0]}):
        with pytest.raises(TableError, match=rf"of type {type(wrong).__name__} was given"):
            run(wrong, *more)


def test_a_file_that_pandas_read_is_told_how_to_be_read(place):
    with pytest.raises(TableError, match=r"no column x_nm, y_nm .* deep_storm\.read_table"):
        ds.filter(pd.read_csv("nm.csv"), "x > 0")
    with pytest.raises(TableError, match=r"has nan as x_nm in row 1"):
        ds.filter(ds.read_table("nm.csv").assign(x_nm=float("nan")), "x > 0")
