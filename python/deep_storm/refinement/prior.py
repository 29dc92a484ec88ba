"""What is known of emitters and noise before a frame is seen."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel

Values = npt.NDArray[np.float64]

PARAMETERS = 4
"""Of an emitter: x (px), y (px), photons, and its shape: PSF sigma or depth (px)."""

COLUMNS = 10
"""Of an emitter: these four, and what the frames beside say of its place: x and y of a molecule
that is on in them (px), its certainty (1/px²), how much likelier an emitter is right there than
anywhere else, and its depth (px) with the certainty of that, 0 where it is not told."""

WRONG_DEPTH = 0.1
"""How likely the depth in a frame beside is on the wrong side of the focus, or another one's."""

MIN_INFORMATION = 0.25
"""Of a position (1/px²), however dim an emitter is."""


class Prior(NamedTuple):
    """What is known of emitters and noise before a frame is seen.

    Attributes
    ----------
    photons, photons_std
        Mean and standard deviation of an emitter's photons.
    sigma_px
        Usual sigma of the Gaussian that comes closest to the PSF.
    excess
        Variance of a bright pixel over its mean, both in photons.
    log_density
        Logarithm of the emitters per pixel expected.
    reaches_px
        ``(n,)``: how far the light of emitters is drawn; of a table, between each of its planes and
        the next one.
    shape, shape_std, min_shape, max_shape
        Mean, standard deviation and bounds of the fourth parameter.
    shape_reach
        How far on both sides of the mean every value is as likely; the standard deviation is that
        of what lies beyond. 0: the prior is normal.
    planes
        Coefficients of the PSF's table, float32 (shape, y, x); of size 0 for a Gaussian.
    samples_per_px, radius_px
        Of the table.
    first_plane, plane_step
        Shape of its first plane, and from plane to plane.
    photons_order
        Of the gamma distribution that photons have; 0: it is normal.
    uneven_photon
        Standard deviation of the background from place to place, by unevenness and by emitters far
        out of focus (photons per pixel). 0: the background is even.
    least_px, most_x_px, most_y_px
        The smallest x and y that an emitter can have, and the largest ones.
    """

    photons: float
    photons_std: float
    sigma_px: float
    excess: float
    log_density: float
    reaches_px: Values
    shape: float
    shape_std: float
    min_shape: float
    max_shape: float
    shape_reach: float
    planes: npt.NDArray[np.float32]
    samples_per_px: int
    radius_px: int
    first_plane: float
    plane_step: float
    uneven_photon: float = 0.0
    photons_order: float = 0.0
    least_px: float = -math.inf
    most_x_px: float = math.inf
    most_y_px: float = math.inf


@kernel(fastmath=True, inline="always", error_model="numpy")
def beyond_reach(shape: float, prior: Prior) -> float:
    """Return how far a shape is from the mean, or from where every one is as likely."""
    off = shape - prior.shape
    return off - min(max(off, -prior.shape_reach), prior.shape_reach)


@kernel(fastmath=True, error_model="numpy")
def reach_of(shape: float, prior: Prior) -> float:
    """Return how far the light of an emitter of this shape is drawn (px)."""
    at = (shape - prior.first_plane) / prior.plane_step
    last = prior.reaches_px.size - 1
    return float(prior.reaches_px[int(min(max(at, 0.0), float(last)))])


@kernel(fastmath=True, inline="always", error_model="numpy")
def odds_of_place(p: Values, k: int, prior: Prior) -> tuple[float, float]:
    """Return how much likelier an emitter is at its place for what the frames beside say.

    The second number is the part of it that holds if they are right about the depth.
    """
    off_x, off_y = p[k, 0] - p[k, 4], p[k, 1] - p[k, 5]
    odds = p[k, 7] * math.exp(-0.5 * p[k, 6] * (off_x * off_x + off_y * off_y))
    if p[k, 9] == 0.0:
        return odds, 0.0
    off_z = p[k, 3] - p[k, 8]
    height = (prior.max_shape - prior.min_shape) * math.sqrt(p[k, 9] / (2.0 * math.pi))
    right = (1.0 - WRONG_DEPTH) * odds * height * math.exp(-0.5 * p[k, 9] * off_z * off_z)
    return WRONG_DEPTH * odds + right, right


def expected_there(p: Values, prior: Prior) -> Values:
    """Return the probability that emitters are the molecules that the frames beside say are there.

    Parameters
    ----------
    p
        ``(n, 10)``.
    prior
        Of depths.
    """
    odds = np.array([odds_of_place(p, k, prior)[0] for k in range(len(p))])
    expected: Values = odds / (1.0 + odds)
    return expected


@kernel(fastmath=True, inline="always", error_model="numpy")
def log_of_photons(photons: float, prior: Prior) -> float:
    """Return the logarithm of the density of these photons, without its constant."""
    if prior.photons_order > 0.0:
        share = photons / prior.photons
        return (prior.photons_order - 1.0) * math.log(share) - prior.photons_order * share
    off = (photons - prior.photons) / prior.photons_std
    return -0.5 * off * off


@kernel(fastmath=True, error_model="numpy")
def height_of_photons(prior: Prior) -> float:
    """Return the constant of that density, as if it were a normal one."""
    order = prior.photons_order
    if order > 0.0:
        constant = order * math.log(order) - math.lgamma(order) - math.log(prior.photons)
        return constant + 0.5 * math.log(2.0 * math.pi)
    return -math.log(prior.photons_std)


@kernel(fastmath=True, error_model="numpy")
def add_prior(p: Values, prior: Prior, gradient: Values, information: Values) -> None:
    """Add what is known of place, photons and shape before."""
    for k in range(p.shape[0]):
        weight = 1.0 / prior.photons_std**2
        order = prior.photons_order
        if order > 0.0:
            gradient[4 * k + 2] += (order - 1.0) / p[k, 2] - order / prior.photons
            weight = max(weight, (order - 1.0) / p[k, 2] ** 2)
        else:
            gradient[4 * k + 2] -= (p[k, 2] - prior.photons) * weight
        information[4 * k + 2, 4 * k + 2] += weight
        weight = 1.0 / prior.shape_std**2
        beyond = beyond_reach(p[k, 3], prior)
        gradient[4 * k + 3] -= beyond * weight
        # Where every shape is as likely, one that is not known at all has that range's variance.
        flat = prior.shape_reach > 0.0 and beyond == 0.0
        information[4 * k + 3, 4 * k + 3] += 3.0 / prior.shape_reach**2 if flat else weight
        # Two emitters at one place: the difference of their positions has no information.
        odds, right = odds_of_place(p, k, prior)
        certain = right / (1.0 + odds) * p[k, 9]
        gradient[4 * k + 3] -= certain * (p[k, 3] - p[k, 8])
        information[4 * k + 3, 4 * k + 3] += certain
        certain = odds / (1.0 + odds) * p[k, 6]
        for a in range(2):
            gradient[4 * k + a] -= certain * (p[k, a] - p[k, 4 + a])
            information[4 * k + a, 4 * k + a] += MIN_INFORMATION + certain
