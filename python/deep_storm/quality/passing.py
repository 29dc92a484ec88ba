"""Light that passes: what is found in one frame only and is wider than molecules that stay on.

A molecule that stays on is found again in the frame before or after, at the same place. What is
found once may be a molecule that was on for a short time, and then looks like the others. What
comes and goes without being a molecule in focus (imagers that diffuse, debris, light from other
depths) is found once, too, but is wider than molecules as bright as it. This needs no truth, only
molecules that stay on.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from deep_storm.robust import robust_std

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

COLUMNS = ("frame", "x_nm", "y_nm", "sigma_nm", "intensity_photon", "uncertainty_xy_nm")
NEAR = 3.0
"""Rows of neighbouring frames this close (in their joint uncertainty) are one molecule."""
BORDER_SIGMAS = 3.0
"""At the border light is cut off, and widths say nothing."""
BRIGHT_QUANTILE = 0.95
"""Brighter ones than this share of those that stay on may be beads that drift."""
BINS = 4
"""Of photons: dim localizations seem to be wider or narrower than bright ones."""
MIN_IN_BIN = 10
MIN_SHARE, MIN_WIDER = 0.1, 0.016
"""At least this share is found once and is so much wider. On simulation, microscopes without such
light have shares of up to 0.65 (molecules that move) and are up to 0.010 wider."""
SURE = 3.0
"""Standard errors of the widths."""
ERROR_OF_MEDIAN = 1.2533
"""Standard error of the median over that of the mean."""


class Passing(NamedTuple):
    """What is found in one frame only.

    Attributes
    ----------
    share
        Of the localizations that might have been found again.
    wider, error
        By how much these are wider than those that are found again and as bright, relative, and its
        standard error.
    """

    share: float
    wider: float
    error: float

    @property
    def is_seen(self) -> bool:
        """Whether it must be said."""
        return self.share >= MIN_SHARE and self.wider >= max(MIN_WIDER, SURE * self.error)

    def sentence(self) -> str:
        """Return what it means, and what to do."""
        return (
            f"{self.share:.0%} of the localizations are found in one frame only, and these are "
            f"{self.wider:.0%} wider than molecules that stay on and are as bright: many of them "
            "may be light that comes and goes and no molecule of the structure (imagers that "
            "diffuse, debris, light out of focus), with a confidence that is too high. Merge the "
            'table (deep-storm merge) and keep what stays (deep-storm filter with "detections > 1")'
        )


def passing_of(rows: pd.DataFrame) -> Passing | None:
    """Look for light that passes; None where the rows cannot tell.

    Parameters
    ----------
    rows
        Localizations of successive frames, whole frames. Of a PSF that tells depth, widths say
        where molecules are.
    """
    if not set(COLUMNS) <= set(rows.columns) or "z_nm" in rows.columns:
        return None
    values = rows[list(COLUMNS)].to_numpy(np.float64)
    values = values[np.isfinite(values).all(axis=1) & (values[:, 5] > 0.0)]
    if not len(values):
        return None
    frame, x, y, sigma, photons, _ = values.T
    again = _found_again(values)
    compared = _beside_others(frame) & _away_from_border(x, y, float(np.median(sigma)))
    once, stays = compared & ~again, compared & again
    if min(np.count_nonzero(once), np.count_nonzero(stays)) < BINS * MIN_IN_BIN:
        return None
    usual = photons <= np.quantile(photons[stays], BRIGHT_QUANTILE)
    wider = _wider(sigma, photons, once & usual, stays & usual)
    if wider is None:
        return None
    return Passing(float(once.sum() / compared.sum()), *wider)


def _found_again(values: Values) -> Mask:
    """Return which rows have another one at their place in the frame before or after."""
    frame, x, y, uncertainty = values[:, 0], values[:, 1], values[:, 2], values[:, 5]
    reach = 2.0 * NEAR * float(np.quantile(uncertainty, 0.9))
    apart = 10.0 * reach  # from frame to frame, so that no other frame is nearer
    tree = cKDTree(np.column_stack([x, y, frame * apart]))
    again = np.zeros(len(values), dtype=bool)
    for step in (-1.0, 1.0):
        place = np.column_stack([x, y, (frame + step) * apart])
        nearest = tree.query(place, distance_upper_bound=reach)
        distance, other = (np.asarray(found) for found in nearest)
        near = np.flatnonzero(np.isfinite(distance))
        joint = np.hypot(uncertainty[near], uncertainty[other[near]])
        again[near] |= distance[near] < NEAR * joint
    return again


def _beside_others(frame: Values) -> Mask:
    """Return which rows have a frame with rows before and after their own."""
    frames = np.unique(frame)
    return np.isin(frame - 1.0, frames) & np.isin(frame + 1.0, frames)


def _away_from_border(x: Values, y: Values, sigma_nm: float) -> Mask:
    margin = BORDER_SIGMAS * sigma_nm
    inside = np.ones(x.size, dtype=bool)
    for along in (x, y):
        inside &= (along > along.min() + margin) & (along < along.max() - margin)
    return inside


def _wider(sigma: Values, photons: Values, once: Mask, stays: Mask) -> tuple[float, float] | None:
    """Return how much wider those found once are than others as bright, and its error."""
    if np.count_nonzero(once) < BINS * MIN_IN_BIN:
        return None
    edges = np.quantile(photons[once], np.linspace(0.0, 1.0, BINS + 1))
    found, errors = [], []
    for low, high in pairwise(edges):
        within = (photons >= low) & (photons <= high)
        parts = [sigma[within & kind] for kind in (once, stays)]
        if min(part.size for part in parts) < MIN_IN_BIN:
            continue
        medians = [float(np.median(part)) for part in parts]
        found.append(medians[0] / medians[1] - 1.0)
        errors.append(math.hypot(*(_error(p) / m for p, m in zip(parts, medians, strict=True))))
    if not found:
        return None
    return float(np.mean(found)), math.hypot(*errors) / len(errors)


def _error(values: Values) -> float:
    """Return the standard error of the median."""
    return ERROR_OF_MEDIAN * robust_std(values) / math.sqrt(values.size)
