"""How much processor time each stage of a reconstruction takes, over all threads.

What counts is the time that a thread was on a core, not what passed on the wall: other work on the
machine, and waiting, change it little. The network computes in threads of TensorFlow's own, so its
stage here is only what the driving thread spends; see :mod:`deep_storm.machine.stages`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Literal

Stage = Literal["read", "network", "pick", "gather", "refine", "draw", "append"]
ONE_AT_A_TIME: tuple[Stage, ...] = ("append",)
"""Stages that only one thread works on at a time; the others use as many cores as there are."""


class StageClock:
    """Adds up the processor time of stages; any thread may use it."""

    def __init__(self) -> None:
        self._seconds: dict[Stage, float] = {}
        self._lock = Lock()

    @property
    def seconds(self) -> dict[str, float]:
        """Processor time of each stage so far."""
        with self._lock:
            return {str(stage): seconds for stage, seconds in self._seconds.items()}

    @contextmanager
    def measured(self, stage: Stage) -> Iterator[None]:
        """Count the processor time of this thread, while it is entered, to a stage."""
        began = time.thread_time()
        try:
            yield
        finally:
            spent = time.thread_time() - began
            with self._lock:
                self._seconds[stage] = self._seconds.get(stage, 0.0) + spent
