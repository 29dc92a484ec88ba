"""Java classes, without starting Java where there is none."""

from __future__ import annotations

from typing import Any


def java_class(name: str) -> Any:
    """Return a Java class of the machine that we run in, such as ``ij.ImagePlus``."""
    import jpype

    return jpype.JClass(name)
