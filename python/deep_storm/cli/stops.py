"""What stops a run beside Ctrl-C: a batch system's SIGTERM, and a terminal that is closed.

Both stop it as Ctrl-C does, so that what is done is kept, and give the exit code of their signal:
143 and 129.
"""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType

from deep_storm.cli.codes import STOPPED

_asked_by = STOPPED - 128


def heed_termination() -> None:
    """Let SIGTERM and SIGHUP stop this process as Ctrl-C does, unless they are ignored (nohup)."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def code() -> int:
    """Return the exit code of a run that was stopped: 128 and the signal."""
    return 128 + _asked_by


def _stop(number: int, frame: FrameType | None) -> None:
    global _asked_by
    _asked_by = number
    if number != signal.SIGTERM:
        _let_go_of_terminal()
    as_ctrl_c = signal.getsignal(signal.SIGINT)
    if callable(as_ctrl_c):  # a training that notes it, or a step that must not be halved
        as_ctrl_c(number, frame)
    else:  # ignored, as in the background of a script
        raise KeyboardInterrupt


def _let_go_of_terminal() -> None:
    """Send to nowhere what would be written on a terminal that is gone."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            if os.isatty(descriptor):
                os.dup2(nowhere, descriptor)
