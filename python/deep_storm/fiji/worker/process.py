"""The worker process: everything that loads TensorFlow runs here.

Appose starts this process and calls :func:`begin` once and :func:`perform` for each request, on the
main thread. When Fiji asks to stop, a thread interrupts the main thread, as Ctrl-C does on the
command line: a verb that keeps what was done returns it, and a network call of seconds is the
longest that anybody waits. A verb that takes note of Ctrl-C itself, as a training does between two
steps, is told at its next progress instead. The process ends when Fiji has gone.
"""

from __future__ import annotations

import _thread
import faulthandler
import logging
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.errors import Cancelled, DeepStormError, StackError
from deep_storm.fiji.exchange import (
    DISCARD,
    FAILED,
    FINISH,
    KEEP,
    STOP,
    TICKET,
    Request,
    error_as_data,
    error_from_bytes,
    read_frame_table,
)
from deep_storm.folders import cache_folder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LOGGER = logging.getLogger("deep_storm.fiji.worker.process")
PROGRESS_SECONDS = 0.2
POLL_SECONDS = 0.002
WATCH_SECONDS = 0.02
_STOPPED = "stopped by the user"
_job: Job | None = None


class Discarded(BaseException):
    """The user wants nothing of it; no verb catches this."""


class Job:
    """A request under way.

    Parameters
    ----------
    task
        Appose's task.
    control
        Shared control words, see :mod:`deep_storm.fiji.exchange`.
    block
        Shared memory for frames.
    """

    def __init__(
        self, task: Any, control: npt.NDArray[np.int64], block: npt.NDArray[np.uint8] | None
    ) -> None:
        self.task = task
        self.control = control
        self.block = block
        self.interruptible = False
        self.acted = 0
        self.progressed = False
        self._speaking = threading.Lock()
        self._fetching = threading.Lock()
        self._tickets = 0
        self._last = 0.0
        self._ended = threading.Event()

    def say(self, **info: Any) -> None:
        """Send a message to Fiji."""
        with self._speaking:
            self.task.update(info=info)

    def progress(self, done: int, total: int, message: str) -> None:
        """Report progress, not more often than anybody can see; raises when asked to stop."""
        self.progressed = True
        if self.control[STOP]:
            self._stop(int(self.control[STOP]))
            return
        now = time.monotonic()
        if now - self._last >= PROGRESS_SECONDS or done >= total:
            self._last = now
            self.say(progress=[int(done), int(total), message])

    def _stop(self, stop: int) -> None:
        """End the verb from within its own call of progress."""
        self.acted = stop
        if stop != DISCARD:
            raise Cancelled(_STOPPED)
        if signal.getsignal(signal.SIGINT) is _on_interrupt:
            raise Discarded
        signal.raise_signal(signal.SIGINT)  # the verb takes note of it, and keeps a checkpoint

    def fetch(self, start: int, stop: int) -> None:
        """Wait until frames are in the block.

        Raises
        ------
        StackError
            Fiji cannot read them.
        Cancelled
            The user stopped.
        """
        with self._fetching:
            self._tickets += 1
            self.say(want=[self._tickets, start, stop])
            while self.control[TICKET] != self._tickets:
                if self.acted in (KEEP, DISCARD):
                    raise Cancelled(_STOPPED)
                time.sleep(POLL_SECONDS)
            if self.control[FAILED]:
                self.control[FAILED] = 0
                raise _error_in(self.block)

    def watch(self) -> None:
        """Interrupt the main thread when Fiji asks to stop."""
        while not self._ended.wait(WATCH_SECONDS):
            stop = int(self.control[STOP])
            if stop in (0, FINISH) or not self.interruptible:
                continue
            if self.acted == stop:
                self.say(answered=True)
                return
            if signal.getsignal(signal.SIGINT) is _on_interrupt:
                _interrupt()

    def end(self) -> None:
        """End watching, and let go of the shared memory."""
        self.interruptible = False
        self._ended.set()


