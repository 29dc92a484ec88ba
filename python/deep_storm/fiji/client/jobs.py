"""Work sent to the worker and followed until its end, from a command's thread in Fiji.

The loop does three things: it reads frames when the worker wants some, it keeps the status bar
alive (at least four times a second, with the time left), and it looks whether the user wants to
stop. Stopping is asked for; a worker that does not answer is terminated after two seconds and
killed after five. Only "Finish now" may take as long as it takes: what was learnt is wanted.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from deep_storm.errors import Cancelled, DeepStormError, StackError
from deep_storm.fiji.client import service
from deep_storm.fiji.client.memory import Memory, exchange
from deep_storm.fiji.client.service import Worker, WorkerError
from deep_storm.fiji.client.work import Work
from deep_storm.fiji.exchange import (
    DISCARD,
    FINISH,
    KEEP,
    STOP,
    Request,
    error_from_data,
    read_frame_table,
)
from deep_storm.words import duration

if TYPE_CHECKING:
    from deep_storm.fiji.imagej.host import Host
    from deep_storm.fiji.imagej.window import ProgressWindow

SHOW_SECONDS = 0.2
TERMINATE_SECONDS = 2.0
KILL_SECONDS = 5.0
HANDING_OVER_SECONDS = 30.0
"""A worker that has answered may take so long to put together what it has."""
_one_at_a_time = threading.Lock()
_running: list[Job] = []


class Job:
    """Work in progress.

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
        """Stop as soon as possible."""
        self.stop_asked = KEEP if self.work.keep_when_stopped else DISCARD

    def finish(self) -> None:
        """Stop at the next opportunity and keep the results."""
        self.stop_asked = self.stop_asked or FINISH

    def run(self) -> dict[str, Any]:
        """Do the work; return the worker's result.

        Raises
        ------
        DeepStormError
            As the verb does; a :class:`~deep_storm.fiji.client.service.WorkerError` when the worker
            ended, :class:`~deep_storm.errors.Cancelled` when nothing could be kept.
        """
        self.host.forget_escape()
        _running.append(self)
        try:
            self._wait_for_turn()
            try:
                worker = self._worker()
                with exchange(self.work) as (request, memory):
                    return self._watch(worker, request, memory)
            finally:
                _one_at_a_time.release()
        finally:
            _running.remove(self)
            self.host.end_progress()

    def _wait_for_turn(self) -> None:
        while not _one_at_a_time.acquire(timeout=SHOW_SECONDS):
            self._show("waiting for the previous command")
            if self._stop_wanted():
                raise Cancelled("stopped while it was waiting for another command")

    def _worker(self) -> Worker:
        warm = service.current()
        if warm is not None:
            self._show("")
            return warm
        self._show("starting TensorFlow..." if self.work.tensorflow else "starting...")
        starting = _started()
        while True:
            try:
                return starting.result(timeout=SHOW_SECONDS)
            except concurrent.futures.TimeoutError:
                self._show_regularly()
            if self._stop_wanted():
                raise Cancelled(f"{self.work.title} was stopped while its worker was starting")

    def _watch(self, worker: Worker, request: Request, memory: Memory) -> dict[str, Any]:
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

    def _note(self, info: dict[str, Any], memory: Memory) -> None:
        """Process a message."""
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
            if answer["stopped"] is not None:
                raise error_from_data(answer["stopped"])
            raise Cancelled(f"{self.work.title} was stopped; nothing was written")
        if "memory" in answer:
            worker.kill()
            raise WorkerError(
                f"the worker ran out of memory ({answer['memory'] or 'there was none left'})",
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
        result: dict[str, Any] = answer["result"]
        if self.work.frames is not None and "problem" not in result:
            self._check_unchanged(result["written"])
        return _loaded(result)

    def _check_unchanged(self, written: list[str]) -> None:
        """Raise if an image changed meanwhile: the results rest on it."""
        try:
            if self.work.frames is not None:
                self.work.frames.check_unchanged()
        except StackError as error:
            if not written:
                raise
            advice = f"{error.advice}; what was written, {written[0]} and beside it, is of no use"
            raise StackError(error.received, error.expected, advice) from error

    def _crashed(self, worker: Worker) -> DeepStormError:
        if self._stopped_at is not None:
            return Cancelled(
                f"{self.work.title} was stopped",
                "",
                "the worker did not answer and was stopped; only what it had written is kept",
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
            self.window.show(self.done, self.total if self._first else 0, words)

    def _words(self) -> str:
        if self._stopped_at is not None:
            return "stopping..."
        if self.stop_asked == FINISH:
            return "finishing..."
        if self._first is None:
            waiting = time.monotonic() - self._began
            loading = self.work.tensorflow and not self._running
            return f"{'starting TensorFlow' if loading else 'preparing'}... {waiting:.0f} s"
        left = self.seconds_left()
        more = f", {duration(left)} left" if left is not None else ""
        return f"{self.done:,} of {self.total:,} {self.message}{more}"

    def seconds_left(self) -> float | None:
        """Return the time that is left, estimated from the speed until now."""
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

    def _stop_if_wanted(self, worker: Worker, memory: Memory) -> None:
        if not self._stop_wanted():
            return
        now = time.monotonic()
        if memory.control[STOP] != self.stop_asked:
            memory.control[STOP] = self.stop_asked
            self._stopped_at = None if self.stop_asked == FINISH else now
        if self._stopped_at is None:
            return
        waited = now - self._stopped_at
        if self._answered and (self.stop_asked == KEEP or waited < HANDING_OVER_SECONDS):
            return
        if waited >= KILL_SECONDS:
            worker.kill()
        elif waited >= TERMINATE_SECONDS:
            worker.terminate()


def _started() -> concurrent.futures.Future[Worker]:
    """Start a worker in a daemon thread, which does not keep Fiji from ending."""
    started: concurrent.futures.Future[Worker] = concurrent.futures.Future()

    def start() -> None:
        try:
            started.set_result(service.ready())
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            started.set_exception(error)

    threading.Thread(target=start, daemon=True, name="worker start").start()
    return started


def cancel_all() -> int:
    """Cancel all running jobs (for scripts without windows); return their number."""
    jobs = list(_running)
    for job in jobs:
        job.cancel()
    return len(jobs)


def _loaded(result: dict[str, Any]) -> dict[str, Any]:
    """Read table, image and mask of a result before their folder is deleted."""
    if "table" in result:
        result["table"] = read_frame_table(result["table"])
    if "image" in result:
        result["image"] = np.load(result["image"])
    if "mask" in result:
        result["mask"] = np.load(result["mask"])
    return result
