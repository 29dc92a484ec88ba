"""ThunderSTORM's results window, which shows whether an import succeeded.

``IJ.run`` swallows what goes wrong in a plugin: on Java 13 and later ThunderSTORM fails when it
opens this window (``NoClassDefFoundError`` for :data:`MISSING`), and nothing is raised.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from deep_storm.fiji.imagej.java import java_class, java_error

IMPORT = "Import results"
"""The command that takes a table."""
TITLE = "ThunderSTORM: results"
MISSING = "com.sun.net.ssl.internal.ssl.Provider"
"""A class that ThunderSTORM's results window needs and Java 13 removed."""
WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.1


class Shown(NamedTuple):
    """A results window; ``rows`` is None where they cannot be counted."""

    rows: int | None


def wait_for_results(rows: int) -> Shown | None:
    """Wait a moment until ThunderSTORM's window shows the expected number of rows.

    Returns
    -------
    What it shows at the end, whatever that is; None when there is no such window.
    """
    end = time.monotonic() + WAIT_SECONDS
    while True:
        shown = results_shown()
        fine = shown is not None and shown.rows in (rows, None)
        if fine or time.monotonic() > end:
            return shown
        time.sleep(_POLL_SECONDS)  # the window opens on another thread


def results_shown() -> Shown | None:
    """Return the contents of ThunderSTORM's results window; None if it is not open."""
    table = java_class("javax.swing.JTable")
    for frame in java_class("java.awt.Frame").getFrames():
        if frame.isVisible() and str(frame.getTitle()) == TITLE:
            found = [part for part in _components(frame) if isinstance(part, table)]
            return Shown(int(found[0].getModel().getRowCount()) if found else None)
    return None


def reason_of_failure() -> str:
    """Return the probable reason why the window did not open; empty if none is known."""
    if java_class("java.awt.GraphicsEnvironment").isHeadless():
        return "ThunderSTORM needs ImageJ's windows, and this ImageJ has none"
    try:
        java_class("java.lang.Class").forName(MISSING, False, java_class("ij.IJ").getClassLoader())
    except java_error():
        version = java_class("java.lang.System").getProperty("java.specification.version")
        return (
            f"on Java {version} it cannot open its results window: it needs the class {MISSING}, "
            "which Java 13 removed"
        )
    return ""


def _components(container: Any) -> Iterator[Any]:
    parts = java_class("java.awt.Container")
    for part in container.getComponents():
        yield part
        if isinstance(part, parts):
            yield from _components(part)
