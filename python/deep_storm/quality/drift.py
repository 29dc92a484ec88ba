"""A drift for a report: points along a curve, and its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deep_storm.io.tables.drift_files import Drift

Values = npt.NDArray[np.float64]

POINTS = 300


@dataclass(frozen=True, eq=False)
class DriftCurve:
    """Displacement of the localizations relative to the first frame.

    Attributes
    ----------
    frame
        (n,), 0-based.
    x_nm, y_nm
        (n,), drift.
    error_nm
        Standard error of the curve; 0 where it is taken as it is.
    """

    frame: Values
    x_nm: Values
    y_nm: Values
    error_nm: float

    @classmethod
    def of(cls, drift: Drift, error_nm: float = 0.0) -> DriftCurve:
        """Take points along a drift."""
        frame = np.linspace(drift.knots[0], drift.knots[-1], POINTS)
        x_nm, y_nm = drift.at(frame).T
        return cls(frame, x_nm, y_nm, error_nm)

    @property
    def extent_nm(self) -> float:
        """Largest distance between two points of the curve."""
        dx, dy = (v[:, None] - v[None, :] for v in (self.x_nm, self.y_nm))
        return float(np.hypot(dx, dy).max())
