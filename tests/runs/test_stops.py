"""Ctrl-C after the last frame, at every step of the writing: nothing is lost or half written."""

import re
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from deep_storm.errors import Cancelled
from deep_storm.inference.run import ReconstructionRun
from deep_storm.inference.work_folder import WorkFolder
from deep_storm.runs import verdict
from deep_storm.runs.stack import reconstruct_stack
from deep_storm.runs.sweep import sweep

pytestmark = pytest.mark.usefixtures("heed_ctrl_c")

STEPS = (
    "runs/stack.py", "runs/work.py", "runs/files.py", "io/files.py", "inference/work_folder.py",
    "inference/run.py", "inference/reconstruction.py",
)  # fmt: skip
FILES = ("out-protocol.txt", "out-run.toml", "out.csv", "out.tif")


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    frames = np.random.default_rng(5).poisson(150, (6, 16, 20)).astype(np.uint16)
    path = tmp_path_factory.mktemp("movie") / "movie.tif"
    tifffile.imwrite(path, frames)
    return path


@pytest.fixture(scope="module")
def whole(common, movie, tmp_path_factory):
    """What a run that nobody stops writes."""
    folder = tmp_path_factory.mktemp("whole")
    reconstruct_stack(movie, folder / "out", common)
    return contents(folder)


def contents(folder):
    """Return the table and the pixels, after looking that nothing else is there."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    return (folder / "out.csv").read_bytes(), tifffile.imread(folder / "out.tif").tobytes()


class Strike:
    """Presses Ctrl-C once, at a place of our code after the last frame.

    ``seen`` are the places: functions, as they are entered and left.
    """

    def __init__(self, patch, place=None):
        self.place = place
        self.seen = {}
        self.struck = False
        settle = ReconstructionRun._settle

        def begin(run, last):
            sys.settrace(self._trace)
            frame = sys._getframe(1)
            while frame is not None:
                frame.f_trace = self._trace
                frame = frame.f_back
            settle(run, last)

        patch.setattr(ReconstructionRun, "_settle", begin)

    def _trace(self, frame, event, argument):
        name = frame.f_code.co_filename
        if "deep_storm" not in name or not name.endswith(STEPS):
            return None
        if event in ("call", "return"):
            place = (name, frame.f_code.co_name, frame.f_code.co_firstlineno, event)
            self.seen[place] = True
            if place == self.place and not self.struck:
                self.struck = True
                signal.raise_signal(signal.SIGINT)
        return self._trace


@contextmanager
def struck_at(place=None):
    before = sys.gettrace()
    with pytest.MonkeyPatch.context() as patch:
        try:
            yield Strike(patch, place)
        finally:
            sys.settrace(before)


def test_stopped_at_every_step(common, movie, whole, tmp_path):
    with struck_at() as nothing:
        reconstruct_stack(movie, tmp_path / "first" / "out", common)
    kept = finished = 0
    for number, step in enumerate(list(nothing.seen)[::2]):
        folder = tmp_path / str(number)
        said = ""
        with struck_at(step) as strike:
            try:
                result = reconstruct_stack(movie, folder / "out", common)
                assert result.reconstructed.complete, step
            except Cancelled as stop:
                said = str(stop)
            except KeyboardInterrupt:
                said = "on the way out"
        assert strike.struck, step
        if (folder / "out.running").is_dir():
            kept += 1
            assert [path.name for path in folder.iterdir()] == ["out.running"], step
            assert f"the work is kept in {folder / 'out.running'}" in said, step
            assert re.search(r"--resume (writes the results|continues)", said), step
            if kept % 4:
                continue  # what is kept is the same wherever it was stopped
            reconstruct_stack(movie, folder / "out", common, resume=True)
        else:
            finished += 1
        assert contents(folder) == whole, step
    assert kept > 10
    assert finished > 5


def test_a_second_ctrl_c_does_not_lose_what_the_first_one_keeps(
    common, movie, whole, tmp_path, monkeypatch
):
    def press(done, total, message):
        if message == "frames" and done >= 2:
            signal.raise_signal(signal.SIGINT)

    real = WorkFolder.checkpoint

    def impatient(work, state, image, now=False):
        signal.raise_signal(signal.SIGINT)
        real(work, state, image, now)

    with monkeypatch.context() as patched:
        patched.setattr(WorkFolder, "checkpoint", impatient)
        with pytest.raises(Cancelled, match=r"is kept in .*out\.running.*--resume continues"):
            reconstruct_stack(movie, tmp_path / "out", common, progress=press)
    assert [path.name for path in tmp_path.iterdir()] == ["out.running"]
    reconstruct_stack(movie, tmp_path / "out", common, resume=True)
    assert contents(tmp_path) == whole


def test_stopped_while_the_frames_are_compared(common, movie, whole, tmp_path):
    def press(at, least=2):
        def progress(done, total, message):
            if message == at and done >= least:
                signal.raise_signal(signal.SIGINT)

        return progress

    first = reconstruct_stack(movie, tmp_path / "out", common, progress=press("frames"))
    assert not first.complete
    compared = press("frames compared", 0)
    second = reconstruct_stack(movie, tmp_path / "out", common, resume=True, progress=compared)
    assert not second.complete  # all frames are done, but not known to be of one movie
    assert "with --resume continues" in second.summary()
    reconstruct_stack(movie, tmp_path / "out", common, resume=True)
    assert contents(tmp_path) == whole


def press(*_, **__):
    signal.raise_signal(signal.SIGINT)


def test_who_stops_while_an_open_image_is_written_is_asked(common, movie, tmp_path, monkeypatch):
    held = []
    with monkeypatch.context() as patched:
        patched.setattr("deep_storm.runs.files.write_image", press)
        result = reconstruct_stack(movie, tmp_path / "out", common, hold=held.append)
    assert not result.complete
    assert list(tmp_path.iterdir()) == []
    assert len(result.table)
    assert [path.name for path in held[0]()] == ["out.tif", "out.csv", FILES[0], FILES[1]]


def test_a_stop_in_the_report_keeps_the_work(common, movie, tmp_path, monkeypatch):
    def in_a_compiled_loop(*_, **__):
        raise SystemError("a loop returned with an exception set") from KeyboardInterrupt()

    monkeypatch.setattr("deep_storm.report.gathering.write_run_report", in_a_compiled_loop)
    with pytest.raises(Cancelled, match="--resume writes the results"):
        reconstruct_stack(movie, tmp_path / "out", replace(common, with_report=True))
    assert [path.name for path in tmp_path.iterdir()] == ["out.running"]


def test_a_stop_in_the_verdict_ends_a_sweep(common, movie, tmp_path, monkeypatch):
    second = tmp_path / "second.tif"
    second.write_bytes(movie.read_bytes())
    monkeypatch.setattr(verdict, "judge_samples", press)

    def one(path, name, progress):
        return reconstruct_stack(path, f"{name}.tif", common)

    swept = sweep([movie, second], tmp_path / "out", one, lambda name: None, print)
    assert [s.state for s in swept.stacks] == ["stopped"]
    assert not swept.complete
    assert (tmp_path / "out" / "movie.csv").is_file()
