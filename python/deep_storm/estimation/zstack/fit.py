"""All beads and the PSF fitted together.

The expected photons of a pixel, background + photons · Σ c · B, are linear in the coefficients of
the PSF. In turns, the PSF is solved for by conjugate gradients, and each bead's place, photons and
background by Gauss-Newton steps. Neither needs a bead to be well aligned before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.zstack.grid import Grid, Taps, project, project_back
from deep_storm.estimation.zstack.smoothness import Smoothness

FloatArray = npt.NDArray[np.float64]

PARAMETERS = 6
"""Of a bead: x, y, z, logarithm of photons, its fall over the scan, background."""
MAX_STEP = np.array([0.3, 0.3, 80.0, 0.5, 0.5, np.inf])
MAX_OFF_PX = 0.95
MISFIT = 0.02
"""Share of the light that the PSF is never known better than, as beads differ."""
MIN_LEVEL = 0.1
"""Photons that a pixel is not expected to have less than, when noise is worked out."""
GAUSS_NEWTON_STEPS = 2
CG_STEPS = 25
CG_TOLERANCE = 1e-3
DAMPING = 1e-6


@dataclass(frozen=True)
class BeadFit:
    """A bead's planes and what is known of it.

    Attributes
    ----------
    photons
        Photoelectrons, float64 of shape (z, n, n).
    read_variance
        Of each pixel, (n, n).
    excess
        Excess noise factor.
    plane_nm
        Depth of each plane relative to the first one's.
    at
        x and y from the window's middle in px, depth of the first plane in nm, logarithm of the
        photons, their fall over the scan (logarithm), background.
    around
        Background of the field there, if it is seen beyond all beads.
    """

    photons: FloatArray
    read_variance: FloatArray
    excess: float
    plane_nm: FloatArray
    at: FloatArray
    around: float | None = None

    @property
    def light(self) -> FloatArray:
        """Photons in each plane, shape (z, 1, 1)."""
        return np.exp(self.at[3] - self.at[4] * self.elapsed)[:, None, None]

    @property
    def elapsed(self) -> FloatArray:
        """Where each plane lies in the scan, from −½ to ½."""
        middle = 0.5 * self.plane_nm[-1]
        return (self.plane_nm - middle) / (2.0 * middle)

    @property
    def depths_nm(self) -> FloatArray:
        """Depth of the bead in each plane."""
        return self.at[2] + self.plane_nm

    def taps(self, grid: Grid) -> tuple[Taps, Taps, Taps]:
        """Return the taps along z, y and x."""
        return grid.along(self.depths_nm), grid.across(self.at[1]), grid.across(self.at[0])


@dataclass(frozen=True)
class Image:
    """What a bead is expected to look like.

    Attributes
    ----------
    share
        Share of the light in each pixel, (z, n, n).
    expected
        Photons, (z, n, n).
    noise
        Variance by noise alone.
    weight
        1 over the variance, misfit included; 0 in planes beyond the PSF's depths.
    """

    share: FloatArray
    expected: FloatArray
    noise: FloatArray
    weight: FloatArray

    @classmethod
    def of(cls, bead: BeadFit, coefficients: FloatArray, grid: Grid) -> Image:
        """Work out what a bead is expected to look like."""
        z, y, x = bead.taps(grid)
        share = project(coefficients, z.weights, y.weights, x.weights)
        signal = bead.light * share
        noise = bead.excess * np.maximum(signal + bead.at[5], MIN_LEVEL) + bead.read_variance
        covered = np.any(z.weights != 0.0, axis=1, keepdims=True)[..., None]
        return cls(share, signal + bead.at[5], noise, covered / (noise + (MISFIT * signal) ** 2))


def solve_psf(
    beads: list[BeadFit],
    targets: list[FloatArray],
    weights: list[FloatArray],
    grid: Grid,
    smooth: Smoothness,
    begin: FloatArray | None = None,
) -> FloatArray:
    """Return the coefficients that explain what beads show, by conjugate gradients.

    Parameters
    ----------
    beads
        The beads.
    targets
        What each shows without its background, (z, n, n).
    weights
        1 over the variance of each.
    grid, smooth
        Knots and smoothness.
    begin
        Where to begin; default: nowhere.
    """
    maps = [tuple(t.weights for t in bead.taps(grid)) for bead in beads]

    def times(c: FloatArray) -> FloatArray:
        total = smooth.times(c)
        for bead, (z, y, x), weight in zip(beads, maps, weights, strict=True):
            total += project_back(weight * bead.light**2 * project(c, z, y, x), z, y, x)
        return total

    right, diagonal = np.zeros(grid.shape), smooth.diagonal()
    for bead, (z, y, x), weight, seen in zip(beads, maps, weights, targets, strict=True):
        right += project_back(weight * bead.light * seen, z, y, x)
        diagonal += project_back(weight * bead.light**2, z**2, y**2, x**2)
    found = np.zeros(grid.shape) if begin is None else begin.copy()
    left = right - (times(found) if begin is not None else 0.0)
    scaled = left / diagonal
    direction, energy = scaled.copy(), float(np.sum(left * scaled))
    goal = CG_TOLERANCE**2 * float(np.sum(right**2 / diagonal))
    for _ in range(CG_STEPS):
        if energy <= goal:
            break
        product = times(direction)
        step = energy / float(np.sum(direction * product))
        found += step * direction
        left -= step * product
        scaled = left / diagonal
        before, energy = energy, float(np.sum(left * scaled))
        direction = scaled + (energy / before) * direction
    return found


def fit_bead(bead: BeadFit, coefficients: FloatArray, grid: Grid) -> BeadFit:
    """Return the bead with place, photons and background that fit better."""
    for _ in range(GAUSS_NEWTON_STEPS):
        image = Image.of(bead, coefficients, grid)
        z, y, x = bead.taps(grid)
        light = bead.light
        slopes = np.stack(
            [
                light * project(coefficients, z.weights, y.weights, x.slopes),
                light * project(coefficients, z.weights, y.slopes, x.weights),
                light * project(coefficients, z.slopes, y.weights, x.weights),
                light * image.share,
                -bead.elapsed[:, None, None] * light * image.share,
                np.ones_like(image.share),
            ]
        ).reshape(PARAMETERS, -1)
        weighted = slopes * image.weight.ravel()
        normal = weighted @ slopes.T
        normal[np.diag_indices(PARAMETERS)] *= 1.0 + DAMPING
        step = np.linalg.solve(normal, weighted @ (bead.photons - image.expected).ravel())
        at = bead.at + np.clip(step, -MAX_STEP, MAX_STEP)
        at[:2] = np.clip(at[:2], -MAX_OFF_PX, MAX_OFF_PX)
        bead = replace(bead, at=at)
    return bead


def seen_light(beads: list[BeadFit]) -> list[FloatArray]:
    """Return what each bead shows without its background."""
    return [bead.photons - bead.at[5] for bead in beads]


def images(beads: list[BeadFit], coefficients: FloatArray, grid: Grid) -> Iterator[Image]:
    """Return what each bead is expected to look like, one after the other."""
    for bead in beads:
        yield Image.of(bead, coefficients, grid)


def difference(bead: BeadFit, image: Image) -> float:
    """Return how much a bead differs from the PSF: relative RMS, beyond noise."""
    covered = image.weight > 0
    signal = (image.expected - bead.at[5])[covered]
    off = (bead.photons - image.expected)[covered]
    beyond = float(np.sum(off**2) - np.sum(image.noise[covered]))
    return math.sqrt(max(beyond, 0.0) / max(float(np.sum(signal**2)), 1e-12))


def chi2(bead: BeadFit, image: Image) -> float:
    """Return the mean square of a bead's residuals in standard deviations of the noise."""
    covered = image.weight > 0
    return float(np.mean((bead.photons - image.expected)[covered] ** 2 / image.noise[covered]))
