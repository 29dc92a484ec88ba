"""The PSF as a cubic B-spline: its coefficients, their starting values, and its smoothness."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.ndimage import shift, spline_filter

from deep_storm.psf.fitting import offsets_px, profile
from deep_storm.psf.table import SAMPLES_PER_PX

FloatArray = npt.NDArray[np.float64]

RADIUS_SIGMAS = 11.0
"""Half the window, in sigmas of the PSF: 4 % of the light of a perfect lens lies beyond."""
MIN_RADIUS_PX, MAX_RADIUS_PX = 5, 24
WIDE_SIGMA_PX = 1.4
"""From this sigma on a knot per pixel is enough; below, there are two."""
SMOOTHNESS = 2.0
"""Weight of the smoothness;"""
WEAK = 1e-4
"""weight of the height itself against it."""
FINEST_SIGMAS = 2.4
TAIL = 0.0767
"""Light of a perfect lens far out, mean over a ring: 0.0767 · sigma / r³ per px² (sigma, r in px).

An Airy pattern has the share 2 / (π v) beyond v = 2π · NA · r / λ (Born & Wolf, § 8.5.2, averaged
over a ring), and a Gaussian with sigma = 0.21 · λ / NA fits its middle. Aberrations change phases
inside the pupil, not the edge that this light comes from.
"""
OUTER = 0.6
"""From this share of the radius on, a window shows the tails."""
TAIL_MARGIN = 2.0
"""Curvature is measured against a Gaussian or so many times these tails, whichever is larger."""


@dataclass(frozen=True)
class Spline:
    """A window of a PSF with knots.

    Attributes
    ----------
    radius_px
        Half the window.
    knots
        Knots per pixel, 1 or 2.
    """

    radius_px: int
    knots: int

    @classmethod
    def for_sigma(cls, sigma_px: float, smallest_edge_px: int) -> Spline:
        """Return the spline for a PSF of about this width, in scenes of at least this edge."""
        wanted = round(RADIUS_SIGMAS * sigma_px)
        radius = min(wanted, MAX_RADIUS_PX, smallest_edge_px // 2)
        return cls(max(radius, MIN_RADIUS_PX), 1 if sigma_px >= WIDE_SIGMA_PX else 2)

    @property
    def edge(self) -> int:
        """Coefficients along an axis."""
        return 2 * self.radius_px * self.knots + 3

    def distances_px(self) -> FloatArray:
        """Return each coefficient's distance from the middle, shape (edge, edge)."""
        along = offsets_px(self.edge, self.knots)
        return np.hypot(along[:, None], along[None, :])

    def gaussian(self, sigma_px: float) -> FloatArray:
        """Return the coefficients of a pixel-integrated Gaussian with all its light."""
        share = profile(offsets_px(self.edge - 2, self.knots), 0.0, sigma_px)
        return np.pad(spline_filter(np.outer(share, share), 3, mode="mirror"), 1, mode="reflect")

    def values(self, coefficients: FloatArray, samples_per_px: int = SAMPLES_PER_PX) -> FloatArray:
        """Return shares of pixels at offsets from −radius to radius, as in a PSF table."""
        at = np.arange(2 * self.radius_px * samples_per_px + 1) * self.knots / samples_per_px
        matrix = _taps(at, self.edge)
        return matrix @ coefficients @ matrix.T

    def light(self, coefficients: FloatArray) -> float:
        """Return the share of the light in the window, mean over positions within a pixel."""
        values = self.values(coefficients)
        weights = np.ones(len(values))
        weights[[0, -1]] = 0.5
        return float(weights @ values @ weights) / SAMPLES_PER_PX**2

    def moved(self, coefficients: FloatArray, x_px: float, y_px: float) -> FloatArray:
        """Return the coefficients of the PSF shifted by a fraction of a pixel."""
        by = (y_px * self.knots, x_px * self.knots)
        result: FloatArray = shift(coefficients, by, order=3, mode="nearest")
        return result

    def roughness(self, sigma_px: float) -> sp.csr_matrix:
        """Return the matrix of the quadratic form that measures roughness of the coefficients.

        A lens passes no detail finer than λ / 2NA, which is 2.4 sigma. Fourth differences count in
        proportion to those of a wave of that length, as high as a PSF is at that distance.
        """
        height = envelope(self.distances_px(), sigma_px)
        finest = FINEST_SIGMAS * sigma_px * self.knots
        usual = height * (2.0 * math.sin(math.pi / max(finest, 2.0))) ** 4
        edge = self.edge
        weights = [1.0, -4.0, 6.0, -4.0, 1.0]
        fourth = sp.diags(weights, [0, 1, 2, 3, 4], shape=(edge - 4, edge))
        same = sp.identity(edge)
        total = sp.diags(WEAK / height.ravel() ** 2)
        for difference, scale in (
            (sp.kron(fourth, same), usual[2:-2]),
            (sp.kron(same, fourth), usual[:, 2:-2]),
        ):
            total = total + difference.T @ sp.diags(1.0 / scale.ravel() ** 2) @ difference
        return (SMOOTHNESS * total).tocsr()


def envelope(distance_px: FloatArray, sigma_px: float) -> FloatArray:
    """Return the approximate height of a PSF at some distances: a Gaussian with a lens's tails."""
    wide = sigma_px**2 + 1.0 / 12.0
    middle = np.exp(-0.5 * distance_px**2 / wide) / (2.0 * math.pi * wide)
    far = TAIL_MARGIN * TAIL * sigma_px / np.maximum(distance_px, 2.0 * sigma_px) ** 3
    return np.maximum(middle, far)


def light_beyond(sigma_px: float, radius_px: int) -> float:
    """Return the share of the light of a perfect lens beyond a square window of ± ``radius_px``."""
    return 4.0 * math.sqrt(2.0) * TAIL * sigma_px / radius_px


def tail_strength(values: FloatArray, samples_per_px: int, sigma_px: float) -> float:
    """Return the light in the outer part of a window over that of a perfect lens.

    Parameters
    ----------
    values
        Shares of pixels at offsets from −radius to radius.
    samples_per_px
        Values per pixel.
    sigma_px
        Of the Gaussian that fits best.
    """
    along = offsets_px(len(values), samples_per_px)
    distance = np.hypot(along[:, None], along[None, :])
    outer = (distance > OUTER * along[-1]) & (distance < along[-1])
    return float(np.mean(values[outer] * distance[outer] ** 3)) / (TAIL * sigma_px)


def gauges(coefficients: FloatArray) -> FloatArray:
    """Return the changes of a PSF that emitters compensate: of scale, and of position in x and y.

    Returns
    -------
    float64 of shape (edge², 3), columns of length 1.
    """
    along_x, along_y = np.zeros((2, *coefficients.shape))
    along_x[:, 1:-1] = coefficients[:, 2:] - coefficients[:, :-2]
    along_y[1:-1] = coefficients[2:] - coefficients[:-2]
    columns = np.stack([coefficients.ravel(), along_x.ravel(), along_y.ravel()], axis=1)
    normed: FloatArray = columns / np.linalg.norm(columns, axis=0)
    return normed


def _taps(at: FloatArray, count: int) -> FloatArray:
    """Return the matrix from ``count`` coefficients to the spline's values at given positions."""
    first = np.minimum(at.astype(np.int64), count - 4)
    rows, t = np.arange(at.size), at - first
    matrix = np.zeros((at.size, count))
    weights = ((1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3)
    for tap, weight in enumerate(weights):
        matrix[rows, first + tap] = weight / 6
    return matrix
