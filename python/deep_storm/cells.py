"""Layout of the ``native`` network's output in cells; see :mod:`deep_storm.networks.native`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CELLS = 2
"""Cells along one camera pixel."""
FIELDS = 9
"""Channels of one cell."""
BACKGROUND_CHANNEL = CELLS * CELLS * FIELDS
OUTPUTS = BACKGROUND_CHANNEL + 1
REACH_CELLS = 1.5
"""How far from its cell's centre a localization may lie (cells)."""
MIN_SPREAD = 0.02
"""Smallest spread that the network can state (cells, or its scale)."""
MIN_PROBABILITY = 0.01
"""Cells below this are not looked at; the others are active."""
MIN_LOGIT = float(np.log(MIN_PROBABILITY / (1.0 - MIN_PROBABILITY)))

PICKED_FIELDS = FIELDS + 1
"""Of a picked cell: its channels, and the background of its pixel."""
COLUMN_BIT, ROW_BIT, FRAME_BIT = 4, 24, 44
"""First bits of column, row and frame in a cell's place; before them stands the cell."""
CELL_MASK, PIXEL_MASK = 0xF, 0xFFFFF


@dataclass(frozen=True)
class PickedCells:
    """Active cells of some frames as a device picked them out of the network's answer.

    Attributes
    ----------
    frames
        Number of frames.
    place
        ``(n,)`` int64, rising: frame, row and column of the pixel, and the cell within it, packed
        into bits.
    fields
        ``(n, 10)`` float32: the channels of the cell, and the background of its pixel, raw.
    """

    frames: int
    place: npt.NDArray[np.int64]
    fields: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return self.frames

    def first(self, frames: int) -> PickedCells:
        """Return the cells of the first frames."""
        count = int(np.searchsorted(self.place, frames << FRAME_BIT))
        return PickedCells(frames, self.place[:count], self.fields[:count])

    def where(self, kept: npt.NDArray[np.bool_]) -> PickedCells:
        """Return the cells that are marked."""
        return PickedCells(self.frames, self.place[kept], self.fields[kept])


Answers = npt.NDArray[np.float32] | PickedCells
"""A network's answers to some frames: all of its output, or the active cells of it."""


def first_answers(answers: Answers, frames: int) -> Answers:
    """Return the answers to the first frames."""
    return answers.first(frames) if isinstance(answers, PickedCells) else answers[:frames]


def joined_answers(pieces: Sequence[Answers]) -> Answers:
    """Join answers to frames that follow one another."""
    if len(pieces) == 1:
        return pieces[0]
    picked = [piece for piece in pieces if isinstance(piece, PickedCells)]
    if not picked:
        return np.concatenate([piece for piece in pieces if isinstance(piece, np.ndarray)])
    before = np.cumsum([0, *(len(piece) for piece in picked)])
    places = [p.place + (int(t) << FRAME_BIT) for p, t in zip(picked, before[:-1], strict=True)]
    fields = np.concatenate([piece.fields for piece in picked])
    return PickedCells(int(before[-1]), np.concatenate(places), fields)
