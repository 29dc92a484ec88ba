"""A word to the user while loops are compiled: once on each computer, and it takes a while.

Loops are compiled deep inside (:mod:`deep_storm.kernels`), where nothing is printed. Who has a
terminal or a window says here what shall be done with the word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

SENTENCE = "Compiling for this computer, only this once: about half a minute"
_tell: list[Callable[[str], None]] = []


@contextmanager
def told_to(tell: Callable[[str], None]) -> Iterator[None]:
    """Have it told, at most once, when something is compiled meanwhile.

    Parameters
    ----------
    tell
        Takes the sentence, in any thread.
    """
    _tell.append(tell)
    try:
        yield
    finally:
        if tell in _tell:
            _tell.remove(tell)


def begins() -> None:
    """Say that a loop is compiled that was not kept from before."""
    while _tell:
        try:
            tell = _tell.pop()
        except IndexError:  # another thread was faster
            return
        tell(SENTENCE)
