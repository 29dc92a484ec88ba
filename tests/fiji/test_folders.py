"""What a Fiji that was killed leaves in the folder for temporary files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import pytest

from deep_storm.fiji import folders
from deep_storm.fiji.client import service
from deep_storm.fiji.client.memory import exchange
from deep_storm.fiji.client.work import Work

MAKES_A_FOLDER = "from deep_storm.fiji import folders; print(folders.request_folder())"


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def left_by_a_dead_process(temporary):
    """Let a process make its folder and end without removing it."""
    made = subprocess.run(
        [sys.executable, "-c", MAKES_A_FOLDER], capture_output=True, text=True, check=True
    )
    (folder,) = temporary.iterdir()
    assert str(folder) == made.stdout.strip()
    (folder / "table").write_text("of a movie")
    return folder


def test_only_folders_of_fijis_that_have_ended_are_removed(temporary):
    left = left_by_a_dead_process(temporary)
    number = left.name.split("-")[-2]
    kept = [
        folders.request_folder(),  # of this process
        temporary / left.name.replace(folders._HOST, "another_host"),
        temporary / "deep-storm-abc12345",  # a report, or a table for ThunderSTORM
        temporary / f"deep-storm-{folders._HOST}-{number}",  # not a name of ours
    ]
    for folder in kept[1:]:
        folder.mkdir()
    folders.remove_left_folders()
    assert sorted(temporary.iterdir()) == sorted(kept)


def test_a_worker_that_starts_removes_what_was_left(temporary, monkeypatch):
    left = left_by_a_dead_process(temporary)
    monkeypatch.setattr(service, "log_folder", lambda: temporary)
    worker = service.Worker.start()
    worker.kill()
    assert not left.exists()


def test_the_folder_of_a_request_says_whose_it_is(temporary):
    with exchange(Work("doctor", {}, "Work")) as (request, _):
        (folder,) = temporary.iterdir()
        assert request["folder"] == str(folder)
        assert f"-{os.getpid()}-" in folder.name
    assert list(temporary.iterdir()) == []
