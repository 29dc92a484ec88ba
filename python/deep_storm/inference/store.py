"""Where localizations are kept during a reconstruction: in memory, or in a work folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.extraction.candidates import Candidates, concatenated

Float32 = npt.NDArray[np.float32]


class Store(ABC):
    """Keeps candidates in frame order."""

    count: int = 0
    """Candidates kept until now."""
    folder: Path | None
    """Where else something large may be kept."""

    @abstractmethod
    def append(self, found: Candidates) -> None:
        """Add the candidates of the next frames."""

    @abstractmethod
    def pieces(self) -> Iterator[Candidates]:
        """Yield all candidates in order, in pieces of whole frames; at least one."""

    def checkpoint(self, state: dict[str, Any], image: Float32, now: bool = False) -> None:  # noqa: B027 - memory has nothing to do
        """Write a checkpoint, if it is time (or ``now``)."""

    def finish(self, state: dict[str, Any], image: Float32) -> None:  # noqa: B027 - memory has nothing to do
        """Note that the work is done, though its results are not written yet."""


class MemoryStore(Store):
    """Candidates in memory."""

    def __init__(self) -> None:
        self.folder = None
        self._found: list[Candidates] = []

    def append(self, found: Candidates) -> None:
        """Add the candidates."""
        self._found.append(found)
        self.count += found.frame.size

    def pieces(self) -> Iterator[Candidates]:
        """Yield all in one piece."""
        yield concatenated(self._found)
