"""Candidates beside the true emitters: which of them are right, and how far off they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deep_storm.extraction.candidates import Candidates
from deep_storm.quality.matching import Indices, Matches, Points, match_points, near_pairs

TOLERANCE_NM = 100.0
DEPTH_TOLERANCES_NM = 250.0, 500.0
"""Laterally and axially, where depth is stated: emitters out of focus are wide. As in Sage et al.,
Nature Methods 16, 387 (2019), https://doi.org/10.1038/s41592-019-0364-4."""
SPREAD_BINS = 8

Curve = tuple[tuple[float, ...], tuple[float, ...]]


def points_of(candidates: Candidates, pixel_size_nm: float) -> Points:
    """Return frames and places of candidates, with depths where they are stated."""
    states_depth = candidates.z_px.size == candidates.frame.size > 0
    return Points(
        candidates.frame,
        candidates.x_px * pixel_size_nm,
        candidates.y_px * pixel_size_nm,
        candidates.z_px * pixel_size_nm if states_depth else None,
    )


def matched(found: Points, truth: Points) -> Matches:
    """Match localizations to the true emitters; depths count where both have them."""
    if found.z_nm is None or truth.z_nm is None:
        return match_points(found, truth, TOLERANCE_NM)
    return match_points(found, truth, *DEPTH_TOLERANCES_NM)


def near(found: Points, truth: Points) -> tuple[Indices, Indices]:
    """Return all pairs that :func:`matched` could match: places in both."""
    if found.z_nm is None or truth.z_nm is None:
        return near_pairs(found, truth, TOLERANCE_NM)
    return near_pairs(found, truth, *DEPTH_TOLERANCES_NM)


def depth_curve(kept: Candidates, truth: Points, matches: Matches, pixel_nm: float) -> Curve:
    """Return the factor between the depth's stated and true spread; none without depth."""
    if kept.z_px.size != kept.frame.size or truth.z_nm is None:
        return (), ()
    found = matches.localization
    off_nm = kept.z_px[found] * pixel_nm - truth.z_nm[matches.emitter]
    ratio = off_nm**2 / (kept.z_spread_px[found].astype(np.float64) * pixel_nm) ** 2
    return factor_curve(kept.score[found], ratio)


def factor_curve(score: npt.NDArray[np.floating], ratio: npt.NDArray[np.floating]) -> Curve:
    """Return scores and the factors there, from squared errors over stated variances."""
    bins = np.array_split(np.argsort(score, kind="stable"), SPREAD_BINS)
    scores = np.array([float(score[b].mean()) for b in bins])
    factors = np.array([float(np.sqrt(ratio[b].mean())) for b in bins])
    rising = np.concatenate([[True], np.diff(scores) > 0])
    return tuple(scores[rising].tolist()), tuple(factors[rising].tolist())


def where(points: Points, rows: npt.NDArray[np.int64]) -> Points:
    """Return some of the points."""
    z_nm = None if points.z_nm is None else points.z_nm[rows]
    return Points(points.frame[rows], points.x_nm[rows], points.y_nm[rows], z_nm)
