"""Reconstructing while the movie is written gives what doing it afterwards gives."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import tifffile

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import Cancelled, SettingsError
from deep_storm.inference import work_folder
from deep_storm.io.stacks import watched

FRAMES = np.random.default_rng(5).poisson(150, (11, 20, 24)).astype(np.uint16)


@pytest.fixture(scope="module")
def afterwards(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("afterwards")
    tifffile.imwrite(folder / "movie.tif", FRAMES)
    run = {"model": model, "output": folder / "out", "chunk_frames": 4, "no_report": True}
    ds.reconstruct(folder / "movie.tif", **run)
    return results(folder)


def results(folder):
    return (folder / "out.csv").read_bytes(), tifffile.imread(folder / "out.tif").tobytes()


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(watched, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(work_folder, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(work_folder, "SHARE_OF_TIME", 1e9)


def put(folder, number, frames):
    tifffile.imwrite(folder / f"chunk{number}.tif", frames, photometric="minisblack")


def test_while_it_grows_is_afterwards(model, afterwards, tmp_path):
    movie = tmp_path / "movie"
    movie.mkdir()
    seen = []

    def write():
        for number, start in enumerate(range(0, 11, 3)):
            put(movie, number, FRAMES[start : start + 3])
            time.sleep(0.3)
        (movie / "x.end").touch()

    def progress(done, total, message):
        if (tmp_path / "out-live.tif").exists():
            seen.append(tifffile.imread(tmp_path / "out-live.tif").sum())

    thread = threading.Thread(target=write)
    thread.start()
    run = {"model": model, "output": tmp_path / "out", "chunk_frames": 4, "no_report": True}
    result = ds.reconstruct(watch=movie, progress=progress, **run)
    thread.join()
    assert result.complete
    assert results(tmp_path) == afterwards
    assert len(set(seen)) > 1  # the image grew
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "movie", "out-protocol.txt", "out-run.toml", "out.csv", "out.tif"
    ]  # fmt: skip


@pytest.mark.parametrize("chunk_frames", [1, 4, 8])
def test_ctrl_c_finishes_with_what_is_there(chunk_frames, model, afterwards, tmp_path):
    put(tmp_path, 0, FRAMES)

    def press(done, total, message):
        if done >= len(FRAMES) - (
            len(FRAMES) % chunk_frames or 1
        ):  # what is left waits for a frame after it, or makes no whole chunk
            raise KeyboardInterrupt

    result = ds.reconstruct(
        watch=tmp_path / "chunk0.tif",
        model=model,
        output=tmp_path / "out",
        chunk_frames=chunk_frames,
        quiet_seconds=1000,
        no_report=True,
        progress=press,
    )
    assert result.complete
    assert results(tmp_path) == afterwards


def test_stopped_and_gone_on_when_more_has_come(model, afterwards, tmp_path):
    movie = tmp_path / "movie"
    movie.mkdir()
    put(movie, 0, FRAMES[:9])

    def stop(done, total, message):
        if done >= 4:
            raise Cancelled("stopped")

    run = {"model": model, "output": tmp_path / "out", "chunk_frames": 4, "no_report": True}
    run["watch"] = movie
    assert not ds.reconstruct(progress=stop, **run).complete
    put(movie, 1, FRAMES[9:])
    (movie / "x.end").touch()
    assert ds.reconstruct(resume=True, **run).complete
    assert results(tmp_path) == afterwards


def test_what_does_not_go_together(model, tmp_path, capsys):
    put(tmp_path, 0, FRAMES)
    run = {"watch": tmp_path, "model": model, "output": tmp_path / "results" / "out"}
    for more, words in (
        ({"stack": FRAMES}, "watch with a stack"),
        ({"output": None}, "watch with no output"),
        ({"frames": "1:2"}, "watch with frames"),
        ({"model": "general"}, "watch with the general model but no camera, psf"),
    ):
        with pytest.raises(SettingsError, match=words):
            ds.reconstruct(**{**run, **more})
    assert main(["reconstruct", "--watch", str(tmp_path / "no"), "--quiet-seconds", "0.1",
                 "--model", "none", "-o", str(tmp_path / "out")]) == 2  # fmt: skip
    assert "model" in capsys.readouterr().err
