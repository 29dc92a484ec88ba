"""Links localizations of the same molecule in consecutive frames: compiled, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import Whole, kernel

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@kernel
def link(
    frame: Integers,
    x_nm: FloatArray,
    y_nm: FloatArray,
    z_nm: FloatArray,
    variance_nm2: FloatArray,
    reach_nm: float,
    spreads: float,
    gap_frames: int,
    max_localizations: int,
    memory: int = 0,
) -> Integers:
    """Return the number of the molecule that each row belongs to.

    Frame by frame, the nearest pair of a molecule and a localization is linked, then the nearest
    of what is left, until none is near enough: no localization belongs to two molecules, and no
    molecule has two in a frame. A molecule lies at the mean of its localizations so far.

    Parameters
    ----------
    frame
        (n,) rising.
    x_nm, y_nm, z_nm
        (n,) positions; depths as they count in the distance.
    variance_nm2
        (n,) squared uncertainties; looked at only with ``spreads``.
    reach_nm
        Largest distance of a link.
    spreads
        Largest distance in units of the pair's own uncertainty; 0: no matter.
    gap_frames
        Frames that a molecule may be missing.
    max_localizations
        A molecule that has so many takes no more; 0: no matter.
    memory
        A molecule lies at the mean of about so many of its last localizations, for what moves;
        0: of all.

    Returns
    -------
    (n,) numbers of molecules, in the order of their first localizations.
    """
    n = len(frame)
    molecule = np.full(n, -1, dtype=np.int64)
    # per molecule: sums of x, y, variance and z, their weight, count, last frame
    sums, weight = np.empty((n, 4)), np.zeros(n)
    count, last = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    active = np.empty(n, dtype=np.int64)
    molecules, living, start = Whole(0), Whole(0), Whole(0)
    while start < n:
        now, stop = frame[start], start
        while stop < n and frame[stop] == now:
            stop += 1
        living = _still_living(active, living, last, count, now - gap_frames - 1, max_localizations)
        if living:
            distance, pair_m, pair_row = _pairs(
                active[:living], sums, weight, x_nm, y_nm, z_nm, variance_nm2, start, stop,
                reach_nm, spreads,
            )  # fmt: skip
            for p in np.argsort(distance, kind="mergesort"):
                if molecule[pair_row[p]] < 0 and last[pair_m[p]] != now:
                    molecule[pair_row[p]] = pair_m[p]
                    last[pair_m[p]] = now
        for row in range(start, stop):
            if molecule[row] < 0:
                molecule[row] = molecules
                sums[molecules] = 0.0
                active[living] = molecules
                molecules += 1
                living += 1
            m = molecule[row]
            last[m] = now
            count[m] += 1
            _take_up(sums[m], weight, m, memory)
            sums[m, 0] += x_nm[row]
            sums[m, 1] += y_nm[row]
            sums[m, 2] += variance_nm2[row]
            sums[m, 3] += z_nm[row]
        start = stop
    return molecule


@kernel
def _still_living(
    active: Integers, living: int, last: Integers, count: Integers, since: int, most: int
) -> int:
    """Move molecules that may continue to the front of ``active``; return their number."""
    kept = 0
    for k in range(living):
        m = active[k]
        if last[m] >= since and (most == 0 or count[m] < most):
            active[kept] = m
            kept += 1
    return kept


@kernel(inline="always")
def _take_up(sums: FloatArray, weight: FloatArray, m: int, memory: int) -> None:
    """Make room for one more localization in a molecule's sums."""
    if memory and weight[m] >= memory:
        sums *= (memory - 1) / memory
        weight[m] -= 1.0
    weight[m] += 1.0


@kernel
def _pairs(
    active: Integers,
    sums: FloatArray,
    weight: FloatArray,
    x_nm: FloatArray,
    y_nm: FloatArray,
    z_nm: FloatArray,
    variance_nm2: FloatArray,
    start: int,
    stop: int,
    reach_nm: float,
    spreads: float,
) -> Any:
    """Find molecules and rows of a frame within the distance; the rows lie in hashed cells."""
    head, following = _in_cells(x_nm, y_nm, start, stop, reach_nm)
    found = 0
    capacity = 4 * len(active) + 16
    distance, pair_m = np.empty(capacity), np.empty(capacity, dtype=np.int64)
    pair_row = np.empty(capacity, dtype=np.int64)
    around = np.empty(9, dtype=np.int64)
    for m in active:
        x, y, z = sums[m, 0] / weight[m], sums[m, 1] / weight[m], sums[m, 3] / weight[m]
        for k in range(_cells_around(x / reach_nm, y / reach_nm, head.size, around)):
            row = head[around[k]]
            while row >= 0:
                square = (x_nm[row] - x) ** 2 + (y_nm[row] - y) ** 2 + (z_nm[row] - z) ** 2
                variance = sums[m, 2] / (weight[m] * weight[m]) + variance_nm2[row]
                near = spreads == 0 or square <= spreads * spreads * variance
                if near and square <= reach_nm * reach_nm:
                    if found == len(distance):
                        distance = np.append(distance, np.empty(found))
                        pair_m = np.append(pair_m, np.empty(found, dtype=np.int64))
                        pair_row = np.append(pair_row, np.empty(found, dtype=np.int64))
                    distance[found], pair_m[found], pair_row[found] = square, m, row
                    found += 1
                row = following[row - start]
    return distance[:found], pair_m[:found], pair_row[:found]


@kernel
def _in_cells(
    x_nm: FloatArray, y_nm: FloatArray, start: int, stop: int, edge_nm: float
) -> tuple[Integers, Integers]:
    """Return the last row of each hashed cell, and the one before each row there; -1: none."""
    size = 1
    while size < 2 * (stop - start):
        size *= 2
    head = np.full(size, -1, dtype=np.int64)
    following = np.full(stop - start, -1, dtype=np.int64)
    for row in range(start, stop):
        cell = _cell(x_nm[row] / edge_nm, y_nm[row] / edge_nm, 0, 0, size)
        following[row - start] = head[cell]
        head[cell] = row
    return head, following


@kernel(inline="always")
def _cells_around(x: float, y: float, size: int, around: Integers) -> int:
    """Fill in the cell of a place and the eight around it, each hash once; return their number."""
    cells = 0
    for step in range(9):
        cell = _cell(x, y, step % 3 - 1, step // 3 - 1, size)
        twice = False
        for k in range(cells):
            twice = twice or around[k] == cell
        if not twice:  # two cells may share a hash
            around[cells] = cell
            cells += 1
    return cells


@kernel(inline="always")
def _cell(x: float, y: float, right: int, down: int, size: int) -> int:
    """Return the hash of a cell; sizes are powers of two."""
    column, row = int(np.floor(x)) + right, int(np.floor(y)) + down
    return ((column * 73856093) ^ (row * 19349663)) & (size - 1)
