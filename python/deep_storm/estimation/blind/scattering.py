"""Forward model of the pixel values of independently blinking emitters.

Emitters that appear as a Poisson process with density ρ(r), photons N and PSF h, over a background
b, seen by a camera: the exponent Λ(s) = −log⟨exp(−s·Y)⟩ of the value Y of a box of pixels is
(Campbell's theorem, with the camera's noise folded in)::

    Λ(s) = z·B + ∫ ρ(r) ⟨1 − exp(−z·N·H(r))⟩ dr − s²·R/2

    z = 1 − exp(−s)   Poisson noise         z = s/(1 + s)   with EM gain (gamma on top of Poisson)

B, H and R are background, PSF and read-out variance summed over the box. Everything is additive:
averaged over the field, Λ depends on the mean density only, whatever the structure. Small s show
mean and variance of the light, large s how often a box is dark; between them they tell apart what
means alone cannot: background, density and photons.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import erf

FloatArray = npt.NDArray[np.float64]
Family = Literal["uniform", "gamma"]
"""How photons are distributed: evenly between two ends, or with a long tail."""

GRID = 18
"""Points of the quadrature over an emitter's position, along half an axis."""
ROWS, COLUMNS = np.triu_indices(GRID)
TIMES = np.where(ROWS == COLUMNS, 1.0, 2.0)
"""Of those points half of a quadrant, and how often each counts: x and y may be exchanged."""
REACH_SIGMAS = 4.5


class Scales(NamedTuple):
    """Where the exponents are taken: arrays of the same length.

    Attributes
    ----------
    s
        Per photoelectron.
    box_px
        Edge of the box of pixels.
    """

    s: FloatArray
    box_px: npt.NDArray[np.int64]


class Light(NamedTuple):
    """Parameters of the model, in photoelectrons and pixels.

    Attributes
    ----------
    background
        Mean of a pixel without emitters.
    density
        Emitters per pixel and frame.
    photons, relative_spread
        Mean of an emitter, and standard deviation over mean.
    sigma_px, sigma_spread
        PSF sigma, and standard deviation over mean.
    read_variance
        Of a pixel.
    background_variance
        Of the background from frame to frame.
    density_variance
        Relative variance of the density from frame to frame, times the mean square of the
        density over the square of its mean.
    baseline_error
        By how much all values are too high.
    """

    background: float
    density: float
    photons: float
    relative_spread: float
    sigma_px: float
    sigma_spread: float
    read_variance: float = 0.0
    background_variance: float = 0.0
    density_variance: float = 0.0
    baseline_error: float = 0.0


def pixel_share(distance_px: FloatArray, sigma_px: float, box_px: int) -> FloatArray:
    """Share of the light that falls between ±box/2, one axis, for emitters at a distance."""
    scale = 1.0 / (np.sqrt(2.0) * sigma_px)
    half = box_px / 2.0
    share: FloatArray = 0.5 * (
        erf((half - distance_px) * scale) - erf((-half - distance_px) * scale)
    )
    return share


def peak_share(sigma_px: float, box_px: int) -> float:
    """Share of the light of an emitter in the middle of a box that falls into it."""
    return float(pixel_share(np.zeros(1), sigma_px, box_px)[0]) ** 2


def expected_exponents(light: Light, scales: Scales, em: bool, family: Family) -> FloatArray:
    """Return Λ at each scale.

    Parameters
    ----------
    light
        The parameters.
    scales
        Where.
    em
        Whether the camera multiplies electrons.
    family
        Distribution of the photons.
    """
    z = scales.s / (1.0 + scales.s) if em else -np.expm1(-scales.s)
    result = np.empty_like(scales.s)
    for box in np.unique(scales.box_px):
        here = scales.box_px == box
        share, area = _collected(light, int(box))
        absent = _absent(z[here, None] * share, light.photons, light.relative_spread, family)
        result[here] = light.density * (absent @ area)
    pixels = scales.box_px.astype(np.float64) ** 2
    variance = light.background_variance * (z * pixels) ** 2
    variance += light.density_variance * result**2
    result += z * light.background * pixels - variance / 2
    result += pixels * (scales.s * light.baseline_error - scales.s**2 * light.read_variance / 2)
    return result


def _collected(light: Light, box: int) -> tuple[FloatArray, FloatArray]:
    """Return the share of an emitter's light that a box collects, and the area of such places."""
    shares, areas = [], []
    for sign in (-1.0, 1.0):  # two sigmas have the mean and the spread of all of them
        sigma_px = light.sigma_px * (1.0 + sign * light.sigma_spread)
        reach = box / 2 + REACH_SIGMAS * sigma_px
        step = reach / GRID
        distance = (np.arange(GRID, dtype=np.float64) + 0.5) * step
        line = pixel_share(distance, sigma_px, box)
        shares.append(line[ROWS] * line[COLUMNS])
        areas.append(TIMES * 4.0 * step**2 / 2.0)
    return np.concatenate(shares), np.concatenate(areas)


def _absent(z: FloatArray, mean: float, spread: float, family: Family) -> FloatArray:
    """Return ⟨1 − exp(−z·N)⟩ over the distribution of N."""
    if family == "gamma":
        return -np.expm1(-np.log1p(z * mean * spread**2) / spread**2)
    half = np.maximum(z * mean * spread * np.sqrt(3.0), 1e-9)
    # capped against overflow only: exp(−z·mean) is nothing there
    present = np.exp(-z * mean) * np.sinh(np.minimum(half, 300.0)) / half
    return np.asarray(1.0 - present)
