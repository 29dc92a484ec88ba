"""From the ``native`` network's cells to localizations.

An emitter's probability is spread over a few neighbouring cells
(:mod:`deep_storm.extraction.active`). They are *gathered*: the most probable cell takes up the
probability of cells that point to the same place until it has gathered 1; then the next. Each such
candidate has a mean position, and what it gathered is the score that calibration turns into a
confidence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.cells import CELLS
from deep_storm.extraction.active import ActiveCells, Float32, Int32
from deep_storm.extraction.candidates import Candidates
from deep_storm.extraction.depths import Depths
from deep_storm.kernels import Index, Whole, kernel

GATHER_CELLS = 2
"""A cell gathers from others this many cells away."""
GATHER_SIGMAS = 2.0
"""... when the places they point to differ by at most this many of their spreads,"""
GATHER_PX = 0.8
"""or by at most this many pixels."""
MIN_REST = 0.3
"""A cell that others have taken more than the rest of starts no candidate."""
CANDIDATE_FIELDS = 9
SPAN = 2 * GATHER_CELLS + 1
BUCKETS, BUCKET_BIT = 1024, 16
"""Probabilities are sorted into buckets by their exponent and the first seven bits behind it."""
FIRST_BUCKET = 0x3B80
"""That of 1/256; what is smaller goes there, too."""


PART_BIT = 4
"""A row is cut into parts of 16 cells."""


class Room(NamedTuple):
    """Room that is used again for each frame, and within it for each candidate.

    Attributes
    ----------
    rest
        ``(n,)``: what is left of each cell's probability.
    order, buckets
        ``(n,)`` and ``(1024,)``, to sort cells.
    begins, cells
        Where the cells of each part of a row begin, see :func:`_sort_by_place`, and ``(n,)`` they.
    near, distance, ranked
        ``(26,)``: the cells around one, how far from it they point, and they by that.
    found
        ``(n, 9)``: candidates, see :func:`read_candidates`.
    """

    rest: Float32
    order: Int32
    buckets: Int32
    begins: Int32
    cells: Int32
    near: npt.NDArray[np.uintp]
    distance: Float32
    ranked: npt.NDArray[np.uintp]
    found: Float32


@kernel
def _bucket(bits: int) -> int:
    """Return where a probability belongs; the most probable ones come first."""
    return BUCKETS - 1 - min(max((bits >> BUCKET_BIT) - FIRST_BUCKET, 0), BUCKETS - 1)


@kernel
def _sort_by_probability(probability: Float32, order: Int32, buckets: Int32) -> None:
    """Order the cells from the most probable on; of equal ones the first comes first."""
    bits = probability.view(np.int32)  # of positive numbers, in their order
    buckets[:] = 0
    for k in range(Index(bits.size)):
        buckets[Index(_bucket(bits[k]))] += 1
    total = 0
    for k in range(Index(BUCKETS)):
        total += buckets[k]
        buckets[k] = total
    for k in range(bits.size - 1, -1, -1):
        bucket = Index(_bucket(bits[Index(k)]))
        buckets[bucket] -= 1
        order[Index(buckets[bucket])] = k
    for k in range(1, bits.size):  # within the buckets
        one, place = order[Index(k)], k
        while place > 0 and bits[Index(order[Index(place - 1)])] < bits[Index(one)]:
            order[Index(place)] = order[Index(place - 1)]
            place -= 1
        order[Index(place)] = one


@kernel
def _sort_by_place(begin: int, row: Int32, column: Int32, parts: int, room: Room) -> None:
    """Put cells, numbered from ``begin`` on, into parts of rows; within one they stay as they were.

    A map of a whole field would be hundreds of megabytes for a frame of 16 megapixels.
    """
    begins = room.begins
    begins[:] = 0
    for k in range(Index(row.size)):
        begins[Index(row[k] * parts + (column[k] >> PART_BIT) + 2)] += 1
    for k in range(1, begins.size):
        begins[Index(k)] += begins[Index(k - 1)]
    for k in range(row.size):
        part = Index(row[Index(k)] * parts + (column[Index(k)] >> PART_BIT) + 1)
        room.cells[Index(begins[part])] = begin + k
        begins[part] += 1  # in the end where the next one begins


@kernel(error_model="numpy")
def _gather(
    begin: int, order: Int32, row: Int32, column: Int32, values: Float32, parts: int,
    candidate: Int32, room: Room,
) -> None:  # fmt: skip
    """Let probable cells collect the probability of cells that point to the same position.

    ``candidate`` becomes the row of the candidate that a cell starts, or −1. Loops without
    branches are used where these would be chance.
    """
    found, height = Index(0), (room.begins.size - 2) // parts
    for n in range(order.size):
        seed = Index(begin + order[n])
        candidate[seed] = -1
        if room.rest[seed] < MIN_REST * values[seed, Index(0)]:
            continue
        count, left = Index(0), column[seed] - GATHER_CELLS
        first, last = max(left, 0) >> PART_BIT, min((left + SPAN - 1) >> PART_BIT, parts - 1)
        for i in range(max(row[seed] - GATHER_CELLS, 0), min(row[seed] + GATHER_CELLS + 1, height)):
            start, stop = (
                room.begins[Index(i * parts + first)],
                room.begins[Index(i * parts + last + 1)],
            )
            for k in range(Index(start), Index(stop)):
                cell = Index(room.cells[k])
                room.near[count] = cell
                beside = (column[cell] >= left) & (column[cell] < left + SPAN)
                count += Index(beside & (room.rest[cell] > 0.0))
        count = _near(values, seed, count, room)
        _take(values, count, room, found)
        candidate[seed] = found
        found += Index(1)


@kernel(error_model="numpy")
def _near(values: Float32, seed: int, count: int, room: Room) -> int:
    """Keep of the cells around one those that point to its place, the nearest first."""
    x, y, near, distance = values[seed, Index(1)], values[seed, Index(2)], room.near, room.distance
    square_x, square_y = values[seed, Index(5)] ** 2, values[seed, Index(6)] ** 2
    kept = Index(0)
    for k in range(count):
        cell = near[k]
        dx, dy = values[cell, Index(1)] - x, values[cell, Index(2)] - y
        far = dx * dx + dy * dy
        vx = values[cell, Index(5)] ** 2 + square_x
        vy = values[cell, Index(6)] ** 2 + square_y
        close = (dx * dx / vx + dy * dy / vy <= GATHER_SIGMAS**2) | (far <= GATHER_PX**2)
        near[kept] = cell
        distance[kept] = np.float32(-1.0) if cell == seed else far
        kept += Index(close)
    for k in range(kept):
        rank, far = Index(0), distance[k]
        for other in range(k):
            rank += Index(distance[other] <= far)
        for other in range(k + Index(1), kept):
            rank += Index(distance[other] < far)
        room.ranked[rank] = near[k]
    return kept


@kernel(error_model="numpy")
def _take(values: Float32, count: int, room: Room, found: int) -> None:
    """Collect probability up to 1 from cells, the nearest first; mean and spread of it."""
    mass = square_x = square_y = square_shape = 0.0
    x = y = photons = shape = background = np.float32(0.0)
    x0, y0 = values[room.ranked[Index(0)], Index(1)], values[room.ranked[Index(0)], Index(2)]
    for n in range(count):
        cell = room.ranked[n]
        taken = min(room.rest[cell], 1.0 - mass)
        if taken <= 0.0:
            break
        room.rest[cell] -= taken
        mass += taken
        dx, dy, own = (
            values[cell, Index(1)] - x0,
            values[cell, Index(2)] - y0,
            values[cell, Index(4)],
        )
        x = np.float32(x + taken * dx)
        y = np.float32(y + taken * dy)
        square_x += taken * (values[cell, Index(5)] ** 2 + dx * dx)
        square_y += taken * (values[cell, Index(6)] ** 2 + dy * dy)
        photons = np.float32(photons + taken * values[cell, Index(3)])
        shape = np.float32(shape + taken * own)
        square_shape += taken * (values[cell, Index(7)] ** 2 + own * own)
        background = np.float32(background + taken * values[cell, Index(8)])
    x, y, shape = np.float32(x / mass), np.float32(y / mass), np.float32(shape / mass)
    out = room.found
    out[found, Index(0)], out[found, Index(1)] = x + x0, y + y0
    out[found, Index(2)], out[found, Index(3)] = photons / mass, shape
    out[found, Index(4)] = np.sqrt(max(1e-8, float(square_x / mass - x * x)))
    out[found, Index(5)] = np.sqrt(max(1e-8, float(square_y / mass - y * y)))
    out[found, Index(6)] = np.sqrt(max(1e-8, float(square_shape / mass - shape * shape)))
    out[found, Index(7)], out[found, Index(8)] = background / mass, mass


@kernel
def _candidates(
    frame: Int32, row: Int32, column: Int32, values: Float32, height: int
) -> tuple[Int32, Float32]:
    """Gather the cells of each frame; return frame and values of the candidates."""
    cells, around = row.size, SPAN * SPAN + 1
    parts = Whole(1)
    for k in range(cells):
        parts = max(parts, (column[k] >> PART_BIT) + 1)
    probability = values[:, 0].copy()
    room = Room(
        probability.copy(), np.empty(cells, np.int32), np.empty(BUCKETS, np.int32),
        np.empty(height * parts + 2, np.int32), np.empty(cells, np.int32),
        np.empty(around, np.uintp), np.empty(around, np.float32), np.empty(around, np.uintp),
        np.empty((cells, CANDIDATE_FIELDS), np.float32),
    )  # fmt: skip
    out = np.empty((cells, CANDIDATE_FIELDS), np.float32)
    frames, candidate = np.empty(cells, np.int32), np.empty(cells, np.int32)
    count = begin = Whole(0)
    while begin < cells:
        end = begin
        while end < cells and frame[end] == frame[begin]:
            end += 1
        order = room.order[begin:end]
        _sort_by_probability(probability[begin:end], order, room.buckets)
        _sort_by_place(begin, row[begin:end], column[begin:end], parts, room)
        _gather(begin, order, row, column, values, parts, candidate, room)
        # In the order of their cells: the order of nearly equal probabilities would be chance.
        for k in range(begin, end):
            if candidate[k] >= 0:
                for field in range(CANDIDATE_FIELDS):
                    out[count, field] = room.found[candidate[k], field]
                frames[count] = frame[k]
                count += 1
        begin = end
    return frames[:count].copy(), out[:count].copy()


def read_candidates(
    cells: ActiveCells, first: int, height_px: int, depths: Depths | None = None
) -> Candidates:
    """Turn the active cells of some frames into candidate localizations.

    Parameters
    ----------
    cells
        Active cells of whole frames, each once; those of a frame in the order of pixels.
    first
        0-based number of the first frame.
    height_px
        Of the frame, in camera pixels.
    depths
        Of a network that states them.
    """
    frame, found = _candidates(*cells, height_px * CELLS)
    x, y, photons, sigma, spread_x, spread_y, spread, background, mass = found.T
    candidates = Candidates(
        frame.astype(np.int64) + first,
        x,
        y,
        np.sqrt((spread_x**2 + spread_y**2) / 2.0),
        mass,
        photons,
        sigma,
        background,
    )
    return candidates if depths is None else depths.read(candidates, spread)
