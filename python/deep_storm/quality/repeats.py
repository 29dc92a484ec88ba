"""Consistency of a table, judged by molecules that stay on for several frames.

A molecule that is on in three frames is at the same place in all of them. What was found in the
first and in the third must therefore be found in the second one, too, and as close to it as the
stated uncertainties say. This needs no truth, only molecules that stay on; chance is what the same
search gives with one of the frames moved aside.

Localizations of a network that sees the frames before and after its own have data in common, and
lie closer to each other than to the molecule. If all frames count alike, the distance is 0.47
times, and of molecules that are on for three frames 0.27 times, what the uncertainties say: only
too large a distance tells something then.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

Values = npt.NDArray[np.float64]

MIN_CONFIDENCE = 0.9
"""Rows at least this sure are looked at."""
NEAR = 3.0
"""Two rows this close (in their joint uncertainty) are one molecule: 98.9 % of its repeats."""
FAR = 6.0
ASIDE = 3.0
"""How far frames are moved for chance, in distances that are looked at."""
MIN_REPEATS = 100
MAX_CHANCE = 0.4
"""With more pairs by chance than this, too many molecules lie beside each other to tell."""
MEDIAN_OF_RAYLEIGH = 1.1774
MIN_FOUND, MAX_SCATTER, MIN_SCATTER = 0.8, 1.3, 0.75
"""Beyond these, confidence or uncertainty do not hold on these frames; chosen on simulation."""


class Repeats(NamedTuple):
    """Consistency of a table by molecules that stay on.

    Attributes
    ----------
    molecules
        How many were seen in a frame and in the one after the next.
    found
        Share of them that was found in the frame between, within its uncertainty.
    scatter
        Distance between localizations of one molecule over what their uncertainties say.
    shared_frames
        Whether each localization used the frames before and after its own, too.
    """

    molecules: int
    found: float
    scatter: float
    shared_frames: bool = False

    def text(self) -> str:
        """Return the result as a sentence."""
        right = (
            " (less than once is right, as localizations in consecutive frames share data)"
            if self.shared_frames
            else ""
        )
        return (
            f"of {self.molecules:,} molecules seen in a frame and in the one after the next, "
            f"{self.found:.0%} also between them; they scatter {self.scatter:.2f} times as much "
            f"as their uncertainties say{right}"
        )

    def warnings(self) -> list[str]:
        """Return the problems of the table, each a sentence."""
        said = []
        if self.found < MIN_FOUND:
            said.append(
                f"Molecules that stay on for several frames are lost in between: {self.found:.0%} "
                "of them are found. Confidences are not reliable on these frames: check camera and "
                "PSF."
            )
        least = 0.0 if self.shared_frames else MIN_SCATTER
        if not least <= self.scatter <= MAX_SCATTER:
            size = "small" if self.scatter > 1.0 else "large"
            said.append(
                f"Molecules that stay on scatter {self.scatter:.2f} times as much as their "
                f"uncertainties say: these are too {size}."
            )
        return said


def repeats_of(rows: pd.DataFrame, shared_frames: bool = False) -> Repeats | None:
    """Measure the consistency of a table; None where too few molecules stay on.

    Parameters
    ----------
    rows
        Localizations of successive frames, whole frames: ``frame``, ``x_nm``, ``y_nm``,
        ``uncertainty_xy_nm``, and ``confidence`` where there is one.
    shared_frames
        Whether each localization used the frames before and after its own, too.
    """
    needed = ["frame", "x_nm", "y_nm", "uncertainty_xy_nm"]
    if not set(needed) <= set(rows.columns):
        return None
    sure = rows if "confidence" not in rows else rows[rows["confidence"] >= MIN_CONFIDENCE]
    known = np.isfinite(sure[needed].to_numpy(np.float64)).all(axis=1)
    known &= (sure["uncertainty_xy_nm"] > 0).to_numpy()
    every = _Rows.of(rows[np.isfinite(rows[needed].to_numpy(np.float64)).all(axis=1)])
    sure_rows = _Rows.of(sure[known])
    if len(sure_rows.frame) < MIN_REPEATS:
        return None
    aside = ASIDE * FAR * float(np.median(sure_rows.error))
    seen, chance = (_between(sure_rows, every, by) for by in (0.0, aside))
    if len(seen) - len(chance) < MIN_REPEATS or len(chance) > MAX_CHANCE * len(seen):
        return None
    found = (seen < NEAR).sum() - (chance < NEAR).sum()
    both = len(seen) - len(chance)
    return Repeats(both, min(float(found / both), 1.0), _scatter(seen, chance), shared_frames)


class _Rows(NamedTuple):
    """Columns of a table as arrays."""

    frame: npt.NDArray[np.int64]
    x: Values
    y: Values
    error: Values

    @classmethod
    def of(cls, rows: pd.DataFrame) -> _Rows:
        frame = rows["frame"].to_numpy(np.int64)
        x, y, error = (rows[c].to_numpy(np.float64) for c in ("x_nm", "y_nm", "uncertainty_xy_nm"))
        return cls(frame, x, y, error)


def _nearest(
    rows: _Rows, points: Values, apart: float, reach: float
) -> tuple[Values, npt.NDArray[np.int64]]:
    """Return distance and index of the nearest row to positions (x, y, frame × ``apart``)."""
    tree = cKDTree(np.column_stack([rows.x, rows.y, rows.frame * apart]))
    distance, number = tree.query(points, distance_upper_bound=reach)
    return np.asarray(distance, np.float64), np.asarray(number, np.int64)


def _between(sure: _Rows, every: _Rows, aside: float) -> Values:
    """Return the distance of the nearest row in the frame between, for each pair around it.

    Parameters
    ----------
    sure, every
        Rows that pairs are made of, and rows that are looked for between them.
    aside
        By how much (nm) the later frame is moved, for chance.

    Returns
    -------
    Distances in units of the joint uncertainty, infinite beyond ``FAR``; one for each pair.
    """
    reach = NEAR * float(np.quantile(sure.error, 0.9)) * np.sqrt(2.0)
    apart = 100.0 * reach
    later = np.column_stack([sure.x - aside, sure.y, (sure.frame + 2) * apart])
    distance, other = _nearest(sure, later, apart, reach)
    near = np.flatnonzero(np.isfinite(distance))
    other = other[near]
    joint = np.hypot(sure.error[near], sure.error[other])
    near, other = (v[distance[near] < NEAR * joint] for v in (near, other))
    if not near.size:
        return np.empty(0)
    x = (sure.x[near] - aside + sure.x[other]) / 2.0
    y = (sure.y[near] + sure.y[other]) / 2.0
    error = np.hypot(sure.error[near], sure.error[other]) / 2.0
    middle = np.column_stack([x, y, (sure.frame[near] + 1) * apart])
    far, between = _nearest(every, middle, apart, 2.0 * FAR * reach / NEAR)
    there = np.isfinite(far)
    result = np.full(near.size, np.inf)
    result[there] = far[there] / np.hypot(error[there], every.error[between[there]])
    result[result > FAR] = np.inf
    return result


def _scatter(seen: Values, chance: Values) -> float:
    """Return the median distance beyond chance, relative to that of correct uncertainties."""
    places = np.sort(np.concatenate([seen[np.isfinite(seen)], chance[np.isfinite(chance)]]))
    counts = [np.atleast_1d(np.searchsorted(np.sort(v), places, "right")) for v in (seen, chance)]
    beyond = counts[0] - counts[1]
    if not places.size or beyond[-1] <= 0:
        return 1.0
    middle = int(np.argmax(beyond >= beyond[-1] / 2.0))
    return float(places[middle]) / MEDIAN_OF_RAYLEIGH
