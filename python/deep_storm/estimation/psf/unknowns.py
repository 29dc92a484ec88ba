"""What is fitted, as one vector: PSF, emitters and background."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from deep_storm.estimation.psf.kernels import Placed

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Result = TypeVar("Result")

MAX_THREADS = 4


class Change(NamedTuple):
    """A change of all unknowns, or a gradient by them.

    Attributes
    ----------
    psf
        Coefficients, (edge, edge).
    emitters
        Photons, x and y, (n, 3).
    nodes
        Background of each scene, (s, rows, columns), beyond that of its view.
    views
        Background of each view, (views, rows, columns).
    """

    psf: FloatArray
    emitters: FloatArray
    nodes: FloatArray
    views: FloatArray

    def dot(self, other: Change) -> float:
        """Return the scalar product."""
        return float(sum(np.vdot(a, b) for a, b in zip(self, other, strict=True)))

    def plus(self, factor: float, other: Change) -> Change:
        """Return this and ``factor`` times another."""
        return Change(*(a + factor * b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True)
class Free:
    """Which unknowns a step may change, beside photons and background."""

    psf: bool = True
    positions: bool = True


@dataclass(frozen=True)
class Part:
    """What one thread works on: some scenes and their emitters.

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
class Crew:
    """Threads that share scenes, each with about as many emitters.

    Attributes
    ----------
    parts
        What each works on.
    starts
        Where each scene's emitters begin, and the end.
    """

    pool: ThreadPoolExecutor
    parts: tuple[Part, ...]
    starts: Integers

    @classmethod
    def sharing(cls, placed: Placed, starts: Integers, pool: ThreadPoolExecutor) -> Crew:
        """Divide scenes among threads."""
        scenes = len(starts) - 1
        parts = min(threads(), scenes)
        goal = np.arange(1, parts) * starts[-1] / parts
        cuts = np.searchsorted(starts, goal).tolist() if starts[-1] else []
        edges = sorted({0, *cuts, scenes})
        return cls(pool, tuple(Part.of(placed, starts, a, b) for a, b in pairwise(edges)), starts)

    def each(self, work: Callable[[Part], Result]) -> list[Result]:
        """Let each thread work on its part."""
        return list(self.pool.map(work, self.parts))


@contextmanager
def pool_of_threads() -> Iterator[ThreadPoolExecutor]:
    """Give threads for a fit; meanwhile the linear algebra of each takes no others."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads()) as pool:
        yield pool


def threads() -> int:
    """Return how many threads a fit uses: all cores of this process, up to four."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, MAX_THREADS))
