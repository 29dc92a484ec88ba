"""Drift along z, from localizations that lie above each other.

What a table shows at one place in x and y lies at one depth, or at a few. So the differences in
depth between a time bin's localizations and those of all other bins within a small distance in x
and y have a peak at the bin's drift. Bins are moved by it, and the others compared again, until all
agree; a smooth curve through the bins is the drift (:mod:`deep_storm.postprocessing.trajectory`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from deep_storm.localizations import depths_of
from deep_storm.postprocessing.bins import MIN_ROWS, bins_of
from deep_storm.postprocessing.trajectory import MIN_POINTS, Smoothed, smooth_drift
from deep_storm.settings import DriftCorrection

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_BINS = 20
ROWS_PER_BIN = 300
MAX_ROWS = 60_000
"""Rows that are compared, evenly from all frames."""
NEAR_SIGMAS, NEAR_NM = 3.0, (20.0, 80.0)
"""Distance in x and y within which depths are compared, in uncertainties and at most."""
BLUR_NM = (10.0, 100.0)
STEP_NM = 4.0
ROUNDS = 8
SETTLED_NM = 0.5
SIGNIFICANT, SHARP, AROUND = 6.0, 0.25, 4.0
"""Height of the peak above the differences around it (blurred so many times wider), in standard
deviations of these, and as a share of the peak: a thick structure has a wide peak only."""
SEED = 1


class AxialDrift(NamedTuple):
    """Drift along z.

    Attributes
    ----------
    knots, z
        Knots (frames from 0) and coefficients, as :class:`~deep_storm.io.tables.drift_files.Drift`
        has them.
    error_nm
        Standard error of the curve.
    bins
        Number of time bins.
    """

    knots: FloatArray
    z: FloatArray
    error_nm: float
    bins: int


def axial_drift(table: pd.DataFrame, settings: DriftCorrection) -> AxialDrift | None:
    """Measure drift along z in a table whose drift in x and y is corrected.

    Parameters
    ----------
    table
        Validated, with depths.
    settings
        Number of bins and largest drift.

    Returns
    -------
    The drift; None where depths at one place have nothing in common.

    Raises
    ------
    TableError
        A depth is not finite.
    """
    z_nm = depths_of(table, "drift along z")
    frame = table["frame"].to_numpy(dtype=np.int64)
    limits = int(frame.min()), int(frame.max())
    chosen = np.arange(len(frame))
    if len(frame) > MAX_ROWS:
        rng = np.random.default_rng(SEED)
        chosen = np.sort(rng.choice(len(frame), MAX_ROWS, replace=False))
    most = min(len(chosen) // MIN_ROWS, len(np.unique(frame[chosen])))
    wanted = settings.bins or int(np.clip(len(chosen) // ROWS_PER_BIN, MIN_POINTS, MAX_BINS))
    bins = min(wanted, most)
    if bins < MIN_POINTS:
        return None
    members = bins_of(frame[chosen], bins)
    apart = _differences(table, chosen, members)
    shifts = _agreed(apart, z_nm[chosen], members, settings.max_drift_nm, _blur_nm(table))
    if shifts is None:
        return None
    rows = np.bincount(members)
    middle = np.bincount(members, frame[chosen].astype(np.float64)) / rows
    smoothed: Smoothed = smooth_drift(middle, np.stack([shifts, np.zeros_like(shifts)], 1), *limits)
    # The error is the mean over both axes, of which the second has none.
    error_nm = float(np.sqrt(2.0)) * smoothed.error_nm
    return AxialDrift(smoothed.drift.knots, smoothed.drift.x, error_nm, len(rows))


def _blur_nm(table: pd.DataFrame) -> float:
    typical = 30.0
    if "uncertainty_z_nm" in table and table["uncertainty_z_nm"].notna().any():
        typical = float(table["uncertainty_z_nm"].median())
    return float(np.clip(typical, *BLUR_NM))


def _differences(table: pd.DataFrame, chosen: Integers, members: Integers) -> npt.NDArray[np.int64]:
    """Return pairs of rows (of the chosen) of different bins that are near in x and y, (n, 2)."""
    near_nm = NEAR_NM[1]
    if "uncertainty_xy_nm" in table and table["uncertainty_xy_nm"].notna().any():
        near_nm = float(np.clip(NEAR_SIGMAS * table["uncertainty_xy_nm"].median(), *NEAR_NM))
    places = table[["x_nm", "y_nm"]].to_numpy(dtype=np.float64)[chosen]
    pairs = cKDTree(places).query_pairs(near_nm, output_type="ndarray").astype(np.int64)
    return pairs[members[pairs[:, 0]] != members[pairs[:, 1]]]


def _agreed(
    pairs: npt.NDArray[np.int64],
    z_nm: FloatArray,
    members: Integers,
    max_nm: float,
    blur_nm: float,
) -> FloatArray | None:
    """Return the shift of each bin on which all agree; None where there is no peak."""
    first, second = pairs.T
    both = np.concatenate([first, second]), np.concatenate([second, first])
    own, other = (members[rows] for rows in both)
    apart = z_nm[both[0]] - z_nm[both[1]]
    shifts = np.zeros(int(members.max()) + 1)
    edges = np.arange(-max_nm - STEP_NM / 2, max_nm + STEP_NM, STEP_NM)
    for _ in range(ROUNDS):
        # A bin's differences to the others, with these where they are believed to be.
        left = apart + shifts[other]
        found = np.zeros_like(shifts)
        for k in range(len(shifts)):
            peak = _peak(left[own == k], edges, blur_nm)
            if peak is None:
                return None
            found[k] = peak
        found -= found.mean()
        change = float(np.abs(found - shifts).max())
        shifts = found
        if change < SETTLED_NM:
            break
    return shifts


def _peak(apart_nm: FloatArray, edges: FloatArray, blur_nm: float) -> float | None:
    """Return the place of the highest peak of differences; None where it does not stand out."""
    counts = np.histogram(apart_nm, edges)[0].astype(np.float64)
    smooth, around = (
        gaussian_filter1d(counts, factor * blur_nm / STEP_NM, mode="constant")
        for factor in (1.0, AROUND)
    )
    at = int(np.argmax(smooth))
    # Counts scatter by Poisson's law, less where they are blurred.
    spread = np.sqrt(max(around[at], 1e-9) * STEP_NM / (2.0 * np.sqrt(np.pi) * blur_nm))
    height = float(smooth[at] - around[at])
    if not 0 < at < len(smooth) - 1 or height < max(SIGNIFICANT * spread, SHARP * smooth[at]):
        return None
    before, top, after = smooth[at - 1 : at + 2]
    bend = before - 2 * top + after
    step = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(0.5 * (edges[at] + edges[at + 1]) + step * STEP_NM)
