"""Named files of a run: one rule for names, checked before, told afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deep_storm.errors import OutputError
from deep_storm.io.guard import reading
from deep_storm.io.images import write_image, write_stack
from deep_storm.io.outputs import Outputs, name_of

ENDINGS = {"image": ".tif", "table": ".csv", "record": "-run.toml"}


def planned(output, overwrite=False):
    return Outputs.of(output, ENDINGS, name="movie", tail="reconstructed", overwrite=overwrite)


def single(output, ending=".toml"):
    endings = {"camera": ending, "mask": "-mask.png"}
    return Outputs.of(output, endings, name="movie_camera", any_ending=True)


@pytest.mark.parametrize(
    ("given", "stem"),
    [
        ("out", "out"),
        ("out.tif", "out"),
        ("out.TIF", "out"),
        ("out.tiff", "out"),
        ("out.csv", "out"),
        ("out-run.toml", "out"),
        ("night.1", "night.1"),
        ("new/out", "new/out"),
        ("new/", "new/movie"),
        ("there", "there/movie"),
        ("there/", "there/movie"),
        (".", "movie"),
        (".tif", ".tif"),
    ],
)
def test_a_name_a_file_or_a_folder(tmp_path, monkeypatch, given, stem):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    for output in {given, Path(given)} if not given.endswith("/") else {given}:
        assert dict(planned(output).files) == {
            name: Path(stem + ending) for name, ending in ENDINGS.items()
        }


@pytest.mark.parametrize(
    ("given", "camera", "mask"),
    [
        ("a.toml", "a.toml", "a-mask.png"),
        ("a", "a.toml", "a-mask.png"),
        ("a.txt", "a.txt", "a-mask.png"),
        ("a.2", "a.2.toml", "a.2-mask.png"),
        ("new/", "new/movie_camera.toml", "new/movie_camera-mask.png"),
    ],
)
def test_a_single_file_keeps_its_ending(tmp_path, monkeypatch, given, camera, mask):
    monkeypatch.chdir(tmp_path)
    assert dict(single(given).files) == {"camera": Path(camera), "mask": Path(mask)}


def test_nothing_is_written_without_an_output():
    outputs = planned(None)
    outputs.check()
    assert not outputs
    assert outputs.written == ()


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_name_is_none(empty):
    with pytest.raises(OutputError, match="the output is empty"):
        planned(empty)


@pytest.mark.parametrize(
    ("name", "said"), [("a" * 300, "name is too long"), ("a\0b", "without null characters")]
)
def test_a_name_that_no_file_can_have(tmp_path, name, said):
    for output in (name, name + ".csv", name + "/x"):
        with pytest.raises(OutputError, match=said):
            Outputs.of(tmp_path / output, {"table": ".csv"}, name="movie").check()


def test_what_was_written_is_told_after_it_was(tmp_path):
    outputs = planned(tmp_path / "out")
    assert outputs.written == ()
    with outputs.writing("record") as path:
        path.write_text("")
    with pytest.raises(OSError, match="full"), outputs.writing("table"):
        raise OSError("full")
    with outputs.writing("image") as path:
        path.write_text("")
    assert outputs.written == (tmp_path / "out.tif", tmp_path / "out-run.toml")
    assert outputs.names_written == {"image": "out.tif", "record": "out-run.toml"}


def test_an_input_is_refused_with_a_name_that_would_do(tmp_path):
    movie = tmp_path / "movie.tif"
    movie.write_bytes(b"raw")
    (tmp_path / "movie_reconstructed.csv").write_text("")
    with reading([("stack", movie)]), pytest.raises(OutputError, match="is the stack") as told:
        planned(tmp_path / "movie", overwrite=True).check()
    assert f"such as {tmp_path / 'movie_reconstructed_2'};" in told.value.advice


def test_a_check_makes_nothing(tmp_path):
    planned(tmp_path / "new" / "out").check()
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_named(tmp_path):
    for name in ("out.csv", "out-run.toml"):
        (tmp_path / name).write_text("")
    with pytest.raises(OutputError, match=r"out\.csv and .*out-run\.toml exist already"):
        planned(tmp_path / "out").check()
    planned(tmp_path / "out", overwrite=True).check()


def test_an_image_of_somebody_else_is_not_replaced(tmp_path):
    import tifffile

    frames = np.zeros((3, 8, 8), np.uint16)
    outputs = planned(tmp_path / "out", overwrite=True)
    for foreign in (b"", b"not even a TIFF"):
        (tmp_path / "out.tif").write_bytes(foreign)
        with pytest.raises(OutputError, match="exists already and was not written by"):
            outputs.check()
    tifffile.imwrite(tmp_path / "out.tif", frames, imagej=True)
    with pytest.raises(OutputError, match="exists already and was not written by"):
        outputs.check()
    (tmp_path / "out.tif").unlink()
    write_stack(tmp_path / "out.tif", frames, 100.0)
    outputs.check()
    write_image(tmp_path / "out.tif", frames[0], 100.0, overwrite=True)
    outputs.check()


def test_two_outputs_are_never_one_file(tmp_path):
    outputs = Outputs.of(
        tmp_path / "out.png", {"table": ".csv", "picture": ".PNG"}, name="", any_ending=True
    )
    with pytest.raises(OutputError, match="would be both table and picture"):
        outputs.check()


def test_results_are_named_after_what_is_read(tmp_path):
    class Stream:
        files = ()
        name = "movie.ome.tif"

    assert name_of("night/movie.ome.tif", "stack") == "movie"
    assert name_of(Path("night/table.v2.csv"), "table") == "table.v2"
    assert name_of(["a.tif", "b.tif"], "stack") == "a"
    assert name_of(Stream(), "stack") == "movie"
    assert name_of(np.zeros((2, 2)), "stack") == "stack"
    assert name_of(None, "stack") == "stack"
