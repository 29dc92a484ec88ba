"""Deep-STORM's commands in Fiji.

A menu command is a script below ``fiji-scripts/``: a generated ``#@`` header and one call of
:func:`run`. Everything else is here, and no TensorFlow ever runs in Fiji's process::

    script ── run() ── command ── worker process (TensorFlow, verbs)
                │          │            ▲  frames through shared memory, a chunk at a time
                │          │            │  progress, results, errors as messages
                │          └── ImagePlus ↔ frames, ResultsTable ↔ table, ROI, overlay
                └── values from the header, errors → one dialog and the output ``status``

==============  ================================================================================
module          subject
==============  ================================================================================
``parameters``  one line of a header: from a setting to ``#@`` and from Java's value back
``catalog``     which commands there are: menu place, parameters, function
``headers``     writes the scripts (``python -m deep_storm.fiji.headers``)
``runner``      runs a command for its script; errors end here
``host``        ImageJ around us: status bar, dialogs, preferences, windows
``camera``      the camera that was entered once
``images``      ImagePlus ↔ NumPy
``tables``      ResultsTable ↔ localization table
``overlays``    localizations and emitters drawn over an image
``jobs``        work handed to the worker, watched until its end
``memory``      folder and shared memory of a request
``service``     the worker process: started, kept warm, ended
``worker``      the other side: what runs in that process
``remote``      the worker's frames, which lie in Fiji's memory
``window``      progress, loss plot and buttons while something runs
``commands``    what each command does
``install``     scripts into a Fiji, and what is missing there
``launch``      start Fiji with our commands in its menu
``checks``      Fiji's part of ``doctor``
==============  ================================================================================
"""

from __future__ import annotations

from typing import Any


def run(command: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Run a command for its script; see :func:`deep_storm.fiji.runner.run`."""
    from deep_storm.fiji.runner import run as run_command

    return run_command(command, variables)
