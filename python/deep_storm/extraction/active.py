"""Active cells of the ``native`` network: those that may hold an emitter.

A cell is active when its probability is above :data:`~deep_storm.cells.MIN_PROBABILITY`. The others
are dropped at once, so a large frame can be read tile by tile, and what is kept of many frames is
small.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.cells import (
    BACKGROUND_CHANNEL,
    CELL_MASK,
    CELLS,
    COLUMN_BIT,
    FIELDS,
    FRAME_BIT,
    MIN_LOGIT,
    MIN_SPREAD,
    PICKED_FIELDS,
    PIXEL_MASK,
    REACH_CELLS,
    ROW_BIT,
    Answers,
    PickedCells,
)
from deep_storm.elementary import exponential, logarithm
from deep_storm.errors import AnswerError
from deep_storm.extraction.candidates import MAX_ANSWER
from deep_storm.kernels import kernel

ACTIVE_FIELDS = 9

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


class ActiveCells(NamedTuple):
    """Cells that may hold an emitter, of one or several frames.

    Attributes
    ----------
    frame
        Number of their frame among those that were read together, int32; rising.
    row, column
        Cell position in the frame (cells), int32.
    values
        ``(n, 9)`` float32: probability, x, y (px), photons, shape (network scale: sigma, or the
        code of depth), the spreads of x, y (px) and shape (scale), background (scale).
    """

    frame: Int32
    row: Int32
    column: Int32
    values: Float32

    def at(self, rows: Any) -> ActiveCells:
        """Return cells by number or mask."""
        return ActiveCells(self.frame[rows], self.row[rows], self.column[rows], self.values[rows])

    def later(self, frames: int) -> ActiveCells:
        """Return the same cells, so many frames later."""
        return self._replace(frame=self.frame + np.int32(frames))


AT_A_TIME = 64
"""Cells; a multiple of every vector's length, so that all are worked out by the same code."""
MIN_SHAPE, MAX_SHAPE = math.exp(-2.0), math.exp(2.0)


@kernel
def _picked(raw: Float32, top: int, bottom: int, left: int, right: int) -> tuple[Int64, Float32]:
    """Return place and fields of the active cells of a part of all frames, see `PickedCells`."""
    frames = raw.shape[0]
    cells = CELLS * CELLS
    places = np.empty(frames * (bottom - top) * (right - left) * cells + 1, np.int64)
    count = 0
    for t in range(frames):
        for i in range(top, bottom):
            for j in range(left, right):
                pixel = t << FRAME_BIT | i << ROW_BIT | j << COLUMN_BIT
                for cell in range(cells):
                    # Written in any case, and counted if it is one; NaN is active.
                    places[count] = pixel | cell
                    count += not raw[t, i, j, cell * FIELDS] <= MIN_LOGIT
    fields = np.empty((count, PICKED_FIELDS), np.float32)
    for k in range(count):
        i, j = places[k] >> ROW_BIT & PIXEL_MASK, places[k] >> COLUMN_BIT & PIXEL_MASK
        t, at = places[k] >> FRAME_BIT, (places[k] & CELL_MASK) * FIELDS
        for field in range(FIELDS):
            fields[k, field] = raw[t, i, j, at + field]
        fields[k, FIELDS] = raw[t, i, j, BACKGROUND_CHANNEL]
    return places[:count].copy(), fields


@kernel(fastmath=True, error_model="numpy")
def _exponentiate(values: Float64) -> None:
    """Replace numbers by their exponentials, several at a time."""
    for n in range(values.size):
        values[n] = exponential(values[n])


@kernel(fastmath=True, error_model="numpy")
def _soften(values: Float64) -> None:
    """Replace numbers by ``log(1 + exp)`` of them, several at a time."""
    for n in range(values.size):
        values[n] = max(logarithm(1.0 + exponential(values[n])), values[n])


