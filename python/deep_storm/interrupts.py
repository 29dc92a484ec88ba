"""Ctrl-C at the wrong moment: held back while something is half done, and told from a mistake."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from deep_storm.errors import was_interrupted

_held = 0


def is_held_back() -> bool:
    """Return whether Ctrl-C is being held back just now."""
    return _held > 0


@contextmanager
def held_back() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the ``with``, where it is raised as ever.

    For steps of which half would be worse than none: files that are renamed one after the other, a
    checkpoint. Outside the main thread, where Python delivers no signals, there is nothing to do.
    """
    global _held
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    signal.signal(signal.SIGINT, note)
    _held += 1
    try:
        yield
    finally:
        _held -= 1
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the SystemError that Ctrl-C causes in a compiled function into KeyboardInterrupt."""
    try:
        yield
    except SystemError as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from error
        raise
