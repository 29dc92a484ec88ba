"""From the ``native`` network's cells to localizations.

An emitter's probability is spread over a few neighbouring cells. Two questions are answered apart:
*which* localizations there could be, and *how many* of them there are.

1. **Active cells**: those with a probability above :data:`MIN_PROBABILITY`; the others are
   dropped at once, so a large frame can be read tile by tile.
2. **Gathering**: the most probable cell takes up the probability of cells that point to the same
   place until it has gathered 1; then the next. Each such candidate has a mean position.
3. **Counting**: cells that touch form an island. The probabilities of an island sum up to the
   number of emitters on it; a candidate's *margin* says whether that number has room for it.

Mass and margin together make the score that calibration turns into a confidence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.cells import (
    BACKGROUND_CHANNEL,
    CELLS,
    FIELDS,
    MIN_SPREAD,
    REACH_CELLS,
)
from deep_storm.errors import AnswerError
from deep_storm.extraction.candidates import MAX_ANSWER, Candidates
from deep_storm.extraction.depths import Depths
from deep_storm.kernels import kernel

MIN_PROBABILITY = 0.01
"""Cells below this are not looked at."""
MIN_LOGIT = float(np.log(MIN_PROBABILITY / (1.0 - MIN_PROBABILITY)))
GATHER_CELLS = 2
"""A cell gathers from others this many cells away."""
GATHER_SIGMAS = 2.0
"""... when the places they point to differ by at most this many of their spreads,"""
GATHER_PX = 0.8
"""or by at most this many pixels."""
MIN_REST = 0.3
"""A cell that others have taken more than the rest of starts no candidate."""
CANDIDATE_FIELDS = 13
ACTIVE_FIELDS = 10

Float32 = npt.NDArray[np.float32]


class ActiveCells(NamedTuple):
    """Cells that may hold an emitter.

    Attributes
    ----------
    row, column
        Cell position in the frame (cells), int32.
    values
        ``(n, 10)`` float32: probability, x, y (px), photons, shape (network scale: sigma, or the
        code of depth), the four spreads (px, px, scale, scale), background (scale).
    """

    row: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    values: Float32


@kernel(inline="always")
def _softplus(value: float) -> float:
    return value if value > 20.0 else np.log1p(np.exp(value))


@kernel(inline="always")
def _is_active(logit: float) -> bool:
    """Whether a cell is read. Counting and filling use this one condition; NaN is active."""
    return not logit <= MIN_LOGIT


@kernel
def _active(
    raw: Float32, top: int, bottom: int, left: int, right: int, row0: int, column0: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Float32]:
    """Collect the active cells of ``raw[top:bottom, left:right]`` (one frame or tile)."""
    count = 0
    for i in range(top, bottom):
        for j in range(left, right):
            for cell in range(CELLS * CELLS):
                if _is_active(raw[i, j, cell * FIELDS]):
                    count += 1
    rows = np.empty(count, np.int32)
    columns = np.empty(count, np.int32)
    values = np.empty((count, ACTIVE_FIELDS), np.float32)
    k = 0
    for i in range(top, bottom):
        for j in range(left, right):
            for cell in range(CELLS * CELLS):
                at = cell * FIELDS
                if not _is_active(raw[i, j, at]):
                    continue
                row = (i + row0) * CELLS + cell // CELLS
                column = (j + column0) * CELLS + cell % CELLS
                rows[k] = row
                columns[k] = column
                out = values[k]
                out[0] = 1.0 / (1.0 + np.exp(-raw[i, j, at]))
                out[1] = (column + 0.5 + REACH_CELLS * np.tanh(raw[i, j, at + 1])) / CELLS
                out[2] = (row + 0.5 + REACH_CELLS * np.tanh(raw[i, j, at + 2])) / CELLS
                out[3] = _softplus(raw[i, j, at + 3])
                out[4] = np.exp(min(max(raw[i, j, at + 4], -2.0), 2.0))
                for spread in range(4):
                    out[5 + spread] = _softplus(raw[i, j, at + 5 + spread]) + MIN_SPREAD
                out[5] /= CELLS
                out[6] /= CELLS
                out[9] = _softplus(raw[i, j, BACKGROUND_CHANNEL])
                k += 1
    return rows, columns, values


def active_cells(
    raw: Float32, core: tuple[slice, slice], row_px: int = 0, column_px: int = 0
) -> ActiveCells:
    """Return the cells of one tile that may hold an emitter.

    Parameters
    ----------
    raw
        Network output of the tile, ``(height, width, 37)``.
    core
        Rows and columns of the tile that count (the rest is its halo).
    row_px, column_px
        Position of the tile's corner in the frame.

    Raises
    ------
    AnswerError
        A cell's answer is no usable number.
    """
    rows, columns = core
    cells = ActiveCells(
        *_active(raw, rows.start, rows.stop, columns.start, columns.stop, row_px, column_px)
    )
    if not np.abs(cells.values).max(initial=0.0) <= MAX_ANSWER:  # NaN too
        raise AnswerError
    return cells


@kernel
def _islands(
    row: npt.NDArray[np.int32], column: npt.NDArray[np.int32], index: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Label cells that touch (8 neighbours) with the same number."""
    label = np.full(row.size, -1, np.int32)
    todo = np.empty(row.size, np.int32)
    height, width = index.shape
    islands = 0
    for start in range(row.size):
        if label[start] >= 0:
            continue
        label[start] = islands
        todo[0] = start
        left = 1
        while left:
            left -= 1
            cell = todo[left]
            for i in range(max(0, row[cell] - 1), min(height, row[cell] + 2)):
                for j in range(max(0, column[cell] - 1), min(width, column[cell] + 2)):
                    other = index[i, j]
                    if other >= 0 and label[other] < 0:
                        label[other] = islands
                        todo[left] = other
                        left += 1
        islands += 1
    return label


