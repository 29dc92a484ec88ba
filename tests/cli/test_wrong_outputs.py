"""Outputs that cannot be written: one sentence, exit code 2, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("quick_calibration", "eager_training")

WRITERS = {
    "simulate": (["simulate", "--config", "matched.toml", "--frames", "40", "-o", "{}"], "tif"),
    "import-simulation": (
        ["import-simulation", "sim.tif", "sim.csv", "--camera", "camera.toml", "-o", "{}"],
        "toml",
    ),
    "train": (
        ["train", "--config", "matched.toml", "--from", "none", "--steps", "1", "--batch", "1",
         "-o", "{}"],
        "folder",
    ),
    "preview": (["preview", "sim.tif", "--model", "model", "-o", "{}"], "png"),
    "reconstruct": (["reconstruct", "sim.tif", "--model", "model", "-o", "{}"], "tif"),
    "render": (["render", "sim.csv", "--method", "histogram", "-o", "{}"], "tif"),
}  # fmt: skip


@pytest.fixture(params=sorted(WRITERS))
def writer(request):
    return WRITERS[request.param]


def to(command, output):
    return [output if a == "{}" else a for a in command]


def name_of(ending):
    return f"out.{ending}" if ending in ("png", "tif", "toml") else "out"


def test_an_output_that_exists(writer, place, refused):
    command, ending = writer
    if ending == "folder":
        shutil.copytree(place / "model", place / "out")
    else:
        (place / name_of(ending)).write_text("precious")
    # An image that Deep-STORM did not write is somebody's movie, and not for --overwrite.
    way_out = "choose another name" if ending == "tif" else "--overwrite"
    refused(to(command, name_of(ending)), "out.* exists? already", "expected", way_out)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_is_not_writable(writer, place, refused):
    command, ending = writer
    (place / "locked").mkdir(mode=0o500)
    refused(to(command, f"locked/{name_of(ending)}"), "no permission to write there", ": choose")


def test_a_folder_that_may_not_be_written(writer, place, refused, monkeypatch):
    (place / "locked").mkdir()
    temporary = tempfile.TemporaryFile

    def forbidden(*arguments, dir, **options):
        if "locked" in Path(dir).parts:
            raise PermissionError(13, "Permission denied", str(dir))
        return temporary(*arguments, dir=dir, **options)

    monkeypatch.setattr(tempfile, "TemporaryFile", forbidden)
    command, ending = writer
    refused(to(command, f"locked/{name_of(ending)}"), "no permission to write there", ": choose")


def test_a_folder_that_is_a_file(writer, refused):
    command, ending = writer
    refused(to(command, f"sim.csv/{name_of(ending)}"), "a file, not a folder", ": choose")


@contextmanager
def room_for(size):
    """Let no file grow larger than that many bytes, as on a full disk."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(os.name == "nt", reason="limits as on POSIX")
@pytest.mark.parametrize("size", [0, 300])
def test_a_full_disk(writer, size, refused):
    command, ending = writer
    with room_for(size):
        refused(
            to(command, f"new/{name_of(ending)}"),
            "disk is full|file size",
            "free some space|raise the limit",
        )


@pytest.mark.skipif(os.name == "nt", reason="limits as on POSIX")
def test_a_disk_that_fills_up_in_the_middle(place, refused):
    command = ["simulate", "--config", "matched.toml", "--frames", "400", "-o", "new/sim"]
    with room_for(500_000):
        refused(command, "disk is full|file size", "free some space|raise the limit")
