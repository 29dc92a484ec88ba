"""The PSF over depth as unknown: coefficients of a cubic B-spline along z, y and x.

All pixels of a bead in all planes lie at the same fractions between knots, so its image is the
product of one small matrix per axis with the coefficients, and the adjoint as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

MARGIN_PX = 1
"""The spline reaches so much farther than the window, so that a bead need not be in the middle."""


class Taps(NamedTuple):
    """From coefficients along an axis to places: weights, and their slopes per px or nm.

    Attributes
    ----------
    weights, slopes
        float64 of shape (places, coefficients). Slopes are those by the bead's position.
    """

    weights: FloatArray
    slopes: FloatArray


@dataclass(frozen=True)
class Grid:
    """Where the knots are.

    Attributes
    ----------
    reach_px
        Half the window that beads are seen in.
    knots
        Knots per pixel along y and x.
    z0_nm, dz_nm
        Depth of the first plane of knots, and their distance.
    planes
        Number of planes of knots.
    """

    reach_px: int
    knots: int
    z0_nm: float
    dz_nm: float
    planes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Coefficients along z, y and x."""
        edge = 2 * (self.reach_px + MARGIN_PX) * self.knots + 3
        return self.planes + 2, edge, edge

    @property
    def window(self) -> int:
        """Pixels along y and x of a bead's window."""
        return 2 * self.reach_px + 1

    @property
    def depths_nm(self) -> FloatArray:
        """Depths of the planes of knots."""
        return self.z0_nm + self.dz_nm * np.arange(self.planes, dtype=np.float64)

    def across(self, position_px: float) -> Taps:
        """Return the taps along x or y of a bead that lies so far from its window's middle."""
        offset = np.arange(self.window, dtype=np.float64) - self.reach_px - position_px
        at = (offset + self.reach_px + MARGIN_PX) * self.knots
        taps = spline_taps(at, self.shape[1])
        return Taps(taps.weights, -self.knots * taps.slopes)

    def along(self, depth_nm: FloatArray) -> Taps:
        """Return the taps along z of planes at which a bead is at these depths.

        Depths beyond the knots get weights of 0.
        """
        at = (depth_nm - self.z0_nm) / self.dz_nm
        taps = spline_taps(at, self.shape[0])
        inside = ((at >= 0) & (at <= self.planes - 1))[:, None]
        return Taps(taps.weights * inside, taps.slopes * inside / self.dz_nm)

    def values(self, coefficients: FloatArray, samples_per_px: int) -> FloatArray:
        """Return shares of pixels at the planes of knots, float64 of shape (z, y, x).

        They lie at offsets from −reach to reach in steps of a sample, as in a PSF table.
        """
        edge = 2 * self.reach_px * samples_per_px + 1
        at = (np.arange(edge, dtype=np.float64) / samples_per_px + MARGIN_PX) * self.knots
        lateral = spline_taps(at, self.shape[1]).weights
        axial = spline_taps(np.arange(self.planes, dtype=np.float64), self.shape[0]).weights
        return project(coefficients, axial, lateral, lateral)


def spline_taps(at: FloatArray, count: int) -> Taps:
    """Return the weights of coefficients at some places, and their slopes.

    Parameters
    ----------
    at
        Places in knots, shape (n,): 0 lies on the second coefficient.
    count
        Number of coefficients.
    """
    inside = np.clip(at, 0.0, count - 3.0)
    first = np.minimum(inside.astype(np.int64), count - 4)
    rows, t = np.arange(at.size), inside - first
    u = 1 - t
    weights, slopes = np.zeros((2, at.size, count))
    values = (u**3 / 6, (4 - 6 * t**2 + 3 * t**3) / 6, (4 - 6 * u**2 + 3 * u**3) / 6, t**3 / 6)
    rises = (-0.5 * u**2, t * (1.5 * t - 2), -u * (1.5 * u - 2), 0.5 * t**2)
    for tap in range(4):
        weights[rows, first + tap] = values[tap]
        slopes[rows, first + tap] = rises[tap]
    return Taps(weights, slopes)


def project(coefficients: FloatArray, z: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
    """Return what one matrix per axis makes of coefficients (z, y, x)."""
    lateral = y @ (coefficients @ x.T)
    return np.tensordot(z, lateral, 1)


def project_back(image: FloatArray, z: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
    """Return what the transposed matrices make of an image (z, y, x)."""
    planes = np.tensordot(z.T, image, 1)
    back: FloatArray = y.T @ planes @ x
    return back
