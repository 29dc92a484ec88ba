"""Drift from fiducial markers: what is on, at nearly the same place, in nearly all frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import TableError
from deep_storm.postprocessing.bins import bins_of
from deep_storm.postprocessing.drift import MeasuredDrift
from deep_storm.postprocessing.linking import link
from deep_storm.postprocessing.trajectory import MIN_POINTS, smooth_drift
from deep_storm.settings import DriftCorrection

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

GAP_FRAMES = 10
MEMORY = 10
MAX_BINS = 200
FRAMES_PER_BIN = 5


def marker_drift(
    table: pd.DataFrame, settings: DriftCorrection = DriftCorrection()
) -> MeasuredDrift:
    """Measure drift by fiducial markers.

    Each marker's positions are the drift plus a place of its own; both are found by medians in
    turn, so that a marker that jumps, or one frame in which it was badly fitted, does not count.

    Parameters
    ----------
    table
        Validated.
    settings
        How often a marker is seen, and how far it moves from frame to frame.

    Raises
    ------
    TableError
        There are too few frames, or no marker.
    """
    order = np.argsort(table["frame"].to_numpy(), kind="stable")
    frame = table["frame"].to_numpy(dtype=np.int64)[order]
    xy = table[["x_nm", "y_nm"]].to_numpy(dtype=np.float64)[order]
    frames = int(frame[-1] - frame[0]) + 1
    if frames < MIN_POINTS:
        raise TableError(
            f"the table has {frames} frame{'s' * (frames > 1)}",
            f"at least {MIN_POINTS}",
            "drift cannot be measured in so few frames",
        )
    nothing = np.zeros(len(frame))
    reach_nm = settings.marker_reach_nm
    x_nm, y_nm = (np.ascontiguousarray(v) for v in xy.T)
    molecule = link(frame, x_nm, y_nm, nothing, reach_nm, 0.0, GAP_FRAMES, 0, MEMORY)
    seen = np.bincount(molecule)
    markers = np.flatnonzero(seen >= settings.marker_share * frames)
    if not len(markers):
        raise TableError(
            f"no fiducial marker was found: the most persistent spot is seen in {seen.max()} of "
            f"{frames} frames",
            f"at least {settings.marker_share:.0%} of them",
            "lower --marker-share, raise --marker-reach-nm, or use --method correlation",
        )
    rows = np.isin(molecule, markers)
    marker = np.searchsorted(markers, molecule[rows])
    drift_nm, known = _common(frame[rows] - frame[0], xy[rows], marker, frames)
    where = np.flatnonzero(known)
    members = bins_of(where, int(np.clip(len(where) // FRAMES_PER_BIN, MIN_POINTS, MAX_BINS)))
    count = np.bincount(members)
    centre = np.bincount(members, where.astype(np.float64)) / count + frame[0]
    means = [np.bincount(members, drift_nm[where, axis]) / count for axis in (0, 1)]
    smoothed = smooth_drift(centre, np.stack(means, axis=1), int(frame[0]), int(frame[-1]))
    notes = () if len(markers) > 1 else ("only one marker was found; nothing confirms it",)
    return MeasuredDrift(smoothed, len(markers), 0, 0, notes, "markers")


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
