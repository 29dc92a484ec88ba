"""Whether a PSF tells depth: whether an emitter looks different above and below the focus."""

from __future__ import annotations

import numpy as np

from deep_storm.psf.table import PsfTable

COMPARED_NM = 300.0
MIN_DIFFERENCE = 0.3
"""Relative RMS difference above and below the focus from which on the two can be told."""


def tells_depth(table: PsfTable) -> bool:
    """Whether z can be told from a PSF.

    Depths that came out of a movie of unknown optics (``source`` is ``measured``) are a scale only.
    """
    reach_nm = min(COMPARED_NM, -table.z0_nm, float(table.z_nm[-1]))
    if table.source == "measured" or reach_nm <= 0:
        return False
    above, below = table.plane(reach_nm), table.plane(-reach_nm)
    size = np.sum(above**2) + np.sum(below**2)
    return bool(np.sqrt(2.0 * np.sum((above - below) ** 2) / size) >= MIN_DIFFERENCE)
