"""Several stacks: one that fails does not stop the others; --resume does what is missing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import Cancelled, SettingsError, StackError
from deep_storm.runs.sweep import names_of, stacks_of


@pytest.fixture
def night(tmp_path, monkeypatch):
    """Three movies in a folder, the second damaged."""
    random = np.random.default_rng(5)
    for name in ("a", "c"):
        frames = random.poisson(150, (6, 20, 24)).astype(np.uint16)
        tifffile.imwrite(tmp_path / f"{name}.tif", frames)
    (tmp_path / "b.tif").write_text("not a TIFF")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_others_are_done_when_one_fails(night, model, capsys):
    model.save(night / "model")
    command = [
        "reconstruct",
        "a.tif",
        "b.tif",
        "c.tif",
        "--model",
        "model",
        "-o",
        "out",
        "--no-report",
    ]
    assert main(command) == 2
    told = capsys.readouterr().out
    assert "b.tif: failed: b.tif is not a TIFF" in told
    assert "2 of 3 stacks done, 1 failed" in told
    assert {p.name for p in (night / "out").iterdir()} == {
        f"{name}{end}" for name in "ac" for end in (".tif", ".csv", "-protocol.txt", "-run.toml")
    }
    alone = ds.reconstruct("c.tif", model=model)
    assert len(ds.read_table("out/c.csv")) == alone.count > 0

    tifffile.imwrite(night / "b.tif", np.full((2, 20, 24), 150, np.uint16))
    before = (night / "out" / "a.csv").stat()
    assert main([*command, "--resume", "--json"]) == 0
    states = [stack["state"] for stack in json.loads(capsys.readouterr().out)["stacks"]]
    assert states == ["already done", "done", "already done"]
    assert (night / "out" / "a.csv").stat().st_mtime_ns == before.st_mtime_ns


def test_frames_in_files_of_their_own_are_told(night, model):
    for name in "ac":
        tifffile.imwrite(night / f"{name}.tif", np.full((20, 24), 150, np.uint16))
    summary = ds.reconstruct(["a.tif", "c.tif"], model=model, output="out").summary()
    assert "Warning: each stack has a single frame" in summary
    assert "Image Sequence" in summary


def test_stopped_in_the_middle_and_resumed(night, model):
    def stop(done, total, message):
        if message.startswith("c.tif (2 of 2)") and done >= 4:
            raise Cancelled("stopped")

    run = {"model": model, "output": "out", "chunk_frames": 2, "no_report": True}
    stopped = ds.reconstruct("[ac].tif", progress=stop, **run)
    assert not stopped.complete
    assert [s.state for s in stopped.stacks] == ["done", "stopped"]
    again = ds.reconstruct("[ac].tif", resume=True, **run)
    assert [s.state for s in again.stacks] == ["already done", "done"]
    assert not list((night / "out").glob("*.running"))
    whole = ds.reconstruct("c.tif", model=model, output="whole", chunk_frames=2, no_report=True)
    assert (night / "out" / "c.csv").read_bytes() == (night / "whole.csv").read_bytes()
    assert whole.complete


def test_what_is_a_sweep(night):
    assert stacks_of("a.tif") is None
    assert stacks_of(["a.tif"]) is None
    assert stacks_of(np.zeros((2, 3, 4))) is None
    assert [p.name for p in stacks_of("[ac]*.tif")] == ["a.tif", "c.tif"]
    (night / "movie[1].tif").write_bytes((night / "a.tif").read_bytes())
    assert stacks_of("movie[1].tif") is None  # a name, because such a file is there
    with pytest.raises(StackError, match="no file matches"):
        stacks_of("*.png")


def test_frames_in_a_list_are_no_files():
    with pytest.raises(StackError, match=r"2 stacks .* of type ndarray; .*numpy\.stack\(frames\)"):
        stacks_of(list(np.zeros((2, 3, 4))))
    with pytest.raises(StackError, match="one by one"):
        stacks_of(["a.tif", np.zeros((2, 3, 4))])


def test_names_of_results(night):
    paths = [night / "one" / "m.ome.tif", night / "two" / "m.tif", night / "x.tiff"]
    assert [p.name for p in names_of(paths, night)] == ["one_m", "two_m", "x"]
    with pytest.raises(SettingsError, match="two of the stacks"):
        names_of([night / "x.tif", night / "x.tiff"], night)


def test_a_sweep_needs_a_folder(night, model):
    with pytest.raises(SettingsError, match="without an output"):
        ds.reconstruct(["a.tif", "c.tif"], model=model)
    with pytest.raises(SettingsError, match="without a stack"):
        ds.reconstruct(model=model)
