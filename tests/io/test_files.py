"""Outputs are whole or not there."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from deep_storm.errors import OutputError
from deep_storm.io.disk_errors import output_error
from deep_storm.io.files import (
    atomic_folder,
    atomic_path,
    check_outputs,
    partial_name,
    remove_leftovers,
    sha256,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half(final: Path, trouble: BaseException, overwrite: bool = False) -> None:
    with atomic_path(final, overwrite) as partial:
        partial.write_text("half")
        raise trouble


def test_atomic_path_publishes_the_whole_file_in_a_new_folder(tmp_path):
    final = tmp_path / "results" / "movie.csv"
    with atomic_path(final) as partial:
        partial.write_text("whole")
        assert partial.parent == final.parent
        assert partial.suffix == ".csv"
        assert not final.exists()
    assert final.read_text() == "whole"
    assert names(final.parent) == ["movie.csv"]


@pytest.mark.parametrize("trouble", [ValueError("no"), KeyboardInterrupt()])
def test_atomic_path_leaves_nothing_after_trouble(tmp_path, trouble):
    with pytest.raises(type(trouble)):
        write_half(tmp_path / "movie.csv", trouble)
    assert names(tmp_path) == []


def test_atomic_path_keeps_the_older_file_after_trouble(tmp_path):
    final = tmp_path / "movie.csv"
    final.write_text("older")
    with pytest.raises(RuntimeError):
        write_half(final, RuntimeError("no"), overwrite=True)
    assert final.read_text() == "older"
    assert names(tmp_path) == ["movie.csv"]


def test_an_existing_output_is_replaced_only_when_asked(tmp_path):
    final = tmp_path / "movie.csv"
    final.write_text("older")
    with pytest.raises(OutputError, match=r"movie\.csv exists already.*--overwrite"):
        atomic_path(final).__enter__()
    with atomic_path(final, overwrite=True) as partial:
        partial.write_text("newer")
    assert final.read_text() == "newer"


def test_a_file_that_appears_while_writing_is_not_replaced(tmp_path):
    final = tmp_path / "movie.csv"
    writing = atomic_path(final)
    writing.__enter__().write_text("ours")
    final.write_text("theirs")
    with pytest.raises(OutputError, match="exists already"):
        writing.__exit__(None, None, None)
    assert final.read_text() == "theirs"
    assert names(tmp_path) == ["movie.csv"]


def test_check_outputs_names_all_that_exist_and_makes_nothing(tmp_path):
    for name in ("a.tif", "a.csv"):
        (tmp_path / name).touch()
    paths = [tmp_path / "a.tif", tmp_path / "a.csv", tmp_path / "new" / "a.html"]
    with pytest.raises(OutputError, match=r"a\.tif and .*a\.csv exist already"):
        check_outputs(paths)
    check_outputs(paths, overwrite=True)
    assert names(tmp_path) == ["a.csv", "a.tif"]


def test_an_output_that_is_a_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match="is a folder"):
        check_outputs([tmp_path], overwrite=True)


def test_a_parent_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "results").touch()
    with pytest.raises(OutputError, match="a part of the path is a file"):
        check_outputs([tmp_path / "results" / "movie.csv"])
    with pytest.raises(OutputError, match="a part of the path is a file"):
        check_outputs([tmp_path / "results" / "deeper" / "movie.csv"])


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "no permission to write there"),
        (errno.EROFS, "read-only"),
        (errno.EFBIG, "file size limit"),
        (errno.EDQUOT, "quota"),
    ],
)
def test_operating_system_errors_become_sentences(tmp_path, number, words):
    with pytest.raises(OutputError, match=words) as caught:
        write_half(tmp_path / "movie.csv", OSError(number, "as the system says it"))
    assert caught.value.advice
    assert names(tmp_path) == []


def test_an_unwritable_folder_is_refused_before_work(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(kwargs["dir"]))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    for path in (tmp_path / "movie.csv", tmp_path / "new" / "deeper" / "movie.csv"):
        with pytest.raises(OutputError, match="no permission to write there"):
            check_outputs([path])
    assert names(tmp_path) == []


def test_the_folder_of_an_output_is_made_when_it_is_written(tmp_path):
    with atomic_path(tmp_path / "new" / "deeper" / "movie.csv") as partial:
        partial.write_text("")
    assert names(tmp_path / "new" / "deeper") == ["movie.csv"]


def test_errors_about_inputs_pass_unchanged(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "movie.csv"):
        (tmp_path / "input.tif").read_bytes()


def test_an_unknown_system_error_keeps_its_words():
    assert "odd thing" in str(output_error("movie.csv", OSError(errno.ENXIO, "odd thing")))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file size limits")
def test_a_limit_of_file_sizes_is_one_sentence_and_leaves_nothing(tmp_path):
    script = """
