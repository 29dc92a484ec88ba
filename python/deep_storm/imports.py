"""Imports without the garbage collection that Python makes meanwhile.

Python looks for objects that refer only to one another whenever it has made some hundred new ones.
Modules are half a million of them, all in use: to look through them again and again is a fifth of
the time in which TensorFlow is imported.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_for_good = threading.Event()
"""Whether what was imported is never looked through again."""


def keep_for_good() -> None:
    """Say that this process is ours alone: what it imports is in use until it ends."""
    _for_good.set()


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
        if _for_good.is_set():
            gc.freeze()
        elif not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        if collects:
            gc.enable()
