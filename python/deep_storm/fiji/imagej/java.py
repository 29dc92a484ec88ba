"""Java classes, without starting Java where there is none."""

from __future__ import annotations

from typing import Any


def java_class(name: str) -> Any:
    """Return a Java class of the machine that we run in, such as ``ij.ImagePlus``."""
    import jpype

    return jpype.JClass(name)


def java_is_running() -> bool:
    """Tell whether there is a Java machine in this process."""
    import jpype

    return bool(jpype.isJVMStarted())
