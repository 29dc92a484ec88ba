"""Matplotlib set up for our figures, whatever the user's settings are.

A notebook names a backend in ``MPLBACKEND`` that another Python may not have, and a style sheet may
ask for LaTeX. Figures here are made without a window, in matplotlib's own style.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Made = TypeVar("Made")
_VARIABLE = "MPLBACKEND"
_MODULE = "module://"


def drop_missing_backend() -> None:
    """Remove a missing backend from the environment: matplotlib would not load with it."""
    backend = os.environ.get(_VARIABLE, "")
    if "matplotlib" in sys.modules or not backend.startswith(_MODULE):
        return
    try:
        found = importlib.util.find_spec(backend.removeprefix(_MODULE))
    except (ImportError, ValueError):
        found = None
    if found is None:
        del os.environ[_VARIABLE]


def styled(function: Callable[Given, Made]) -> Callable[Given, Made]:
    """Let a function draw in matplotlib's default style; the user's is restored afterwards."""

    @wraps(function)
    def drawn(*arguments: Given.args, **options: Given.kwargs) -> Made:
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            return function(*arguments, **options)

    return drawn
