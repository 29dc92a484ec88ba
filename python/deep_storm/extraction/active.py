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
from deep_storm.kernels import Index, kernel

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


CELLS_PER_PX = 0.25
"""For so many there is room at first, and for more if they are more."""
AT_A_TIME = 64
"""Cells; a multiple of every vector's length, so that all are worked out by the same code."""
MIN_SHAPE, MAX_SHAPE = math.exp(-2.0), math.exp(2.0)


@kernel
def _picked(raw: Float32, top: int, bottom: int, left: int, right: int) -> tuple[Int64, Float32]:
    """Return place and fields of the active cells of a part of all frames, see `PickedCells`."""
    pixels = raw.shape[0] * (bottom - top) * (right - left)
    cells, count, room = CELLS * CELLS, Index(0), Index(CELLS_PER_PX * pixels + CELLS * CELLS)
    places = np.empty(room, np.int64)
    fields = np.empty((room, PICKED_FIELDS), np.float32)
    for t in range(Index(raw.shape[0])):
        for i in range(Index(top), Index(bottom)):
            for j in range(Index(left), Index(right)):
                quiet = True
                for cell in range(Index(cells)):
                    quiet &= raw[t, i, j, cell * Index(FIELDS)] <= MIN_LOGIT
                if quiet:
                    continue
                if count + Index(cells) > room:
                    room *= Index(2)
                    places, fields = _with_room(places, room), _with_room(fields, room)
                pixel = (
                    np.int64(t) << FRAME_BIT | np.int64(i) << ROW_BIT | np.int64(j) << COLUMN_BIT
                )
                for cell in range(Index(cells)):
                    at = cell * Index(FIELDS)
                    if not raw[t, i, j, at] <= MIN_LOGIT:  # NaN is active
                        places[count] = pixel | np.int64(cell)
                        for field in range(Index(FIELDS)):
                            fields[count, field] = raw[t, i, j, at + field]
                        fields[count, Index(FIELDS)] = raw[t, i, j, Index(BACKGROUND_CHANNEL)]
                        count += Index(1)
    return places[:count], fields[:count]


@kernel
def _with_room(values: Any, room: int) -> Any:
    """Return rows with room for more of them.

    Not by ``larger[:n] = values``: of that numba compiles for seconds how it would say that the
    shapes differ.
    """
    return np.concatenate((values, np.empty((room - len(values), *values.shape[1:]), values.dtype)))


@kernel(fastmath=True, error_model="numpy")
def _exponentiate(values: Float64) -> None:
    """Replace numbers by their exponentials, several at a time."""
    for n in range(values.size):
        values[n] = exponential(values[n])


@kernel(fastmath=True, error_model="numpy")
def _soften(values: Float64, powers: Float64) -> None:
    """Replace numbers by ``log(1 + exp)`` of them; ``powers`` is room for as many.

    In two loops: the processor works at several numbers at a time in each of them, and not in one.
    """
    for n in range(values.size):
        powers[n] = 1.0 + exponential(values[n])
    for n in range(values.size):
        values[n] = max(logarithm(powers[n]), values[n])


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
    room = np.empty(5 * AT_A_TIME)
    for begin in range(0, count, AT_A_TIME):
        some = min(AT_A_TIME, count - begin)
        for k in range(some):
            raw = fields[begin + k]
            powers[4 * k], powers[4 * k + 1] = -raw[0], 2.0 * raw[1]
            powers[4 * k + 2], powers[4 * k + 3] = 2.0 * raw[2], raw[4]
            soft[5 * k], soft[5 * k + 1], soft[5 * k + 2] = raw[3], raw[5], raw[6]
            soft[5 * k + 3], soft[5 * k + 4] = raw[8], raw[FIELDS]
        _exponentiate(powers)
        _soften(soft, room)
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


@kernel
def _are_in_raster_order(frame: Int32, row: Int32, column: Int32) -> bool:
    """Whether cells come frame by frame, and in these pixel by pixel."""
    last_frame = last_i = last_j = last_cell = -1
    for n in range(frame.size):
        i, j = row[n] // CELLS, column[n] // CELLS
        cell = row[n] % CELLS * CELLS + column[n] % CELLS
        here, last = (frame[n], i, j, cell), (last_frame, last_i, last_j, last_cell)
        if here <= last:
            return False
        last_frame, last_i, last_j, last_cell = here
    return True


def in_raster_order(cells: ActiveCells, height_px: int, width_px: int) -> ActiveCells:
    """Sort the cells of each frame by pixel, so that tiles do not change what is read from them."""
    if _are_in_raster_order(cells.frame, cells.row, cells.column):
        return cells
    i, j = cells.row // CELLS, cells.column // CELLS
    pixel = (cells.frame.astype(np.int64) * height_px + i) * width_px + j
    key = pixel * CELLS**2 + cells.row % CELLS * CELLS + cells.column % CELLS
    return cells.at(np.argsort(key))