@kernel
def _stated(
    places: Int64, fields: Float32, row0: int, column0: int
) -> tuple[Int32, Int32, Int32, Float32]:
    """Return frame, row, column and values of cells; see :class:`ActiveCells`."""
    count = places.size
    frames = np.empty(count, np.int32)
    rows = np.empty(count, np.int32)
    columns = np.empty(count, np.int32)
    values = np.empty((count, ACTIVE_FIELDS), np.float32)
    powers, soft = np.zeros(4 * AT_A_TIME), np.zeros(5 * AT_A_TIME)
    for begin in range(0, count, AT_A_TIME):
        some = min(AT_A_TIME, count - begin)
        for k in range(some):
            raw = fields[begin + k]
            powers[4 * k], powers[4 * k + 1] = -raw[0], 2.0 * raw[1]
            powers[4 * k + 2], powers[4 * k + 3] = 2.0 * raw[2], raw[4]
            soft[5 * k], soft[5 * k + 1], soft[5 * k + 2] = raw[3], raw[5], raw[6]
            soft[5 * k + 3], soft[5 * k + 4] = raw[8], raw[FIELDS]
        _exponentiate(powers)
        _soften(soft)
        for k in range(some):
            n = begin + k
            cell = places[n] & CELL_MASK
            row = ((places[n] >> ROW_BIT & PIXEL_MASK) + row0) * CELLS + cell // CELLS
            column = ((places[n] >> COLUMN_BIT & PIXEL_MASK) + column0) * CELLS + cell % CELLS
            frames[n] = places[n] >> FRAME_BIT
            rows[n] = row
            columns[n] = column
            out, p, s = values[n], powers[4 * k : 4 * k + 4], soft[5 * k : 5 * k + 5]
            out[0] = 1.0 / (1.0 + p[0])
            out[1] = (column + 0.5 + REACH_CELLS * (1.0 - 2.0 / (1.0 + p[1]))) / CELLS
            out[2] = (row + 0.5 + REACH_CELLS * (1.0 - 2.0 / (1.0 + p[2]))) / CELLS
            out[3] = s[0]
            out[4] = min(max(p[3], MIN_SHAPE), MAX_SHAPE)
            out[5] = (s[1] + MIN_SPREAD) / CELLS
            out[6] = (s[2] + MIN_SPREAD) / CELLS
            out[7] = s[3] + MIN_SPREAD
            out[8] = s[4]
    return frames, rows, columns, values


def _within(answers: PickedCells, core: tuple[slice, slice]) -> PickedCells:
    """Return the cells that a device picked within a part of the frames."""
    kept = np.ones(answers.place.size, np.bool_)
    for bit, edges in zip((ROW_BIT, COLUMN_BIT), core, strict=True):
        at = answers.place >> bit & PIXEL_MASK
        kept &= (at >= edges.start) & (at < edges.stop)
    return answers.where(kept)


def active_cells(
    answers: Answers, core: tuple[slice, slice], row_px: int = 0, column_px: int = 0
) -> ActiveCells:
    """Return the cells of one tile of some frames that may hold an emitter.

    Parameters
    ----------
    answers
        Network output of the tile, ``(frames, height, width, 37)``, or what was picked of it.
    core
        Rows and columns of the tile that count (the rest is its halo).
    row_px, column_px
        Position of the tile's corner in the frame.

    Raises
    ------
    AnswerError
        A cell's answer is no usable number.
    """
    if isinstance(answers, PickedCells):
        answers = _within(answers, core)
        places, fields = answers.place, answers.fields
    else:
        raw = answers.view()
        raw.flags.writeable = False  # as TensorFlow's are: a kernel is compiled for one of the two
        rows, columns = core
        places, fields = _picked(raw, rows.start, rows.stop, columns.start, columns.stop)
    if not np.abs(fields).max(initial=0.0) <= MAX_ANSWER:  # NaN too
        raise AnswerError
    return ActiveCells(*_stated(places, fields, row_px, column_px))


def joined(parts: list[ActiveCells]) -> ActiveCells:
    """Join the cells of several tiles and batches, by frame; within one in the order given."""
    if len(parts) == 1:
        return parts[0]
    columns: list[Any] = [np.concatenate(v) for v in zip(*parts, strict=True)]
    cells = ActiveCells(*columns)
    if (np.diff(cells.frame) >= 0).all():
        return cells
    return cells.at(np.argsort(cells.frame, kind="stable"))


def in_raster_order(cells: ActiveCells, height_px: int, width_px: int) -> ActiveCells:
    """Sort the cells of each frame by pixel, so that tiles do not change what is read from them."""
    i, j = cells.row // CELLS, cells.column // CELLS
    pixel = (cells.frame.astype(np.int64) * height_px + i) * width_px + j
    key = pixel * CELLS**2 + cells.row % CELLS * CELLS + cells.column % CELLS
    if (np.diff(key) > 0).all():
        return cells
    return cells.at(np.argsort(key))
