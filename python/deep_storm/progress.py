"""Progress of long work, independent of how it is shown.

A long step takes ``progress: Progress | None`` and calls it with what is done, what there is
to do and a short message. The command line draws a bar from it, Fiji its status bar, tests a
list. Cancelling works the same way round: the watcher raises :class:`~deep_storm.errors.Cancelled`
(or ``KeyboardInterrupt``) from the call.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called as ``progress(done, total, message)``; raises to cancel.

    ``done`` and ``total`` count whatever the step counts (frames, training steps);
    ``message`` says which, with live numbers.
    """

    def __call__(self, done: int, total: int, message: str) -> None:
        """Report what is done; raise to cancel."""


def silent(done: int, total: int, message: str) -> None:
    """Progress that is not shown."""
