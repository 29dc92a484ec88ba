"""Localizations for measuring drift, and the bins of frames that they are divided into."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import TableError
from deep_storm.io.tables.drift_files import Drift
from deep_storm.postprocessing.trajectory import MIN_POINTS
from deep_storm.settings import DriftCorrection

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_BINS = 30
ROWS_PER_BIN = 150
"""Bins by themselves hold at least so many localizations."""
MIN_ROWS = 30
_SIGMA_NM = (15.0, 60.0)


class Points(NamedTuple):
    """Localizations, and the blur of their images.

    Attributes
    ----------
    frame, x_nm, y_nm
        (n,) each.
    sigma_nm
        Blur.
    """

    frame: Integers
    x_nm: FloatArray
    y_nm: FloatArray
    sigma_nm: float

    @classmethod
    def of(cls, table: pd.DataFrame, settings: DriftCorrection) -> Points:
        """Take the localizations of a table.

        Raises
        ------
        TableError
            All lie at the same place.
        """
        sigma_nm = settings.blur_nm
        if sigma_nm is None:
            sigma_nm = 20.0
            if "uncertainty_xy_nm" in table and table["uncertainty_xy_nm"].notna().any():
                typical = float(table["uncertainty_xy_nm"].median())
                sigma_nm = float(np.clip(1.5 * typical, *_SIGMA_NM))
        frame = table["frame"].to_numpy(dtype=np.int64)
        x_nm, y_nm = (table[c].to_numpy(dtype=np.float64) for c in ("x_nm", "y_nm"))
        if not (np.ptp(x_nm) or np.ptp(y_nm)):
            raise TableError(
                f"all localizations lie at the same place ({x_nm[0]:g}, {y_nm[0]:g} nm)",
                "a structure that moves",
                "check the coordinates of the table",
            )
        return cls(frame, x_nm, y_nm, sigma_nm)

    def moved(self, drift: Drift) -> Points:
        """Return the localizations with a drift subtracted."""
        frames, place = np.unique(self.frame, return_inverse=True)
        x_nm, y_nm = drift.at(frames)[place].T
        return self._replace(x_nm=self.x_nm - x_nm, y_nm=self.y_nm - y_nm)


def check_bins(points: Points, asked: int | None) -> int:
    """Return the largest reasonable number of bins.

    Raises
    ------
    TableError
        There are too few localizations or frames for any, or for the number that was asked for.
    """
    rows, frames = len(points.frame), len(np.unique(points.frame))
    most = min(rows // MIN_ROWS, frames)
    if frames == 1:
        raise TableError(
            "all localizations are in one frame",
            "a movie",
            "drift cannot be measured within a frame",
        )
    if most < MIN_POINTS:
        raise TableError(
            f"{rows} localizations in {frames} frames are too few to measure drift",
            f"at least {MIN_POINTS} bins of {MIN_ROWS} localizations and a frame each",
            "use a longer movie, or give a drift file",
        )
    if asked is not None and asked > most:
        raise TableError(
            f"{asked} bins hold {rows / asked:.0f} localizations in {frames / asked:.1f} frames "
            "each",
            f"at least {MIN_ROWS} localizations and a frame in each",
            f"give --bins {min(most, max(MIN_POINTS, rows // ROWS_PER_BIN))}",
        )
    return most


def bin_counts(points: Points, asked: int | None) -> list[int]:
    """Return the numbers of bins to try, the finest first."""
    rows, most = len(points.frame), check_bins(points, asked)
    start = asked or int(np.clip(rows // ROWS_PER_BIN, MIN_POINTS, min(MAX_BINS, most)))
    counts = [start]
    while counts[-1] > MIN_POINTS:
        counts.append(max(MIN_POINTS, counts[-1] // 2))
    return counts


def bins_of(frame: Integers, bins: int) -> Integers:
    """Return the bin of each row: whole frames, with as equal numbers of rows as possible."""
    _, place, counts = np.unique(frame, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts / 2
    by_frame = np.minimum((before * bins / counts.sum()).astype(np.int64), bins - 1)
    result: Integers = by_frame[place]
    return np.unique(result, return_inverse=True)[1].reshape(result.shape)
