"""Deep-STORM's commands in Fiji.

A menu command is a script below ``fiji-scripts/``: a generated ``#@`` header and one call of
:func:`run`. Everything else is here, and no TensorFlow ever runs in Fiji's process::

    script ── run() ── command ── worker process (TensorFlow, verbs)
                │          │            ▲  frames through shared memory, a chunk at a time
                │          │            │  progress, results, errors as messages
                │          └── ImagePlus ↔ frames, ResultsTable ↔ table, ROI, overlay
                └── values from the header, errors → one dialog and the output ``status``

============  ==================================================================================
``commands``  what each command does
``runner``    runs a command for its script; errors end here
``camera``    the camera that was entered once
``menu``      which commands there are: ``catalog``, their ``parameters``, and ``headers``, which
              writes the scripts (``python -m deep_storm.fiji.menu.headers``)
``imagej``    ImageJ around us: ``host`` (status bar, dialogs, preferences), ``images``, ``tables``,
              ``overlays``, ``window`` (progress, loss plot and buttons), ``thunderstorm``
``client``    work handed to the worker: ``jobs``, their ``memory``, and ``service``, the process
``worker``    the other side, what runs in that process: ``process``, ``requests``, and ``frames``,
              which lie in Fiji's memory
``exchange``  what the two sides say to each other
``setup``     ``install`` and ``launch``, ``checks`` for ``doctor``, and the verb ``fiji``
============  ==================================================================================
"""

from __future__ import annotations

from typing import Any

from deep_storm.verb_package import make_callable


def run(command: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Run a command for its script; see :func:`deep_storm.fiji.runner.run`."""
    status = variables.get("status_service")
    if status is not None:  # the first command has a second of imports to come
        status.showStatus("Deep-STORM...")
    from deep_storm.fiji.runner import run as run_command

    return run_command(command, variables)


make_callable(__name__)
