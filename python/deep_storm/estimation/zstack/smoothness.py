"""What is known of a PSF over depth before it is measured: how smooth it is.

A lens passes no detail finer than λ / 2NA along x and y, and none finer than some λ along z. Fourth
differences of the coefficients count in proportion to those of a wave of that length, as high as
the PSF is about there.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from deep_storm.estimation.psf.spline import FINEST_SIGMAS, SMOOTHNESS, WEAK

FloatArray = npt.NDArray[np.float64]

FINEST_NM = 600.0
"""Finest detail along z."""
FLOOR = 3e-3
"""No place counts as darker than this share of the peak."""


class Smoothness:
    """The quadratic form that says how rough coefficients are.

    Parameters
    ----------
    coefficients
        About the PSF, float64 of shape (z, y, x).
    sigma_px
        Standard deviation of the PSF in focus.
    knots
        Knots per pixel.
    dz_nm
        Distance of the planes of knots.
    """

    def __init__(self, coefficients: FloatArray, sigma_px: float, knots: int, dz_nm: float) -> None:
        wide = sigma_px * knots
        height = gaussian_filter(np.abs(coefficients), (1.0, wide, wide))
        height = np.maximum(height, FLOOR * float(height.max()))
        lateral = (2.0 * math.sin(math.pi / max(FINEST_SIGMAS * wide, 2.0))) ** 4
        axial = (2.0 * math.sin(math.pi / max(FINEST_NM / dz_nm, 2.0))) ** 4
        self._weak = SMOOTHNESS * WEAK / height**2
        self._parts = [
            (_fourth(count), axis, SMOOTHNESS / (usual * _inner(height, axis)) ** 2)
            for axis, (count, usual) in enumerate(
                zip(coefficients.shape, (axial, lateral, lateral), strict=True)
            )
            if count > 4
        ]

    def times(self, coefficients: FloatArray) -> FloatArray:
        """Return the matrix of the form times coefficients."""
        total = self._weak * coefficients
        for matrix, axis, weight in self._parts:
            total += _along(matrix.T, weight * _along(matrix, coefficients, axis), axis)
        return total

    def diagonal(self) -> FloatArray:
        """Return the diagonal of the matrix."""
        total = self._weak.copy()
        for matrix, axis, weight in self._parts:
            total += _along(matrix.T**2, weight, axis)
        return total


def _fourth(count: int) -> FloatArray:
    matrix: FloatArray = np.diff(np.eye(count), n=4, axis=0)
    return matrix


def _inner(height: FloatArray, axis: int) -> FloatArray:
    return height[(slice(None),) * axis + (slice(2, -2),)]


def _along(matrix: FloatArray, values: FloatArray, axis: int) -> FloatArray:
    """Multiply along an axis."""
    if axis == 0:
        return np.tensordot(matrix, values, 1)
    product: FloatArray = matrix @ values if axis == 1 else values @ matrix.T
    return product