def _error_in(block: npt.NDArray[np.uint8] | None) -> DeepStormError:
    if block is None:
        return StackError("Fiji could not read the image")
    return error_from_bytes(block[: 1 << 16].tobytes())


def begin(log: str, parent: int) -> None:
    """Set this process up: messages into a log file, end with Fiji, stop on request.

    Parameters
    ----------
    log
        File for everything that would go to standard error.
    parent
        Fiji's process.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    faulthandler.enable()  # a crash in native code leaves its place in the log
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    LOGGER.info("worker %d started by %d", os.getpid(), parent)
    signal.signal(signal.SIGINT, _on_interrupt)
    threading.Thread(target=_end_with, args=(parent,), daemon=True, name="parent").start()


def perform(task: Any, request: Request, control: Any, block: Any) -> dict[str, Any]:
    """Call a verb; returns ``{"answer": …}`` in plain data.

    The answer has ``error`` (what the user can mend), ``mistake`` (ours), ``stopped``, or
    ``result``.
    """
    global _job
    job = Job(task, control.ndarray(), block.ndarray() if block is not None else None)
    watcher = threading.Thread(target=job.watch, daemon=True, name="stop")
    watcher.start()
    _job = job
    try:
        answer = _answer(job, request)
    finally:
        _job = None
        job.end()
        watcher.join()
    answer["restart"] = bool(job.acted) and not job.progressed
    return {"answer": answer}


def _answer(job: Job, request: Request) -> dict[str, Any]:
    from deep_storm.fiji.worker.requests import call_verb

    try:
        if request["tensorflow"]:
            load_tensorflow()
        job.interruptible = True
        job.say(running=True)
        return {"result": call_verb(request, job, read_frame_table)}
    except Cancelled as error:
        return {"stopped": None if error.received == _STOPPED else error_as_data(error)}
    except (KeyboardInterrupt, Discarded):
        return {"stopped": None}
    except DeepStormError as error:
        return {"error": error_as_data(error)}
    except MemoryError as error:
        LOGGER.error("%s", traceback.format_exc())
        return {"memory": str(error)}
    except OSError as error:
        LOGGER.error("%s", traceback.format_exc())
        place = f" ({error.filename})" if error.filename else ""
        return {"mistake": f"{error.strerror or error}{place}"}
    except Exception as error:  # noqa: BLE001 - the process boundary: Fiji shows it
        from deep_storm.networks.device import is_out_of_memory

        LOGGER.error("%s", traceback.format_exc())
        if is_out_of_memory(error):
            return {"memory": str(error)[:200]}
        return {"mistake": f"{type(error).__name__}: {str(error)[:500]}"}
    finally:
        job.interruptible = False


def load_tensorflow() -> None:
    """Import TensorFlow; nothing interrupts that, a half imported one is of no use."""
    from deep_storm.networks.device import quiet_tensorflow

    quiet_tensorflow()
    import importlib

    importlib.import_module("deep_storm.inference.reconstruction")
    importlib.import_module("deep_storm.networks.native")


def _on_interrupt(number: int, frame: Any) -> None:
    """Turn an interrupt into an exception, if a job is to be stopped; Ctrl-C is Fiji's."""
    job = _job
    if job is None or not job.interruptible:
        return
    stop = int(job.control[STOP])
    if stop in (0, FINISH, job.acted):
        return
    job.acted = stop
    if stop == DISCARD:
        raise Discarded
    raise KeyboardInterrupt


def _interrupt() -> None:
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)  # wakes a thread that waits for another one
    else:
        _thread.interrupt_main()


def _end_with(parent: int) -> None:
    import psutil

    try:
        process = psutil.Process(parent)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(1.0)
    except psutil.Error:
        pass
    os._exit(0)


def log_folder() -> Path:
    """Return the folder of the worker's logs; it is made when missing."""
    return cache_folder() or Path(tempfile.mkdtemp(prefix="deep-storm-"))
