"""Whether molecules of a table are in it several times, because they were on for several frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

MAX_ASKED = 20_000
"""Localizations for which a neighbour is looked for, spread over the table."""
NEAR_UNCERTAINTIES, NEAR_NM = 4.5, 30.0
"""A molecule is seen again within so many median uncertainties (it has two), or, where unknown,
within that distance."""
MIN_FRAMES = 10
MANY = 0.15
"""From this share of the localizations on, it must be said."""


def seen_again(table: pd.DataFrame) -> float:
    """Return the share of localizations that the next frame has again, beyond chance.

    Parameters
    ----------
    table
        Columns ``frame``, ``x_nm``, ``y_nm``; ``uncertainty_xy_nm`` where it is known.

    Returns
    -------
    What half of the movie later is found as near is taken off: 0 for structures whose molecules
    blink, however dense they are.
    """
    frame = table["frame"].to_numpy(np.int64)
    frames = int(frame.max() - frame.min()) + 1 if len(frame) else 0
    if frames < MIN_FRAMES:
        return 0.0
    frame = frame - frame.min()
    known = table.get("uncertainty_xy_nm")
    usual = np.nan if known is None else float(known.median())
    near_nm = NEAR_UNCERTAINTIES * usual if usual > 0.0 else NEAR_NM
    places = table[["x_nm", "y_nm"]].to_numpy(np.float64)
    apart_nm = 10.0 * near_nm
    tree = cKDTree(np.column_stack([places, frame * apart_nm]))
    asked = np.unique(np.linspace(0, len(frame) - 1, MAX_ASKED).round().astype(np.int64))
    asked = asked[frame[asked] < frames - 1]

    def found(later: int) -> float:
        when = (frame[asked] + later) % frames
        points = np.column_stack([places[asked], when * apart_nm])
        nearest = tree.query(points, distance_upper_bound=near_nm)[0]
        return float(np.mean(np.isfinite(nearest)))

    return max(found(1) - found(frames // 2), 0.0) if asked.size else 0.0
