"""What goes wrong in the middle: Fiji goes on, nothing is lost, the next command works."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

import deep_storm as ds

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
JOBS = "deep_storm.fiji.client.jobs"
SERVICE = "deep_storm.fiji.client.service"
CANCEL = f"{JOBS}:cancel_all"


@pytest.fixture
def long_movie(imagej, trained, movie):
    """A movie of which a reconstruction takes some time, kept open in ImageJ."""
    works(imagej, trained, movie)  # and the worker is warm
    frames = np.tile(movie, (300, 1, 1))
    imagej.ask("keep_image", name="long", array=frames, title="long.tif", pixel=(0.1, "um"))
    imagej.ask("status")  # what was said until now is forgotten
    return frames


def begin(imagej, trained, **inputs):
    """Begin to reconstruct the long movie, and return when some of it is done."""
    running = imagej.begin(
        "Reconstruct_Stack...",
        "long",
        model=trained / "model",
        more="trust_camera=true",  # the same frames again and again have a noise of their own
        **inputs,
    )
    counted = re.compile(r"\d frames")  # not blocks of frames, which are examined first
    imagej.wait_for(lambda: [s for s in imagej.ask("status") if s[1] and counted.search(s[3])])
    return running


def works(imagej, trained, movie):
    """Tell whether the next command runs."""
    done = imagej.run("Reconstruct_Stack...", {"array": movie}, model=trained / "model")
    assert done["status"].startswith("ok: "), done["status"]
    return True


# -- cancel


def test_cancelled_reconstruction_keeps_what_was_localized(imagej, trained, long_movie, tmp_path):
    running = begin(imagej, trained, output=tmp_path / "half", threshold="0.1")
    assert imagej.ask("call", function=CANCEL) == 1
    done = running.result()
    assert done["status"].startswith("ok: ")
    assert "Stopped early" in done["status"]
    assert "--resume" not in done["status"]
    written = ds.read_table(tmp_path / "half.csv")
    frames = int(done["status"].split(" localizations in ")[1].split()[0])
    assert 0 < frames < len(long_movie)
    assert written["frame"].max() < frames
    assert len(done["table"]["frame"]) == len(written) > 0
    options = {"model": trained / "model", "threshold": 0.1, "trust_camera": True}
    expected = ds.reconstruct(long_movie, frames=f"1:{frames}", **options).table
    np.testing.assert_array_equal(done["table"]["x [nm]"], expected["x_nm"])
    assert imagej.ask("call", function=CANCEL) == 0


@POSIX
def test_worker_that_does_not_answer_is_ended(imagej, trained, movie, long_movie):
    running = begin(imagej, trained)
    worker = imagej.worker_pid()
    os.kill(worker, signal.SIGSTOP)
    with imagej.replaced(JOBS, TERMINATE_SECONDS=0.5, KILL_SECONDS=1.0):
        imagej.ask("call", function=CANCEL)
        done = running.result()
    assert done["status"].startswith("stopped: ")
    assert "did not answer and was stopped" in done["status"]
    assert works(imagej, trained, movie)
    assert imagej.worker_pid() != worker


@POSIX
def test_cancel_while_tensorflow_starts(imagej, trained, movie):
    imagej.ask("call", function=f"{SERVICE}:stop")
    imagej.ask("status")
    with (
        imagej.replaced(SERVICE, _PERFORM=imagej.plain_perform),
        imagej.replaced(JOBS, TERMINATE_SECONDS=0.5, KILL_SECONDS=1.0),
    ):
        running = imagej.begin("Reconstruct_Stack...", {"array": movie}, model=trained / "model")
        imagej.wait_for(lambda: [s for s in imagej.ask("status") if "starting TensorFlow" in s[3]])
        worker = imagej.wait_for(imagej.worker_pid)
        imagej.ask("call", function=CANCEL)
        assert running.result()["status"].startswith("stopped: ")
    assert works(imagej, trained, movie)
    assert imagej.worker_pid() != worker  # nothing interrupts an import: it was terminated


def test_progress_counts_the_frames_and_tells_the_time_left(imagej, trained, long_movie):
    running = begin(imagej, trained)
    assert running.result()["status"].startswith("ok: ")
    lines = [line for line in imagej.ask("status") if line[3].startswith("Reconstruct Stack: ")]
    counts = [done for _, done, _, _ in lines]
    # SciJava publishes each on a thread of its own: a busy machine may exchange two of them.
    assert 0 < min(counts) < max(counts) <= len(long_movie)
    assert len(set(counts)) > 3
    assert all(total == len(long_movie) for _, _, total, _ in lines)
    assert any(", " in words and words.endswith(" left") for *_, words in lines)


# -- the worker ends


@POSIX
def test_killed_worker_is_an_error_and_the_next_is_fresh(imagej, trained, movie, long_movie):
    running = begin(imagej, trained)
    worker = imagej.worker_pid()
    os.kill(worker, signal.SIGKILL)
    done = running.result()
    assert done["status"].startswith("error: the worker process that runs TensorFlow ended")
    for words in ("signal 9, as when the memory is full", "close other programs", "Its log is"):
        assert words in done["status"]
    assert imagej.ask("evaluate", text="KEPT['long'].getStackSize()") == len(long_movie)
    assert works(imagej, trained, movie)
    assert imagej.worker_pid() not in (None, worker)


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_AS"), reason="memory can be limited on Linux only")
def test_worker_out_of_memory_is_an_error_with_advice(imagej, trained, movie):
    assert works(imagej, trained, movie)
    worker = psutil.Process(imagej.worker_pid())
    limit = worker.memory_info().vms + 200 * 2**20
    worker.rlimit(psutil.RLIMIT_AS, (limit, limit))
    large = np.full((2, 1600, 1600), 120, np.uint16)  # its image alone would need 600 MB
    large[:, ::2] += 5
    done = imagej.run("Reconstruct_Stack...", {"array": large}, model=trained / "model")
    assert done["status"].startswith("error: ")
    assert "memory" in done["status"]
    assert "smaller region" in done["status"]
    assert works(imagej, trained, movie)
    assert imagej.worker_pid() != worker.pid


def test_worker_that_does_not_start_in_time(imagej, trained, movie):
    imagej.ask("call", function=f"{SERVICE}:stop")
    asleep = "import time\ntime.sleep(600)"
    with imagej.replaced(SERVICE, START_SECONDS=1.0, _READY=asleep):
        done = imagej.run("Reconstruct_Stack...", {"array": movie}, model=trained / "model")
    assert done["status"].startswith("error: the worker process that runs TensorFlow did not start")
    assert "did not answer within 1 s" in done["status"]
    assert "Check Installation" in done["status"]
    assert works(imagej, trained, movie)


def test_an_exception_in_the_worker_names_its_log(imagej):
    said = imagej.ask("work", verb="no-such-verb", options={})
    assert said.startswith("Work failed: ")
    log = Path(said.split("together with the log, ")[1].removesuffix("."))
    assert "Traceback" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize("killed", [False, True])
def test_worker_ends_with_its_host(killed):
    code = (
        "from deep_storm.fiji.client import service\n"
        "print(service.ready().pid, flush=True)\n"
        "input()"
    )
    host = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    worker = psutil.Process(int(host.stdout.readline()))
    assert worker.is_running()
    if killed:
        host.kill()
    host.communicate("\n")
    psutil.wait_procs([worker], timeout=240)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_without_the_package_the_script_says_what_to_build(imagej):
    done = imagej.ask("run_without_package", script=imagej.script("Check_Installation..."))
    assert done["status"].startswith("error: deep_storm cannot be imported in Fiji's Python")
    assert "Pip dependencies in Edit > Options > Python..." in done["status"]


# -- several commands


def test_three_commands_in_a_row_share_a_worker(imagej, trained, movie):
    assert works(imagej, trained, movie)
    first = imagej.worker_pid()
    assert all(works(imagej, trained, movie) for _ in range(2))
    assert imagej.worker_pid() == first


def test_two_commands_at_once_come_one_after_the_other(imagej, trained, movie, long_movie):
    one = begin(imagej, trained)
    two = imagej.begin("Reconstruct_Stack...", {"array": movie}, model=trained / "model")
    said = imagej.wait_for(
        lambda: [s for s in imagej.ask("status") if "waiting for the previous command" in s[3]]
    )
    assert said
    imagej.ask("call", function=CANCEL)  # both: one stops, two has not begun
    assert "Stopped early" in one.result()["status"]
    assert two.result()["status"].startswith("stopped: ")
    both = [
        imagej.begin("Reconstruct_Stack...", {"array": movie}, model=trained / "model")
        for _ in range(2)
    ]
    first, second = (running.result() for running in both)
    assert first["status"].startswith("ok: ")
    np.testing.assert_array_equal(first["image"]["array"], second["image"]["array"])


# -- the image


def test_image_closed_in_the_middle(imagej, trained, long_movie, tmp_path):
    running = begin(imagej, trained, output=tmp_path / "half", threshold="0.1")
    imagej.ask("evaluate", text="KEPT['long'].flush()")
    done = running.result()
    assert done["status"].startswith("error: the image 'long.tif' changed while it was read")
    assert "leave it unchanged meanwhile" in done["status"]
    assert "frames before gave is kept in" in done["status"]
    assert len(ds.read_table(tmp_path / "half.csv")) > 0


def test_image_changed_in_the_middle(imagej, trained, long_movie, tmp_path):
    running = begin(imagej, trained, output=tmp_path / "half")
    imagej.ask("evaluate", text="KEPT['long'].getStack().getProcessor(1).set(0, 0, 77)")
    done = running.result()
    assert done["status"].startswith("error: the image 'long.tif' changed while it was read")
    assert "leave it unchanged meanwhile" in done["status"]
    assert f"{tmp_path / 'half.tif'} and beside it, is of no use" in done["status"]


def test_name_with_spaces_and_all_letters(imagej, trained, tmp_path):
    folder = tmp_path / "Messung 3 µm – 実験 [neu]"
    folder.mkdir()
    stack = folder / "Zelle größer 1.tif"
    stack.write_bytes((trained / "sim.tif").read_bytes())
    opened = {"file": str(stack), "virtual": True}
    done = imagej.run(
        "Reconstruct_Stack...", opened, model=trained / "model", output=folder / "Ergebnis é"
    )
    assert done["status"].startswith("ok: ")
    assert done["image"]["title"] == "Zelle größer 1.tif - Deep-STORM"
    assert (folder / "Ergebnis é.csv").is_file()
    done = imagej.run("Import_Localizations...", table=folder / "Ergebnis é.csv")
    assert done["status"].startswith("ok: ")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file with holes")
def test_virtual_stack_of_2_gb_in_a_gb_of_memory(imagej, trained, tmp_path):
    path = tmp_path / "large.tif"
    shape = (4300, 500, 500)
    tifffile.imwrite(path, shape=shape, dtype="uint16", imagej=True, metadata={"axes": "TYX"})
    frames = tifffile.memmap(path, mode="r+")
    for number in (0, shape[0] // 2, *range(shape[0] - 4, shape[0])):
        frames[number] = 120
        frames[number, number % 100, 0] = 140
    del frames
    assert path.stat().st_size > 2 * 2**30
    image = {"file": str(path), "virtual": True}
    read, total, growth = imagej.ask("stack_sum", image=image, block_frames=32)
    assert read == shape
    assert total > 0
    assert growth < 2**30
    with PeakMemory(imagej.pid) as memory:
        done = imagej.run(
            "Reconstruct_Stack...",
            image,
            model=trained / "model",
            frames=f"{shape[0] - 3}:{shape[0]}",
        )
    assert done["status"].startswith("ok: ")
    assert memory.growth < 2**30


class PeakMemory:
    """Watches the memory of a process and its children."""

    def __init__(self, pid):
        self.process = psutil.Process(pid)
        self.ended = threading.Event()
        self.before = self.most = self.now()

    @property
    def growth(self):
        return self.most - self.before

    def now(self):
        total = 0
        for process in [self.process, *self.process.children(recursive=True)]:
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.thread.join()

    def watch(self):
        while not self.ended.wait(0.1):
            self.most = max(self.most, self.now())
