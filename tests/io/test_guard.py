"""No output is an input of the same run, whatever it is called."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from deep_storm.errors import OutputError
from deep_storm.io.files import atomic_folder, atomic_path, check_outputs
from deep_storm.io.guard import check_not_an_input, reading


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "movie.tif"
    path.write_bytes(b"raw")
    return path


def test_an_input_is_not_replaced_even_with_overwrite(movie):
    with reading([("stack", movie)]):
        with pytest.raises(
            OutputError, match=r"the output .*movie\.tif is the stack itself"
        ) as told:
            check_outputs([movie], overwrite=True)
        assert "--overwrite does not replace an input" in told.value.advice
        with pytest.raises(OutputError), atomic_path(movie, overwrite=True) as partial:
            partial.write_bytes(b"image")
    assert movie.read_bytes() == b"raw"


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_links_lead_to_the_same_file(movie, tmp_path, link):
    other = tmp_path / "other.tif"
    link(movie, other)
    for source, output in ((movie, other), (other, movie)):
        with reading([("stack", source)]), pytest.raises(OutputError, match=r"stack .* itself"):
            check_not_an_input(output)


def test_relative_paths_lead_to_the_same_file(movie, tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path / "results")
    with reading([("stack", movie)]), pytest.raises(OutputError, match="stack"):
        check_not_an_input("../movie.tif")


def test_a_file_system_that_ignores_case(movie, monkeypatch):
    plain = os.stat

    def ignoring_case(path, **more):
        return plain(str(path).replace("MOVIE.TIF", "movie.tif"), **more)

    monkeypatch.setattr(os, "stat", ignoring_case)
    upper = movie.with_name("MOVIE.TIF")
    with reading([("stack", movie)]), pytest.raises(OutputError, match="stack"):
        check_not_an_input(upper)


def test_a_network_disk_without_file_numbers(movie, monkeypatch):
    plain = os.stat

    def numberless(path, **more):
        values = list(plain(path, **more))
        values[1] = 0
        return os.stat_result(values)

    monkeypatch.setattr(os, "stat", numberless)
    with reading([("stack", movie)]), pytest.raises(OutputError, match="stack"):
        check_not_an_input(movie.parent / "." / "movie.tif")


def test_a_folder_that_holds_an_input_is_not_replaced(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.toml").write_text("")
    (folder / "movie.tif").write_bytes(b"raw")
    with (
        reading([("movie", folder / "movie.tif")]),
        pytest.raises(OutputError, match="lies in the output folder"),
        atomic_folder(folder, overwrite=True, marker="model.toml"),
    ):
        pass
    assert (folder / "movie.tif").read_bytes() == b"raw"


def test_what_is_no_input_is_replaced(movie, tmp_path):
    with reading([("stack", movie)]):
        check_outputs([tmp_path / "new.tif"])
    check_outputs([movie], overwrite=True)  # the run is over


def test_a_movie_that_is_still_to_be_written_is_an_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with reading([("watch", "movie.tif")]):
        with pytest.raises(OutputError, match="watch"):
            check_not_an_input(tmp_path / "movie.tif")
        (tmp_path / "movie.tif").write_bytes(b"raw")
        with pytest.raises(OutputError, match="watch"):
            check_not_an_input(tmp_path / "movie.tif")


def other_device(monkeypatch, folder):
    """Let files in a folder lie on another device, as on a disk that is mounted twice."""
    plain = os.stat

    def moved(path, **more):
        values = list(plain(path, **more))
        if Path(path).parent == folder:
            values[2] += 1
        return os.stat_result(values, {"st_mtime": plain(path, **more).st_mtime})

    monkeypatch.setattr(os, "stat", moved)
    monkeypatch.setattr(Path, "stat", moved)


@pytest.mark.parametrize("same", [True, False])
def test_a_disk_that_is_mounted_twice(movie, tmp_path, monkeypatch, same):
    mount = tmp_path / "mount"
    mount.mkdir()
    shutil.copy2(movie, mount / "movie.tif")
    if not same:
        (mount / "movie.tif").write_bytes(b"sum")
        shutil.copystat(movie, mount / "movie.tif")
    other_device(monkeypatch, mount)
    with reading([("stack", movie)]):
        if same:
            with pytest.raises(OutputError, match="on another path, or a copy of it"):
                check_not_an_input(mount / "movie.tif")
        else:
            check_not_an_input(mount / "movie.tif")


def test_inputs_of_the_run_around_are_protected_too(movie, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("")
    with reading([("stack", movie)]), reading([("table", table)]):
        for path in (movie, table):
            with pytest.raises(OutputError):
                check_not_an_input(path)
