"""The unknowns of the fit as one vector: PSF, emitters and background."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from deep_storm.estimation.psf.kernels import Placed

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Result = TypeVar("Result")

MAX_THREADS = 4
PARTS = 4
"""What is summed over parts must not depend on how many threads there are."""


class Change(NamedTuple):
    """A change of all unknowns, or a gradient with respect to them.

    Attributes
    ----------
    psf
        Coefficients, (edge, edge).
    emitters
        Photons, x and y, (n, 3).
    nodes
        Background of each scene beyond that of its view, (s, rows, columns).
    views
        Background of each view, (views, rows, columns), on finer nodes.
    """

    psf: FloatArray
    emitters: FloatArray
    nodes: FloatArray
    views: FloatArray

    def dot(self, other: Change) -> float:
        """Return the scalar product."""
        return float(sum(np.vdot(a, b) for a, b in zip(self, other, strict=True)))

    def plus(self, factor: float, other: Change) -> Change:
        """Return this plus ``factor`` times another."""
        return Change(*(a + factor * b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True)
class Free:
    """Which unknowns a step may change, besides photons and background."""

    psf: bool = True
    positions: bool = True


@dataclass(frozen=True)
class Part:
    """Scenes and emitters that one thread works on at a time.

    Attributes
    ----------
    scenes, emitters
        Which of them.
    placed
        The emitters; they count scenes from 0 again.
    """

    scenes: slice
    emitters: slice
    placed: Placed

    @classmethod
    def of(cls, placed: Placed, starts: Integers, first: int, stop: int) -> Part:
        """Cut out scenes ``first`` to ``stop - 1``."""
        own = slice(int(starts[first]), int(starts[stop]))
        cut = Placed(
            placed.scene[own] - first,
            placed.photons[own],
            placed.corner[own],
            placed.knot[own],
            placed.taps[own],
            placed.window[own],
        )
        return cls(slice(first, stop), own, cut)


@dataclass(frozen=True)
class Partition:
    """Scenes divided into parts for threads, with about as many emitters for each.

    Attributes
    ----------
    parts
        What a thread takes at a time.
    starts
        Where each scene's emitters begin, and the end.
    """

    pool: ThreadPoolExecutor
    parts: tuple[Part, ...]
    starts: Integers

    @classmethod
    def of(cls, placed: Placed, starts: Integers, pool: ThreadPoolExecutor) -> Partition:
        """Divide scenes into parts."""
        scenes = len(starts) - 1
        parts = min(PARTS, scenes)
        goal = np.arange(1, parts) * starts[-1] / parts
        cuts = np.searchsorted(starts, goal).tolist() if starts[-1] else []
        edges = sorted({0, *cuts, scenes})
        return cls(pool, tuple(Part.of(placed, starts, a, b) for a, b in pairwise(edges)), starts)

    def map(self, work: Callable[..., Result], *more: Iterable[Any]) -> list[Result]:
        """Apply a function to each part, and to what there is of ``more`` for it, in threads."""
        return list(self.pool.map(work, self.parts, *more))


@contextmanager
def pool_of_threads() -> Iterator[ThreadPoolExecutor]:
    """Start the threads of a fit; meanwhile linear algebra runs on one thread each."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads()) as pool:
        yield pool


def threads() -> int:
    """Return how many threads a fit uses: all cores of this process, up to four."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, MAX_THREADS))
