"""The command line ``deep-storm``, made from the verbs' declarations."""

from __future__ import annotations

import sys
from collections.abc import Sequence


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
        return 130
