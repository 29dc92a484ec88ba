"""Imports that take no longer than they must.

Python looks for objects that refer only to one another whenever it has made some hundred new ones.
Modules are half a million of them, all in use: to look through them again and again is a fifth of
the time in which TensorFlow is imported. A third of it are packages that Keras imports where they
are installed, for features of its own that Deep-STORM does not use.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from types import ModuleType

_ours = threading.Event()
"""Whether this process runs no other program than Deep-STORM."""


def claim_process() -> None:
    """Say that this process is ours alone: what it imports is for us, and in use until it ends."""
    _ours.set()


@contextmanager
def uncollected() -> Iterator[None]:
    """Import, or build what stays, without garbage collection.

    Afterwards all objects count as old ones, which are looked through last. In a process of our own
    they are left out from then on; in another's they are not, as its own garbage is among them, and
    what it has left out itself stays as it is.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if _ours.is_set():
            gc.freeze()
        elif not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        if collects:
            gc.enable()


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Import something as if packages that it may use were not installed.

    In a process of our own, and for this thread, and not for what is imported already. In another's
    process nothing changes: its program may want what these packages add.
    """
    if not _ours.is_set():
        yield
        return
    hidden = _Hidden(packages, threading.get_ident())
    sys.meta_path.insert(0, hidden)
    try:
        yield
    finally:
        sys.meta_path.remove(hidden)


class _Hidden(MetaPathFinder):
    """Says to one thread that some packages are not there."""

    def __init__(self, packages: tuple[str, ...], thread: int) -> None:
        self.packages, self.thread = packages, thread

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> None:
        """Raise if the package is one of them; otherwise leave it to others."""
        del path, target
        if threading.get_ident() == self.thread and name.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
