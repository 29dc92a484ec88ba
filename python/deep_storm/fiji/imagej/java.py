"""Java classes, available only in a process that already runs Java."""

from __future__ import annotations

from typing import Any


def java_class(name: str) -> Any:
    """Return a class of the running Java machine, such as ``ij.ImagePlus``."""
    import jpype

    return jpype.JClass(name)


def java_error() -> type[Exception]:
    """Return the class of all exceptions and errors that Java raises."""
    import jpype

    error: type[Exception] = jpype.JException
    return error
