"""Progress on the terminal: a bar with the time left, or a line now and then in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from deep_storm.visible import visible
from deep_storm.words import duration

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 10.0


class Watch:
    """Shows progress on standard error while it is entered; passed to verbs as ``progress``.

    Parameters
    ----------
    bar
        Whether to draw a bar; default: when standard error is a terminal.
    """

    def __init__(self, bar: bool | None = None) -> None:
        self._wants_bar = sys.stderr.isatty() if bar is None else bar
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._phase = (0, 0)  # what is done, and what there is to do
        self._begun = self._said = time.monotonic()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, message: str) -> None:
        """Show that ``done`` of ``total`` are done."""
        message = visible(message, limit=200)
        last_done, last_total = self._phase
        new = self._phase == (0, 0) or total != last_total or done < last_done
        self._phase = (done, total)
        if new:
            self._begun = self._said = time.monotonic()
        if self._wants_bar:
            self._draw(done, total, message, new)
        else:
            self._say(done, total, message)

    def _draw(self, done: int, total: int, message: str, new: bool) -> None:
        if self._bar is None:
            self._bar = _rich_bar()
            self._bar.start()
        if new or self._task is None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(message, total=total)
        self._bar.update(self._task, completed=done, description=message)

    def _say(self, done: int, total: int, message: str) -> None:
        now = time.monotonic()
        if now - self._said < SECONDS_BETWEEN_LINES and done < total:
            return
        if done >= total and now - self._begun < SECONDS_BETWEEN_LINES:
            return  # a phase this short needs no line
        self._said = now
        line = f"{message}: {done} of {total}"
        if 0 < done < total:
            line += f", about {duration((now - self._begun) / done * (total - done))} left"
        print(line, file=sys.stderr, flush=True)


def _rich_bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True, force_terminal=True),
        transient=True,
    )
