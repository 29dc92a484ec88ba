"""Statistics of a localization table of any length, collected in pieces.

Counts are exact. Everything else comes from a sample of at most two million rows (every *k*-th
one), and from some whole frames, so that memory does not grow with the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Values = npt.NDArray[np.float64]

MAX_ROWS = 2_000_000
MAX_BEGINNING = 300_000
CROWDED_FRAMES = 40
CROWD_RADIUS_NM = 500.0
ONE_NEIGHBOUR_PER_UM2 = 1 / (math.pi * (CROWD_RADIUS_NM / 1000) ** 2)
OF_REPEATS = ("frame", "x_nm", "y_nm", "uncertainty_xy_nm", "confidence")
KEPT = (
    "x_nm",
    "y_nm",
    "z_nm",
    "sigma_nm",
    "intensity_photon",
    "background_photon",
    "uncertainty_xy_nm",
    "uncertainty_z_nm",
    "confidence",
)


@dataclass(frozen=True, eq=False)
class Survey:
    """Statistics of a table.

    Attributes
    ----------
    rows
        Localizations.
    first_frame
        0-based frame that ``per_frame`` begins with.
    per_frame
        (frames,), localizations in each.
    sample
        Every ``stride``-th row: ``frame``, and the known columns that the table has, float32.
    stride
        1 when the sample is the whole table.
    crowding_per_um2
        (n,), for each localization of some frames the density of the others within 500 nm.
    beginning
        The first rows, whole frames, with place, uncertainty and confidence.
    """

    rows: int
    first_frame: int
    per_frame: npt.NDArray[np.int64]
    sample: pd.DataFrame
    stride: int
    crowding_per_um2: Values
    beginning: pd.DataFrame

    def values(self, column: str) -> Values:
        """Return the sample's finite values of a column; none if the table does not have it."""
        if column not in self.sample:
            return np.empty(0)
        numbers = self.sample[column].to_numpy(np.float64)
        return numbers[np.isfinite(numbers)]

    def median(self, column: str) -> float | None:
        """Return the median of a column, or None."""
        numbers = self.values(column)
        return float(np.median(numbers)) if numbers.size else None


def survey(
    pieces: Iterable[pd.DataFrame], rows: int, first_frame: int = 0, frames: int | None = None
) -> Survey:
    """Collect the statistics of a table in one pass.

    Parameters
    ----------
    pieces
        Parts of the table, a frame not cut.
    rows
        Rows in all of them.
    first_frame, frames
        Range of frames that were looked at; default: up to the last one with a row.
    """
    stride = max(1, -(-rows // MAX_ROWS))
    counts = np.zeros(first_frame + (frames or 0), np.int64)
    wanted = np.empty(0, np.int64)
    if frames:
        last = first_frame + frames - 1
        wanted = np.unique(np.linspace(first_frame, last, CROWDED_FRAMES).astype(np.int64))
    sample, crowded, beginning, seen = _Sample(-(-rows // stride)), [], [], 0
    for piece in pieces:
        frame = piece["frame"].to_numpy(np.int64)
        more = np.bincount(frame, minlength=len(counts)) if len(frame) else counts[:0]
        more[: len(counts)] += counts[: len(more)]
        counts = more if len(more) else counts
        sample.take(piece.iloc[-seen % stride :: stride])
        chosen = np.isin(frame, wanted) if len(wanted) else _some_frames(frame)
        crowded.append(piece.loc[chosen, ["frame", "x_nm", "y_nm"]])
        if seen < MAX_BEGINNING:
            first = _whole_frames(piece, MAX_BEGINNING - seen)
            beginning.append(first[[c for c in OF_REPEATS if c in first]])
        seen += len(piece)
    per_frame = counts[first_frame : first_frame + frames if frames else None]
    crowding = _crowding(pd.concat(crowded)) if crowded else np.empty(0)
    first_rows = pd.concat(beginning) if beginning else pd.DataFrame({"frame": []})
    return Survey(seen, first_frame, per_frame, sample.table(), stride, crowding, first_rows)


class _Sample:
    """Rows that are kept, in one array for each column: to join pieces would take twice as much."""

    def __init__(self, room: int) -> None:
        self._room, self._count = room, 0
        self._columns: dict[str, npt.NDArray[Any]] = {}

    def take(self, part: pd.DataFrame) -> None:
        """Keep rows of a piece; what it does not have is NaN in them."""
        here = slice(self._count, self._count + len(part))
        for name in [c for c in KEPT if c in part]:
            if name not in self._columns:
                self._columns[name] = np.full(self._room, np.nan, np.float32)
            self._columns[name][here] = part[name]
        self._columns.setdefault("frame", np.zeros(self._room, np.int64))[here] = part["frame"]
        self._count += len(part)

    def table(self) -> pd.DataFrame:
        """Return the rows that were kept."""
        columns = self._columns or {"frame": np.empty(0)}
        kept = {name: values[: self._count] for name, values in columns.items()}
        return pd.DataFrame(kept, copy=False)


def _whole_frames(piece: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Return the first frames of part of a table with about so many rows."""
    if len(piece) <= rows:
        return piece
    return piece[piece["frame"] <= piece["frame"].iloc[rows]]


def _some_frames(frame: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Choose rows of a few frames of a table whose frames are not known beforehand."""
    known = np.unique(frame)
    step = max(1, len(known) // CROWDED_FRAMES)
    return np.isin(frame, known[::step])


def _crowding(rows: pd.DataFrame) -> Values:
    """Return the density of other localizations around each one in the same frame."""
    from scipy.spatial import cKDTree

    if not len(rows):
        return np.empty(0)
    apart = 10 * CROWD_RADIUS_NM
    points = np.column_stack(
        [rows["x_nm"], rows["y_nm"], rows["frame"].to_numpy(np.float64) * apart]
    ).astype(np.float64)
    tree = cKDTree(points)
    found = tree.query_ball_point(points, CROWD_RADIUS_NM, return_length=True)
    return (np.asarray(found, np.float64) - 1) * ONE_NEIGHBOUR_PER_UM2
