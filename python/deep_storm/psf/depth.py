"""Depth that a PSF tells, and how a network states it.

A PSF tells depth where an emitter looks different above and below the focus. A network then states
depth in place of sigma, as a positive number: :class:`DepthCode`.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from deep_storm.psf.table import PsfTable

COMPARED_NM = 300.0
FOCUS_CODE = 2.5
CODES_PER_REACH = 2.0
"""In focus the code is 2.5, at either end of the depths it is 0.5 and 4.5."""
NORMAL_REACH = 2.5
"""Of normally distributed depths, in their standard deviations."""
Values = TypeVar("Values", npt.NDArray[np.float32], npt.NDArray[np.float64])

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


def reach_of(table: PsfTable, depth_reach_nm: float, depth_std_nm: float) -> float | None:
    """Return how far from the focus a network looks for emitters; None where depth is not told.

    Parameters
    ----------
    table
        The PSF.
    depth_reach_nm, depth_std_nm
        Of the emitters: the one or the other (see :class:`~deep_storm.settings.Psf`).
    """
    if not tells_depth(table):
        return None
    farthest = max(-table.z0_nm, float(table.z_nm[-1]))
    reach_nm = min(depth_reach_nm or NORMAL_REACH * depth_std_nm, farthest)
    return reach_nm if reach_nm > 0 else None


class DepthCode(NamedTuple):
    """Depth as a positive number, as the network's output for sigma is one.

    Attributes
    ----------
    reach_nm
        Depths are mostly within this distance of the focus. What the output can state reaches from
        -1.18 to 2.4 times that.
    """

    reach_nm: float

    def of(self, z_nm: Values) -> Values:
        """Return the code of depths."""
        factor = z_nm.dtype.type(CODES_PER_REACH / self.reach_nm)
        return z_nm.dtype.type(FOCUS_CODE) + factor * z_nm

    def depth_nm(self, code: Values) -> Values:
        """Return depths from their code."""
        return (code - code.dtype.type(FOCUS_CODE)) * code.dtype.type(
            self.reach_nm / CODES_PER_REACH
        )

    def spread_nm(self, spread: Values) -> Values:
        """Return the standard deviation of depths from that of their code."""
        return spread * spread.dtype.type(self.reach_nm / CODES_PER_REACH)
