"""Work handed to the worker and watched until its end, from a command's thread in Fiji.

The loop does three things: it reads frames when the worker wants some, it keeps the status bar
alive (at least four times a second, with the time left), and it looks whether the user wants to
stop. Stopping is asked for; a worker that does not answer is terminated after two seconds and
killed after five.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deep_storm.errors import Cancelled, DeepStormError, StackError
from deep_storm.fiji import service
from deep_storm.fiji.exchange import (
    CONTROL_WORDS,
    DISCARD,
    FAILED,
    KEEP,
    LEAST_BLOCK_BYTES,
    STOP,
    TICKET,
    Request,
    error_as_bytes,
    error_from_data,
    write_frame_table,
)
from deep_storm.fiji.service import Worker, WorkerError

if TYPE_CHECKING:
    import pandas as pd

    from deep_storm.fiji.host import Host
    from deep_storm.fiji.images import ImageFrames
    from deep_storm.fiji.window import ProgressWindow

BLOCK_BYTES = 32 * 2**20
SHOW_SECONDS = 0.2
TERMINATE_SECONDS = 2.0
KILL_SECONDS = 5.0
HANDING_OVER_SECONDS = 30.0
"""A worker that has answered may take so long to put together what it has."""
_one_at_a_time = threading.Lock()
_running: list[Job] = []


@dataclass
class Work:
    """What the worker shall do.

    Attributes
    ----------
    verb
        Its name.
    options
        Its keywords in plain data; paths as text.
    title
        What the status bar calls it.
    tables
        Tables in memory, by keyword.
    frames
        The open image, and the keyword it is given as.
    tensorflow
        Whether the verb needs it.
    keep_when_stopped
        Whether stopping asks for what there is (else everything is dropped).
    """

    verb: str
    options: dict[str, Any]
    title: str
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    frames: ImageFrames | None = None
    frames_as: str = "stack"
    tensorflow: bool = False
    keep_when_stopped: bool = False


class Job:
    """Work under way.

    Parameters
    ----------
    host
        Whose status bar it is.
    work
        What to do.
    window
        Shows progress and has buttons, if there is one.
    """

    def __init__(self, host: Host, work: Work, window: ProgressWindow | None = None) -> None:
        self.host = host
        self.work = work
        self.window = window
        self.stop_asked: int = 0
        self.done, self.total, self.message = 0, 0, ""
        self._began = time.monotonic()
        self._first: tuple[float, int] | None = None
        self._shown = 0.0
        self._stopped_at: float | None = None
        self._answered = False
        self._running = False

    def cancel(self) -> None:
        """Stop soon."""
        self.stop_asked = self.stop_asked or (KEEP if self.work.keep_when_stopped else DISCARD)

    def finish(self) -> None:
        """Stop soon, and keep what there is."""
        self.stop_asked = self.stop_asked or KEEP

    def run(self) -> dict[str, Any]:
        """Do the work; returns the worker's result.

        Raises
        ------
        DeepStormError
            As the verb does; a :class:`~deep_storm.fiji.service.WorkerError` when the worker
            ended, :class:`~deep_storm.errors.Cancelled` when nothing could be kept.
        """
        self.host.forget_escape()
        _running.append(self)
        try:
            self._wait_for_turn()
            try:
                worker = self._worker()
                with _exchange(self.work) as (request, memory):
                    return self._watch(worker, request, memory)
            finally:
                _one_at_a_time.release()
        finally:
            _running.remove(self)
            self.host.end_progress()

    def _wait_for_turn(self) -> None:
        while not _one_at_a_time.acquire(timeout=SHOW_SECONDS):
            self._show("waiting for the command before")
            if self._stop_wanted():
                raise Cancelled("stopped while it was waiting for another command")

    def _worker(self) -> Worker:
        warm = service.current()
        if warm is not None:
            self._show("")
            return warm
        self._show("starting TensorFlow..." if self.work.tensorflow else "starting...")
        return service.ready()

    def _watch(self, worker: Worker, request: Request, memory: _Memory) -> dict[str, Any]:
        events: queue.Queue[Any] = queue.Queue()
        inputs = {"request": request, "control": memory.control_shared, "block": memory.shared}
        worker.submit(inputs, events)
        while True:
            with contextlib.suppress(queue.Empty):
                event = events.get(timeout=SHOW_SECONDS / 2)
                kind = event.response_type.value
                if kind == "UPDATE":
                    self._note(event.info or {}, memory)
                elif kind == "COMPLETION":
                    return self._result(event.task.outputs["answer"], worker)
                elif kind == "CRASH":
                    raise self._crashed(worker)
                elif kind in ("FAILURE", "CANCELATION"):
                    raise WorkerError(f"the worker failed: {event.task.error}")
            self._show_regularly()
            self._stop_if_wanted(worker, memory)

    def _note(self, info: dict[str, Any], memory: _Memory) -> None:
        """Take note of a message."""
        if "want" in info:
            ticket, start, stop = info["want"]
            memory.fill(self.work.frames, ticket, start, stop)
        if "progress" in info:
            self.done, self.total, self.message = info["progress"]
            if self._first is None:
                self._first = (time.monotonic(), self.done)
            if self.window is not None:
                self.window.note(self.done, self.total, self.message)
            self._shown = 0.0
        self._running = self._running or "running" in info
        self._answered = self._answered or "answered" in info

    def _result(self, answer: dict[str, Any], worker: Worker) -> dict[str, Any]:
        if answer.get("restart"):
            worker.kill()
        if "error" in answer:
            raise error_from_data(answer["error"])
        if "stopped" in answer:
            raise Cancelled(f"{self.work.title} was stopped; nothing was written")
        if "memory" in answer:
            worker.kill()
            raise WorkerError(
                f"the memory was not enough ({answer['memory'] or 'no more could be had'})",
                "",
                "close other programs, choose a smaller region, or give a settings file with "
                f"smaller chunk_frames, tile_px or batch. The log is {worker.log}",
            )
        if "mistake" in answer:
            raise WorkerError(
                f"{self.work.title} failed: {answer['mistake']}",
                "",
                f"please report it together with the log, {worker.log}",
            )
        if self.work.frames is not None:
            self.work.frames.check_unchanged()
        result: dict[str, Any] = answer["result"]
        return _loaded(result)

    def _crashed(self, worker: Worker) -> DeepStormError:
        if self._stopped_at is not None:
            return Cancelled(
                f"{self.work.title} was stopped",
                "",
                "the worker did not answer and was ended, so nothing could be kept",
            )
        return worker.crashed()

    def _show_regularly(self) -> None:
        if time.monotonic() - self._shown >= SHOW_SECONDS:
            self._show(self._words())

    def _show(self, words: str) -> None:
        self._shown = time.monotonic()
        text = f"{self.work.title}: {words}" if words else f"{self.work.title}..."
        self.host.show_progress(self.done, self.total or 1, text)
        if self.window is not None:
            self.window.show(self.done, self.total, words)

    def _words(self) -> str:
        if self._stopped_at is not None:
            return "stopping..."
        if self._first is None:
            waiting = time.monotonic() - self._began
            loading = self.work.tensorflow and not self._running
            return f"{'starting TensorFlow' if loading else 'preparing'}... {waiting:.0f} s"
        left = self.seconds_left()
        more = f", {_duration(left)} left" if left is not None else ""
        return f"{self.done} of {self.total} {self.message}{more}"

    def seconds_left(self) -> float | None:
        """Return how long it takes still, as far as the speed until now tells."""
        if self._first is None or self.done <= self._first[1]:
            return None
        began, first = self._first
        speed = (self.done - first) / max(time.monotonic() - began, 1e-6)
        return (self.total - self.done) / speed

    def _stop_wanted(self) -> bool:
        if self.window is not None and self.window.finish_pressed():
            self.finish()
        if self.host.escape_pressed() or (self.window is not None and self.window.stop_pressed()):
            self.cancel()
        return bool(self.stop_asked)

    def _stop_if_wanted(self, worker: Worker, memory: _Memory) -> None:
        if not self._stop_wanted():
            return
        now = time.monotonic()
        if self._stopped_at is None:
            self._stopped_at = now
            memory.control[STOP] = self.stop_asked
            return
        waited = now - self._stopped_at
        if self._answered and (self.stop_asked == KEEP or waited < HANDING_OVER_SECONDS):
            return
        if waited >= KILL_SECONDS:
            worker.kill()
        elif waited >= TERMINATE_SECONDS:
            worker.terminate()


class _Memory:
    """The shared memory of a request: control words, and a block for frames."""

    def __init__(self, block_bytes: int) -> None:
        from appose import NDArray

        self.control_shared = NDArray("int64", [CONTROL_WORDS])
        self.control: npt.NDArray[np.int64] = self.control_shared.ndarray()
        self.control[:] = 0
        self.shared = None
        self.block: npt.NDArray[np.uint8] | None = None
        if block_bytes:
            _check_shared_memory(block_bytes)
            self.shared = NDArray("uint8", [block_bytes])
            self.block = self.shared.ndarray()

    def fill(self, frames: ImageFrames | None, ticket: int, start: int, stop: int) -> None:
        """Copy frames into the block, or an error, and tell the worker."""
        block = self.block
        if frames is None or block is None:
            raise RuntimeError("the worker wants frames of a request without any")
        _, height, width = frames.shape
        size = (stop - start) * height * width * frames.dtype.itemsize
        target = block[:size].view(frames.dtype).reshape(stop - start, height, width)
        try:
            frames.read_into(start, stop, target)
        except DeepStormError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - Java's, of any kind: the worker must not wait
            self._fail(StackError(f"{frames.name!r} cannot be read: {error}"))
        self.control[TICKET] = ticket

    def _fail(self, error: DeepStormError) -> None:
        text = np.frombuffer(error_as_bytes(error), dtype=np.uint8)
        if self.block is not None:
            self.block[: len(text)] = text
        self.control[FAILED] = 1

    def release(self) -> None:
        """Give the memory back."""
        control, block = self.control_shared, self.shared
        del self.control, self.block
        for shared in (control, block):
            if shared is not None:
                with contextlib.suppress(BufferError):
                    shared.shm.close()
                shared.shm.unlink()


def _check_shared_memory(needed: int) -> None:
    """Complain before writing into shared memory that does not exist ends the process."""
    folder = Path("/dev/shm")
    if folder.is_dir() and shutil.disk_usage(folder).free < needed + 2**20:
        raise StackError(
            f"the shared memory {folder} has {shutil.disk_usage(folder).free / 2**20:.0f} MB free",
            f"{needed / 2**20:.0f} MB for a chunk of frames",
            "close other programs, or make it larger (in Docker: --shm-size=1g)",
        )


@contextlib.contextmanager
def _exchange(work: Work) -> Iterator[tuple[Request, _Memory]]:
    """Make the request, its folder and its memory; all of it goes away at the end."""
    about, block_bytes = None, 0
    if work.frames is not None:
        frames = work.frames
        one = frames.shape[1] * frames.shape[2] * frames.dtype.itemsize
        count = max(1, min(frames.shape[0], BLOCK_BYTES // one))
        block_bytes = max(count * one, LEAST_BLOCK_BYTES)
        about = {
            "shape": frames.shape,
            "dtype": frames.dtype.str,
            "pixel_size_nm": frames.pixel_size_nm,
            "name": frames.name,
            "corner_px": (frames.rectangle.top, frames.rectangle.left),
            "frames_in_block": count,
        }
    folder = Path(tempfile.mkdtemp(prefix="deep-storm-"))
    memory = _Memory(block_bytes)
    try:
        tables = {
            name: write_frame_table(folder / f"{name}.in", table)
            for name, table in work.tables.items()
        }
        request = Request(
            verb=work.verb,
            options=work.options,
            tables=tables,
            frames_as=work.frames_as,
            frames=about,  # type: ignore[typeddict-item]
            folder=str(folder),
            tensorflow=work.tensorflow,
        )
        yield request, memory
    finally:
        memory.release()
        shutil.rmtree(folder, ignore_errors=True)


def cancel_all() -> int:
    """Stop whatever runs (for scripts without windows); returns how many jobs there were."""
    jobs = list(_running)
    for job in jobs:
        job.cancel()
    return len(jobs)


def _loaded(result: dict[str, Any]) -> dict[str, Any]:
    """Read table and image of a result before their folder goes away."""
    from deep_storm.fiji.exchange import read_frame_table

    if "table" in result:
        result["table"] = read_frame_table(result["table"])
    if "image" in result:
        result["image"] = np.load(result["image"])
    return result


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
