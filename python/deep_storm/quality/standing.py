"""Light that stands: places in which something is found in a large part of the frames.

Molecules blink. Where the background has an edge that is sharper than the PSF (two views side by
side on one chip, a field stop) or fringes of the laser, something is found there in frame after
frame, and all of it is false.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

PLACE_SIGMAS = 1.5
"""Edge of a place: an edge of the background is found now here, now there."""
MIN_FRAMES = 20
OFTEN = 0.2
"""Something is found in a place that stands in at least this share of the frames,"""
BEYOND_CHANCE = 3.0
"""and so many times as often as in the mean."""
QUARTERS = 4
LASTING = 0.25
"""In each quarter of the movie it is found at least this share of that often: a molecule that stays
on for many frames, or a few in the same place in a short movie, fill one or two of them."""
MIN_SHARE = 0.15
"""At least this share of the localizations lies in such places."""


class Standing(NamedTuple):
    """Places in which something is found in a large part of the frames.

    Attributes
    ----------
    share
        Of the localizations that lie there.
    places
        How many there are.
    """

    share: float
    places: int

    @property
    def is_seen(self) -> bool:
        """Whether it must be said."""
        return self.share >= MIN_SHARE

    def sentence(self) -> str:
        """Return what it means, and what to do."""
        return (
            f"{self.share:.0%} of the localizations lie in places in which something is found in "
            f"{OFTEN:.0%} of the frames or more, and molecules blink: an edge of the background "
            "(two views on one chip, a field stop) or fringes of the laser, where all of them are "
            "false, beads, clusters, or crowded filaments. Look at them in the rendered table; cut "
            "the views apart, or the edge off, and reconstruct each part by itself"
        )


def standing_of(rows: pd.DataFrame, sigma_nm: float) -> Standing | None:
    """Look for places in which something is found all the time; None where rows cannot tell.

    Parameters
    ----------
    rows
        Localizations: ``frame``, ``x_nm``, ``y_nm``.
    sigma_nm
        Of the PSF.
    """
    if not len(rows):
        return None
    frame = rows["frame"].to_numpy(np.int64)
    frames = int(frame.max() - frame.min()) + 1
    if frames < MIN_FRAMES:
        return None
    edge_nm = PLACE_SIGMAS * sigma_nm
    column, row = (np.floor(rows[c].to_numpy(np.float64) / edge_nm) for c in ("x_nm", "y_nm"))
    places = np.column_stack([row, column])
    _, place = np.unique(places, axis=0, return_inverse=True)
    place = place.reshape(-1)
    seen, when = np.unique(np.column_stack([place, frame - frame.min()]), axis=0).T
    quarter = when * QUARTERS // frames
    counts = np.zeros((place.max() + 1, QUARTERS))
    np.add.at(counts, (seen, quarter), 1.0)
    often, lasting = counts.sum(axis=1) / frames, counts.min(axis=1) * QUARTERS / frames
    field = np.ptp(row) + 1.0, np.ptp(column) + 1.0
    usual = len(rows) / frames / (field[0] * field[1])
    stands = (often >= max(OFTEN, BEYOND_CHANCE * usual)) & (lasting >= LASTING * OFTEN)
    return Standing(float(stands[place].mean()), int(stands.sum()))
