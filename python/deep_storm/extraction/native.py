"""From the ``native`` network's cells to localizations.

An emitter's probability is spread over a few neighbouring cells
(:mod:`deep_storm.extraction.active`). They are *gathered*: the most probable cell takes up the
probability of cells that point to the same place until it has gathered 1; then the next. Each such
candidate has a mean position, and what it gathered is the score that calibration turns into a
confidence.
"""

from __future__ import annotations

import numpy as np

from deep_storm.cells import CELLS
from deep_storm.extraction.active import ActiveCells, Float32, Int32, Int64
from deep_storm.extraction.candidates import Candidates
from deep_storm.extraction.depths import Depths
from deep_storm.kernels import kernel

GATHER_CELLS = 2
"""A cell gathers from others this many cells away."""
GATHER_SIGMAS = 2.0
"""... when the places they point to differ by at most this many of their spreads,"""
GATHER_PX = 0.8
"""or by at most this many pixels."""
MIN_REST = 0.3
"""A cell that others have taken more than the rest of starts no candidate."""
CANDIDATE_FIELDS = 9
LARGEST_BITS, LOWER_HALF = 0x7FFFFFFF, 0xFFFFFFFF


@kernel
def _by_probability(probability: Float32) -> Int64:
    """Return the cells from the most probable on; of equal ones the first comes first."""
    bits = probability.copy().view(np.int32)  # of positive numbers, in their order
    keys = np.empty(probability.size, np.int64)
    for k in range(keys.size):
        keys[k] = np.int64(LARGEST_BITS - bits[k]) << 32 | k
    keys.sort()
    for k in range(keys.size):
        keys[k] &= LOWER_HALF
    return keys


@kernel
def _by_row(row: Int32, height: int) -> tuple[Int32, Int32]:
    """Return where the cells of each row begin, and the cells by row; within one as they were.

    A map of a whole field would be hundreds of megabytes for a frame of 16 megapixels.
    """
    begins = np.zeros(height + 1, np.int32)
    for r in row:
        begins[r + 1] += 1
    for r in range(height):
        begins[r + 1] += begins[r]
    cells = np.empty(row.size, np.int32)
    filled = begins[:-1].copy()
    for k in range(row.size):
        cells[filled[row[k]]] = k
        filled[row[k]] += 1
    return begins, cells


@kernel
def _first_from(column: Int32, cells: Int32, begin: int, end: int, least: int) -> int:
    """Return the first of a row's cells in a column from ``least`` on."""
    while begin < end:
        middle = (begin + end) // 2
        if column[cells[middle]] < least:
            begin = middle + 1
        else:
            end = middle
    return begin


@kernel
def _gather(row: Int32, column: Int32, values: Float32, height: int, candidate: Int32) -> Float32:
    """Let probable cells collect the probability of cells that point to the same position.

    ``candidate`` becomes the row of the candidate that a cell starts, or −1.
    """
    begins, cells = _by_row(row, height)
    rest = values[:, 0].copy()
    out = np.zeros((row.size, CANDIDATE_FIELDS), np.float32)
    span = 2 * GATHER_CELLS + 1
    near = np.empty(span * span, np.int32)
    distance = np.empty(span * span, np.float32)
    found = 0
    for seed in _by_probability(values[:, 0]):
        candidate[seed] = -1
        if rest[seed] < MIN_REST * values[seed, 0]:
            continue
        count = 0
        for i in range(max(0, row[seed] - GATHER_CELLS), min(height, row[seed] + GATHER_CELLS + 1)):
            least = column[seed] - GATHER_CELLS
            for k in range(
                _first_from(column, cells, begins[i], begins[i + 1], least), begins[i + 1]
            ):
                other = cells[k]
                if column[other] > column[seed] + GATHER_CELLS:
                    break
                if rest[other] <= 0.0:
                    continue
                dx = values[other, 1] - values[seed, 1]
                dy = values[other, 2] - values[seed, 2]
                vx = values[other, 5] ** 2 + values[seed, 5] ** 2
                vy = values[other, 6] ** 2 + values[seed, 6] ** 2
                d = dx * dx / vx + dy * dy / vy
                if other != seed and (d > GATHER_SIGMAS**2) and dx * dx + dy * dy > GATHER_PX**2:
                    continue
                far = np.float32(-1.0 if other == seed else dx * dx + dy * dy)
                place = count
                while place > 0 and distance[place - 1] > far:
                    near[place], distance[place] = near[place - 1], distance[place - 1]
                    place -= 1
                near[place], distance[place] = other, far
                count += 1
        _take(values, rest, near[:count], out[found])
        candidate[seed] = found
        found += 1
    return out[:found]


@kernel
def _take(
    values: Float32,
    rest: Float32,
    near: Int32,
    out: Float32,
) -> None:
    """Collect probability up to 1 from cells, the nearest first; mean and spread of it."""
    mass = 0.0
    square_x = 0.0
    square_y = 0.0
    square_shape = 0.0
    x0 = values[near[0], 1]
    y0 = values[near[0], 2]
    for cell in near:
        taken = min(rest[cell], 1.0 - mass)
        if taken <= 0.0:
            break
        rest[cell] -= taken
        mass += taken
        v = values[cell]
        dx, dy = v[1] - x0, v[2] - y0
        out[0] += taken * dx
        out[1] += taken * dy
        square_x += taken * (v[5] * v[5] + dx * dx)
        square_y += taken * (v[6] * v[6] + dy * dy)
        out[2] += taken * v[3]
        out[3] += taken * v[4]
        square_shape += taken * (v[7] * v[7] + v[4] * v[4])
        out[7] += taken * v[8]
    for field in range(8):
        out[field] /= mass
    out[4] = np.sqrt(max(1e-8, square_x / mass - out[0] * out[0]))
    out[5] = np.sqrt(max(1e-8, square_y / mass - out[1] * out[1]))
    out[6] = np.sqrt(max(1e-8, square_shape / mass - out[3] * out[3]))
    out[0] += x0
    out[1] += y0
    out[8] = mass


@kernel
def _candidates(
    frame: Int32, row: Int32, column: Int32, values: Float32, height: int
) -> tuple[Int32, Float32]:
    """Gather the cells of each frame; return frame and values of the candidates."""
    out = np.empty((row.size, CANDIDATE_FIELDS), np.float32)
    frames = np.empty(row.size, np.int32)
    candidate = np.empty(row.size, np.int32)
    count = begin = 0
    while begin < row.size:
        end = begin
        while end < row.size and frame[end] == frame[begin]:
            end += 1
        here = slice(begin, end)
        found = _gather(row[here], column[here], values[here], height, candidate[here])
        # In the order of their cells: the order of nearly equal probabilities would be chance.
        for k in range(begin, end):
            if candidate[k] >= 0:
                for field in range(CANDIDATE_FIELDS):
                    out[count, field] = found[candidate[k], field]
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