@kernel
def _gather(
    row: npt.NDArray[np.int32],
    column: npt.NDArray[np.int32],
    values: Float32,
    index: npt.NDArray[np.int32],
    label: npt.NDArray[np.int32],
) -> tuple[Float32, npt.NDArray[np.int32]]:
    """Let probable cells collect the probability of cells that point to the same position."""
    height, width = index.shape
    rest = values[:, 0].copy()
    order = np.argsort(-values[:, 0], kind="mergesort")
    out = np.zeros((row.size, CANDIDATE_FIELDS), np.float32)
    island = np.empty(row.size, np.int32)
    span = 2 * GATHER_CELLS + 1
    near = np.empty(span * span, np.int32)
    distance = np.empty(span * span, np.float32)
    found = 0
    for seed in order:
        if rest[seed] < MIN_REST * values[seed, 0]:
            continue
        count = 0
        for i in range(max(0, row[seed] - GATHER_CELLS), min(height, row[seed] + GATHER_CELLS + 1)):
            for j in range(
                max(0, column[seed] - GATHER_CELLS), min(width, column[seed] + GATHER_CELLS + 1)
            ):
                other = index[i, j]
                if other < 0 or rest[other] <= 0.0:
                    continue
                dx = values[other, 1] - values[seed, 1]
                dy = values[other, 2] - values[seed, 2]
                vx = values[other, 5] ** 2 + values[seed, 5] ** 2
                vy = values[other, 6] ** 2 + values[seed, 6] ** 2
                d = dx * dx / vx + dy * dy / vy
                if other != seed and (d > GATHER_SIGMAS**2) and dx * dx + dy * dy > GATHER_PX**2:
                    continue
                near[count] = other
                distance[count] = -1.0 if other == seed else dx * dx + dy * dy
                count += 1
        _take(values, rest, near[:count], distance[:count], out[found])
        island[found] = label[seed]
        out[found, 12] = seed
        found += 1
    return out[:found], island[:found]


@kernel
def _take(
    values: Float32,
    rest: Float32,
    near: npt.NDArray[np.int32],
    distance: Float32,
    out: Float32,
) -> None:
    """Collect probability up to 1, from the nearest cells first; mean and spread of it."""
    mass = 0.0
    square_x = 0.0
    square_y = 0.0
    square_shape = 0.0
    x0 = values[near[np.argmin(distance)], 1]
    y0 = values[near[np.argmin(distance)], 2]
    for k in np.argsort(distance):
        cell = near[k]
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
        out[6] += taken * v[7]
        square_shape += taken * (v[8] * v[8] + v[4] * v[4])
        out[8] += taken * v[9]
    for field in range(9):
        out[field] /= mass
    out[4] = np.sqrt(max(1e-8, square_x / mass - out[0] * out[0]))
    out[5] = np.sqrt(max(1e-8, square_y / mass - out[1] * out[1]))
    out[7] = np.sqrt(max(1e-8, square_shape / mass - out[3] * out[3]))
    out[0] += x0
    out[1] += y0
    out[9] = mass


@kernel
def _candidates(
    row: npt.NDArray[np.int32],
    column: npt.NDArray[np.int32],
    values: Float32,
    height: int,
    width: int,
) -> Float32:
    """Gather, then give every candidate its margin within its island's count."""
    index = np.full((height, width), -1, np.int32)
    for k in range(row.size):
        index[row[k], column[k]] = k
    label = _islands(row, column, index)
    total = np.zeros(label.max() + 1 if label.size else 0, np.float32)
    for k in range(row.size):
        total[label[k]] += values[k, 0]
    out, island = _gather(row, column, values, index, label)
    rank = np.zeros(total.size, np.int32)
    for k in np.argsort(-out[:, 9], kind="mergesort"):
        out[k, 10] = total[island[k]] - rank[island[k]]
        out[k, 11] = total[island[k]]
        rank[island[k]] += 1
    return out


def read_candidates(
    cells: ActiveCells, frame: int, height_px: int, width_px: int, depths: Depths | None = None
) -> Candidates:
    """Turn the active cells of one frame into candidate localizations.

    Parameters
    ----------
    cells
        Active cells of the whole frame, each once.
    frame
        0-based number of the frame.
    height_px, width_px
        Size of the frame in camera pixels.
    depths
        Of a network that states them.
    """
    found = _candidates(*cells, height_px * CELLS, width_px * CELLS)
    # In the order of their cells: the order of nearly equal probabilities would be chance.
    found = found[np.argsort(found[:, 12], kind="stable")]
    x, y, photons, sigma, spread_x, spread_y, _, spread, background, mass, _, _, _ = found.T
    candidates = Candidates(
        np.full(len(found), frame, np.int64),
        x,
        y,
        np.sqrt((spread_x**2 + spread_y**2) / 2.0),
        mass,
        photons,
        sigma,
        background,
    )
    return candidates if depths is None else depths.read(candidates, spread)


def joined(parts: list[ActiveCells]) -> ActiveCells:
    """Join the active cells of a frame's tiles, sorted: the result does not depend on tiles."""
    if len(parts) == 1:
        return parts[0]
    row = np.concatenate([p.row for p in parts])
    column = np.concatenate([p.column for p in parts])
    values = np.concatenate([p.values for p in parts])
    order = np.lexsort((column % CELLS, row % CELLS, column // CELLS, row // CELLS))
    return ActiveCells(row[order], column[order], values[order])
