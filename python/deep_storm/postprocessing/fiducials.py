"""Drift from fiducial markers: visible at nearly the same position in nearly all frames.

A bead is far brighter than a molecule, and software that counts molecules may see several in its
light. Localizations within a PSF of a brighter one in the same frame are therefore one, before
anything is followed from frame to frame. Markers that move differently from the others are left
out; where there is no majority, nothing is corrected.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import TableError
from deep_storm.kernels import kernel
from deep_storm.postprocessing.bins import bins_of
from deep_storm.postprocessing.drift import MeasuredDrift
from deep_storm.postprocessing.linking import link
from deep_storm.postprocessing.trajectory import MIN_POINTS, smooth_drift
from deep_storm.robust import MEDIAN_OF_NORMAL
from deep_storm.settings import DriftCorrection
from deep_storm.words import counted

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

GAP_FRAMES = 10
MEMORY = 10
MAX_BINS = 200
FRAMES_PER_BIN = 5
JOINED_SIGMAS = 4.0
"""Localizations so near to a brighter one, in widths of the PSF, are one with it."""
DEFAULT_SIGMA_NM = 130.0
"""Width of the PSF where the table has none."""
BRIGHT = 5.0
"""Only what has so many times the photons of the median localization is joined."""
DOMINANT = 0.5
"""A localization with this share of the photons that are joined keeps its place."""
PARTS = 10
"""Markers are compared in so many parts of the movie."""
MAX_APART_NM, MAX_APART_ERRORS = 20.0, 5.0
"""Markers that move further apart, and by more than this many standard errors, contradict."""


def marker_drift(
    table: pd.DataFrame, settings: DriftCorrection = DriftCorrection()
) -> MeasuredDrift:
    """Measure drift by fiducial markers.

    Each marker's positions are the drift plus a place of its own; both are found by medians in
    turn, so that one frame in which a marker was badly fitted does not count.

    Parameters
    ----------
    table
        Validated.
    settings
        How often a marker is seen, and how far it moves from frame to frame.

    Raises
    ------
    TableError
        There are too few frames, no marker, or markers that contradict each other.
    """
    frame, xy = joined(table)
    frames = int(frame[-1] - frame[0]) + 1
    if frames < MIN_POINTS:
        raise TableError(
            f"the table has {counted(frames, 'frame')}",
            f"at least {MIN_POINTS}",
            "drift cannot be measured in so few frames",
        )
    rows, marker = _rows_of_markers(frame, xy, frames, settings)
    found = int(marker.max()) + 1
    agreeing = _agreeing(frame[rows] - frame[0], xy[rows], marker, frames)
    kept = np.isin(marker, agreeing)
    own, marker = rows[kept], np.searchsorted(agreeing, marker[kept])
    drift_nm, known = _common(frame[own] - frame[0], xy[own], marker, frames)
    where = np.flatnonzero(known)
    members = bins_of(where, int(np.clip(len(where) // FRAMES_PER_BIN, MIN_POINTS, MAX_BINS)))
    count = np.bincount(members)
    centre = np.bincount(members, where.astype(np.float64)) / count + frame[0]
    means = [np.bincount(members, drift_nm[where, axis]) / count for axis in (0, 1)]
    smoothed = smooth_drift(centre, np.stack(means, axis=1), int(frame[0]), int(frame[-1]))
    notes = () if len(agreeing) > 1 else ("only one marker was found; nothing confirms it",)
    if len(agreeing) < found:
        notes = (
            f"{found - len(agreeing)} of {found} markers move differently from "
            "the others and were left out",
        )
    return MeasuredDrift(smoothed, len(agreeing), 0, 0, notes, "markers")


def _rows_of_markers(
    frame: Integers, xy: FloatArray, frames: int, settings: DriftCorrection
) -> tuple[Integers, Integers]:
    """Return the rows of spots that are seen in many frames, and the marker of each, from 0.

    Raises
    ------
    TableError
        There are none.
    """
    nothing = np.zeros(len(frame))
    reach_nm = settings.marker_reach_nm
    x_nm, y_nm = (np.ascontiguousarray(v) for v in xy.T)
    molecule = link(frame, x_nm, y_nm, nothing, nothing, reach_nm, 0.0, GAP_FRAMES, 0, MEMORY)
    seen = np.bincount(molecule)
    markers = np.flatnonzero(seen >= settings.marker_share * frames)
    if not len(markers):
        raise TableError(
            f"no fiducial marker was found: the most persistent spot is seen in {seen.max()} of "
            f"{frames} frames",
            f"at least {settings.marker_share:.0%} of them",
            "lower --marker-share, raise --marker-reach-nm, or use --method correlation",
        )
    rows = np.flatnonzero(np.isin(molecule, markers))
    return rows, np.searchsorted(markers, molecule[rows])


def joined(table: pd.DataFrame) -> tuple[Integers, FloatArray]:
    """Return frames, ascending, and positions (n, 2), with the fragments of bright objects merged.

    The brightest localization takes those around it, then the brightest of the rest does. Together
    they lie at the mean of their positions, weighted by photons, or where the one is that has most
    of the light. Tables without photons are left as they are.
    """
    frame = table["frame"].to_numpy(dtype=np.int64)
    xy = table[["x_nm", "y_nm"]].to_numpy(dtype=np.float64)
    order = np.lexsort((xy[:, 0], frame))
    frame, xy = frame[order], np.ascontiguousarray(xy[order])
    if "intensity_photon" not in table or not len(table):
        return frame, xy
    photons = np.maximum(table["intensity_photon"].to_numpy(dtype=np.float64)[order], 1e-3)
    sigma_nm = float(table["sigma_nm"].median()) if "sigma_nm" in table else DEFAULT_SIGMA_NM
    owner = _owners(frame, xy, photons, JOINED_SIGMAS * sigma_nm)
    n = len(frame)
    weight = np.bincount(owner, photons, n)
    bright = weight[owner] > BRIGHT * float(np.median(photons))
    owner = np.where(bright, owner, np.arange(n))
    weight = np.bincount(owner, photons, n)
    sums = [np.bincount(owner, photons * xy[:, k], n) for k in (0, 1)]
    first = np.flatnonzero(owner == np.arange(n))
    centre = np.stack(sums, axis=1)[first] / weight[first, None]
    dominant = photons[first] >= DOMINANT * weight[first]
    return frame[first], np.where(dominant[:, None], xy[first], centre)


@kernel
def _owners(frame: Integers, xy: FloatArray, photons: FloatArray, reach_nm: float) -> Integers:
    """Return for each row, sorted by frame and x, the brighter row that absorbs it, or itself."""
    n = len(frame)
    owner = np.full(n, -1, dtype=np.int64)
    start = 0
    while start < n:
        stop = start
        while stop < n and frame[stop] == frame[start]:
            stop += 1
        for i in np.argsort(-photons[start:stop]) + start:
            if owner[i] >= 0:
                continue
            owner[i] = i
            for step in (-1, 1):
                j = i + step
                while start <= j < stop and abs(xy[j, 0] - xy[i, 0]) <= reach_nm:
                    if owner[j] < 0:
                        across, down = xy[j, 0] - xy[i, 0], xy[j, 1] - xy[i, 1]
                        if across * across + down * down <= reach_nm * reach_nm:
                            owner[j] = i
                    j += step
        start = stop
    return owner


def _agreeing(frame: Integers, xy: FloatArray, marker: Integers, frames: int) -> Integers:
    """Return the markers that move as most of them do.

    Raises
    ------
    TableError
        There is no majority.
    """
    count = int(marker.max()) + 1
    everyone = np.arange(count)
    if count == 1:
        return everyone
    drift, _ = _common(frame, xy, marker, frames)
    apart_nm = np.array(
        [_apart_nm(frame, xy - drift[frame], marker == m, frames) for m in everyone]
    )
    agreeing = np.flatnonzero(apart_nm <= MAX_APART_NM)
    if 2 * len(agreeing) <= count:
        worst = float(apart_nm.max())
        raise TableError(
            f"the {count} markers contradict each other: they move up to {2 * worst:.0f} nm apart",
            "markers that move together, as the sample drifts",
            "use --method correlation, or filter the table so that only fixed beads are markers "
            "(for instance by intensity_photon)",
        )
    return agreeing


def _apart_nm(frame: Integers, left: FloatArray, rows: npt.NDArray[np.bool_], frames: int) -> float:
    """Return a marker's motion relative to the drift, beyond what its scatter explains."""
    part = frame[rows] * PARTS // frames
    own = pd.DataFrame(left[rows]).groupby(part)
    middle, size = own.median(), own.size().to_numpy()[:, None]
    scatter = pd.DataFrame(left[rows]) - middle.to_numpy()[np.searchsorted(middle.index, part)]
    error = 1.25 * scatter.abs().median().to_numpy() / MEDIAN_OF_NORMAL / np.sqrt(size)
    beside = (middle - middle.median()).abs().to_numpy()
    sure = np.where(beside > MAX_APART_ERRORS * error, beside, 0.0)
    return float(sure.max())


def _common(
    frame: Integers, xy: FloatArray, marker: Integers, frames: int
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return (frames, 2) drift and the frames in which a marker was seen."""
    table = pd.DataFrame({"frame": frame, "marker": marker, "x": xy[:, 0], "y": xy[:, 1]})
    known = np.zeros(frames, dtype=np.bool_)
    known[frame] = True
    drift = np.zeros((frames, 2))
    for axis, name in enumerate(("x", "y")):
        for _ in range(20):
            place = (table[name] - drift[frame, axis]).groupby(table["marker"]).median()
            left = table[name] - place.to_numpy()[marker]
            found = left.groupby(table["frame"]).median()
            drift[found.index.to_numpy(), axis] = found.to_numpy()
    return drift, known
