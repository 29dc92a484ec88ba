"""A request in progress in the worker: progress, frames from Fiji, and stopping.

When Fiji asks to stop, a thread interrupts the main thread, as Ctrl-C does on the command line: a
verb that keeps what was done returns it, and a network call of seconds is the longest that anybody
waits. Only the verb itself is interrupted, never the answer that is being made of it nor a message
half written: an interrupt that comes then is tried again. A verb that takes note of Ctrl-C itself,
as a training does between two steps, is told at its next progress instead.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from deep_storm.errors import Cancelled, DeepStormError, StackError
from deep_storm.fiji.exchange import (
    DISCARD,
    FAILED,
    FINISH,
    KEEP,
    STOP,
    TICKET,
    error_from_bytes,
)
from deep_storm.interrupts import is_held_back

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Result = TypeVar("Result")
PROGRESS_SECONDS = 0.2
POLL_SECONDS = 0.002
WATCH_SECONDS = 0.02
STOPPED = "stopped by the user"
_task: Task | None = None


class Discarded(BaseException):
    """The user discards the result; no verb catches this."""


class Task:
    """A request in progress.

    Parameters
    ----------
    messages
        Appose's task, which takes messages to Fiji.
    control
        Shared control words, see :mod:`deep_storm.fiji.exchange`.
    block
        Shared memory for frames.
    """

    def __init__(
        self, messages: Any, control: npt.NDArray[np.int64], block: npt.NDArray[np.uint8] | None
    ) -> None:
        self.messages = messages
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

    def call(self, verb: Callable[..., Result], *arguments: Any) -> Result:
        """Call a verb that may be interrupted."""
        self.interruptible = True
        try:
            return _interruptible(verb, *arguments)
        finally:
            self.interruptible = False

    def say(self, **info: Any) -> None:
        """Send a message to Fiji."""
        with self._speaking:
            self.messages.update(info=info)

    def progress(self, done: int, total: int, message: str) -> None:
        """Report progress at a limited rate; raises when a stop was requested."""
        self.progressed = True
        if self.control[STOP]:
            self._stop(int(self.control[STOP]))
            return
        now = time.monotonic()
        if now - self._last >= PROGRESS_SECONDS or done >= total:
            self._last = now
            self.say(progress=[int(done), int(total), message])

    def _stop(self, stop: int) -> None:
        """Stop the verb from within its call of ``progress``."""
        self.acted = stop
        if stop != DISCARD:
            raise Cancelled(STOPPED)
        if signal.getsignal(signal.SIGINT) is on_interrupt:
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
                    raise Cancelled(STOPPED)
                time.sleep(POLL_SECONDS)
            if self.control[FAILED]:
                self.control[FAILED] = 0
                raise _error_in(self.block)

    def watch(self) -> None:
        """Interrupt the main thread when Fiji requests a stop."""
        told = False
        while not self._ended.wait(WATCH_SECONDS):
            stop = int(self.control[STOP])
            if stop in (0, FINISH) or not self.interruptible:
                continue
            if self.acted == stop:
                self.say(answered=True)
                return
            if stop == KEEP and is_held_back() and not told:
                told = True
                self.say(answered=True)  # what shall be kept is being put together or written
            if signal.getsignal(signal.SIGINT) is on_interrupt:
                _interrupt()

    def end(self) -> None:
        """Stop watching and release the shared memory."""
        self.interruptible = False
        self._ended.set()


def _error_in(block: npt.NDArray[np.uint8] | None) -> DeepStormError:
    if block is None:
        return StackError("Fiji could not read the image")
    return error_from_bytes(block[: 1 << 16].tobytes())


@contextmanager
def under_way(task: Task) -> Iterator[None]:
    """Make a task the current one, which interrupts are for."""
    global _task
    watcher = threading.Thread(target=task.watch, daemon=True, name="stop")
    watcher.start()
    _task = task
    try:
        yield
    finally:
        _task = None
        task.end()
        watcher.join()


def _interruptible(verb: Callable[..., Result], *arguments: Any) -> Result:
    return verb(*arguments)


def on_interrupt(number: int, frame: FrameType | None) -> None:
    """Raise an exception if a task shall be stopped; Ctrl-C itself is for Fiji.

    What is interrupted is told from the place, as any flag could be set a moment too late.
    """
    task = _task
    if task is None or not task.interruptible or not _in_a_verb(frame):
        return
    stop = int(task.control[STOP])
    if stop in (0, FINISH, task.acted):
        return
    task.acted = stop
    if stop == DISCARD:
        raise Discarded
    raise KeyboardInterrupt


def _in_a_verb(frame: FrameType | None) -> bool:
    """Return whether a verb is running there and not sending to Fiji at this moment."""
    while frame is not None and frame.f_code is not _interruptible.__code__:
        if frame.f_code is Task.say.__code__:
            return False
        frame = frame.f_back
    return frame is not None


def _interrupt() -> None:
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)  # wakes a thread that waits for another one
    else:
        _thread.interrupt_main()
