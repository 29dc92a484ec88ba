"""A reconstruction that was killed or stopped goes on to the same files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import Cancelled, OutputError, SettingsError
from deep_storm.inference import work_folder


def test_stopped_and_resumed_twice(again, uninterrupted, tmp_path, files, expected):
    def stop_at(frames):
        def progress(done, total, message):
            if done >= frames:
                raise Cancelled("stopped")

        return progress

    general = {"model": "general", "no_report": False, **expected}
    first = again(tmp_path, progress=stop_at(6), **general)
    assert not first.complete
    assert first.reconstructed.shape[0] == 6
    assert "--resume continues" in first.summary()
    assert not (tmp_path / "out-report.html").exists()
    second = again(tmp_path, progress=stop_at(14), resume=True, **general)
    assert second.reconstructed.shape[0] == 14
    assert again(tmp_path, resume=True, **general).complete
    (tmp_path / "out-report.html").unlink()
    assert files(tmp_path) == uninterrupted


def test_who_stops_a_long_night_does_not_wait_for_its_table(
    again, uninterrupted, tmp_path, monkeypatch, files
):
    def stop(done, total, message):
        if done >= 6:
            raise Cancelled("stopped")

    monkeypatch.setattr("deep_storm.runs.localizing.MAX_ROWS_AT_A_STOP", 0)
    first = again(tmp_path, progress=stop)
    assert first.written == ()
    assert f"6 frames are kept in {tmp_path / 'out.running'}." in first.summary()
    assert "--resume continues" in first.summary()
    assert [path.name for path in tmp_path.iterdir()] == ["out.running"]
    assert again(tmp_path, resume=True).complete
    assert files(tmp_path) == uninterrupted


def test_resume_needs_something_to_go_on_from(again, movie, model, tmp_path):
    result = again(tmp_path, resume=True)  # a run that was killed before it kept anything
    assert "There was no checkpoint to continue from: started at frame 1" in result.notes
    with pytest.raises(OutputError, match=r"is finished, and there is no out\.running"):
        again(tmp_path, resume=True)
    with pytest.raises(SettingsError, match="resume without an output"):
        ds.reconstruct(movie, model=model, resume=True)


KILLED = """
import sys
import numpy as np
import deep_storm as ds
from deep_storm.camera_maps import CameraMaps
from deep_storm.inference import work_folder
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
work_folder.EVERY_SECONDS = 0.0
work_folder.SHARE_OF_TIME = 1e9
def progress(done, total, message):
    print(done, flush=True)
movie, model, output = sys.argv[1:]
ds.reconstruct(np.load(movie), model=model, output=output, chunk_frames=2, upsampling=2,
               no_report=True, progress=progress)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_killed_and_resumed(again, movie, model, uninterrupted, tmp_path, files):
    np.save(tmp_path / "movie.npy", movie)
    results = tmp_path / "results"
    command = [sys.executable, "-c", KILLED, tmp_path / "movie.npy", model, results / "out"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) >= 12:
            break
    time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    again(results, resume=(results / "out.running" / "checkpoint.npz").exists())
    assert files(results) == uninterrupted


def test_very_many_rows_stay_in_their_file(again, uninterrupted, tmp_path, monkeypatch, files):
    import importlib

    verb = importlib.import_module("deep_storm.runs.stack")
    monkeypatch.setattr(verb, "MAX_ROWS_IN_MEMORY", 10)
    monkeypatch.setattr(work_folder, "ROWS_AT_A_TIME", 7)
    result = again(tmp_path)
    assert result.count == len(result.table) > 10
    assert files(tmp_path) == uninterrupted
