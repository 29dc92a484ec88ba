"""Molecules that were found twice because an astigmatic lens makes them long.

In front of the focus such a PSF is long along one direction, behind it along the other one. Two
round emitters explain it better than one, so that localizations which lie close together do so
along these two directions. Molecules that are close by chance lie in all directions; an edge of the
background, or a PSF that is long everywhere, has one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

REACH_SIGMAS = 2.2
MIN_PAIRS = 30
MIN_SHARE = 0.05
"""Pairs over all localizations."""
CROSSED = 0.5
"""Mean of exp(4iθ) over the directions θ of pairs, 1 where they lie along two perpendicular ones
(astigmatic and in depth: 0.67 to 0.86; all else up to 0.38),"""
SIGMAS = 5.0
"""which is so many standard errors;"""
ONE_DIRECTION = 0.6
"""the mean of exp(2iθ) is at most this share of it, or nearly all lie along one direction."""


class Paired(NamedTuple):
    """Directions of localizations that lie close together in a frame.

    Attributes
    ----------
    pairs, share
        How many, and their number over that of all localizations.
    crossed, along
        Moduli of the mean of exp(4iθ) and exp(2iθ).
    """

    pairs: int
    share: float
    crossed: float
    along: float

    @property
    def is_seen(self) -> bool:
        """Whether it must be said."""
        enough = self.pairs >= MIN_PAIRS and self.share >= MIN_SHARE
        sure = self.crossed >= max(CROSSED, SIGMAS / np.sqrt(2.0 * max(self.pairs, 1)))
        return bool(enough and sure and self.along <= ONE_DIRECTION * self.crossed)

    def sentence(self) -> str:
        """Return what it means, and what to do."""
        return (
            f"{self.pairs} pairs of localizations lie side by side along two perpendicular "
            "directions, as molecules do that are out of the focus of an astigmatic (cylindrical) "
            "lens and are found twice: many of them are false. For such frames in 3D, calibrate "
            "the PSF (deep-storm calibrate-psf on a z-stack of beads) and train a model for depth "
            "with it (--psf-file, --depth-reach-nm)"
        )


def paired_of(rows: pd.DataFrame, sigma_nm: float) -> Paired | None:
    """Look at the directions of localizations that lie close together; None without rows.

    Parameters
    ----------
    rows
        Localizations: ``frame``, ``x_nm``, ``y_nm``.
    sigma_nm
        Of the PSF.
    """
    if not len(rows):
        return None
    places = rows[["x_nm", "y_nm"]].to_numpy(np.float64)
    reach_nm = REACH_SIGMAS * sigma_nm
    apart = rows["frame"].to_numpy(np.float64)[:, None] * (10.0 * reach_nm)
    found = cKDTree(np.hstack([places, apart])).query_pairs(reach_nm, output_type="ndarray")
    if not len(found):
        return Paired(0, 0.0, 0.0, 0.0)
    dx_nm, dy_nm = (places[found[:, 0]] - places[found[:, 1]]).T
    direction = np.arctan2(dy_nm, dx_nm)
    crossed, along = (float(np.abs(np.exp(1j * k * direction).mean())) for k in (4, 2))
    return Paired(len(found), len(found) / len(rows), crossed, along)
