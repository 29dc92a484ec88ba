"""The command line ``deep-storm``, made from the verbs' declarations."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from deep_storm.cli import stops
from deep_storm.cli.codes import STOPPED
from deep_storm.imports import claim_process


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``deep-storm``.

    Parameters
    ----------
    arguments
        Words after the program's name; default: those of this process.

    Returns
    -------
    The exit code: 0, 2 for what the user can mend, 130 when stopped, 1 for our own mistakes.
    """
    try:
        from deep_storm.cli.app import run

        return run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        # Ctrl-C before the verb had begun; later ones are answered where they arrive.
        print("Stopped before anything was done.", file=sys.stderr)
        return STOPPED


def program() -> int:
    """Run ``deep-storm`` as a process of its own; one that was stopped ends at once.

    By then all that had to be written or cleaned up is. What is left is Python taking itself and
    TensorFlow down, for seconds on a busy machine.
    """
    stops.heed_termination()
    claim_process()
    code = main()
    if code == STOPPED:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(stops.code())
    return code