import resource, sys
import numpy as np, pandas as pd
from deep_storm.errors import OutputError
from deep_storm.io.images import write_stack
from deep_storm.io.tables.thunderstorm import write_table
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
table = pd.DataFrame({"frame": range(5000), "x_nm": 1.0, "y_nm": 2.0})
stack = np.zeros((40, 32, 32), np.uint16)
for write, values in ((write_table, [table]), (write_stack, [stack, 100.0])):
    try:
        write(sys.argv[1], *values)
    except OutputError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("the file size limit is reached: raise the limit (ulimit -f)") == 2
    assert names(tmp_path) == []


def test_a_short_write_on_a_full_disk_is_told_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=4096))
    said = output_error(tmp_path / "a.tif", OSError("1000 requested and 96 written"))
    assert "the disk is full" in str(said)


def test_atomic_folder_publishes_the_whole_folder(tmp_path):
    final = tmp_path / "models" / "mine"
    with atomic_folder(final, marker="model.toml") as partial:
        (partial / "model.toml").write_text("x = 1")
        (partial / "deeper").mkdir()
        (partial / "deeper" / "history.csv").touch()
        assert not final.exists()
    assert names(final) == ["deeper", "model.toml"]
    assert names(final.parent) == ["mine"]


def test_atomic_folder_leaves_nothing_after_trouble(tmp_path):
    writing = atomic_folder(tmp_path / "mine", marker="model.toml")
    (writing.__enter__() / "model.toml").touch()
    trouble = KeyboardInterrupt()
    assert not writing.__exit__(KeyboardInterrupt, trouble, None)
    assert names(tmp_path) == []


def test_atomic_folder_replaces_only_its_own_kind(tmp_path):
    final = tmp_path / "mine"
    final.mkdir()
    with atomic_folder(final, marker="model.toml") as partial:  # empty: used
        (partial / "model.toml").write_text("first")
    with pytest.raises(OutputError, match=r"exists already.*--overwrite"):
        atomic_folder(final, marker="model.toml").__enter__()
    with atomic_folder(final, overwrite=True, marker="model.toml") as partial:
        (partial / "model.toml").write_text("second")
    assert (final / "model.toml").read_text() == "second"
    assert names(tmp_path) == ["mine"]
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.doc").touch()
    with pytest.raises(OutputError, match="holds other files"):
        atomic_folder(home, overwrite=True, marker="model.toml").__enter__()
    with pytest.raises(OutputError, match="is a file"):
        atomic_folder(home / "thesis.doc", overwrite=True, marker="model.toml").__enter__()


def test_sha256_is_the_known_checksum(tmp_path):
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    assert sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_leftovers_of_a_killed_writer(tmp_path):
    for name in (".a.0123abcd.part.csv", ".a.0123abcd.part.tif", ".ab.0123abcd.part.csv", "a.csv"):
        (tmp_path / name).touch()
    (tmp_path / ".m.0123abcd.part").mkdir()
    remove_leftovers(tmp_path / "a.csv")
    remove_leftovers(tmp_path / "m")
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {".a.0123abcd.part.tif", ".ab.0123abcd.part.csv", "a.csv"}


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_to_a_drive_that_is_away_is_not_replaced(tmp_path):
    link = tmp_path / "kept.csv"
    link.symlink_to(tmp_path / "away" / "kept.csv")
    with pytest.raises(OutputError, match="exists already"):
        check_outputs([link])
    with pytest.raises(OutputError, match="exists already"), atomic_path(link) as partial:
        partial.write_text("new")
    assert link.is_symlink()
    assert [path.name for path in tmp_path.iterdir()] == ["kept.csv"]


def test_the_folder_of_the_run_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = output_error(Path(), OSError(errno.EROFS, "Read-only file system"))
    assert error.received == f"cannot write {tmp_path}: that disk is read-only"


@pytest.mark.skipif(os.name == "nt", reason="a path is longer than its names there")
@pytest.mark.parametrize("letter", ["n", "ä", "日"])
def test_what_is_left_of_a_long_name_is_found(tmp_path, letter):
    final = tmp_path / (letter * (250 // len(letter.encode())) + ".csv")
    partial = partial_name(final)
    assert len(os.fsencode(partial.name)) <= len(os.fsencode(final.name))
    partial.write_text("half")
    remove_leftovers(final)
    assert list(tmp_path.iterdir()) == []
    with atomic_path(final) as path:
        path.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == [final.name]
