"""Joint fit of a few overlapping emitters within a small window of a frame.

The expected photons are a background and the emitters around, taken as known, and the PSF for each
emitter of the block: a pixel-integrated Gaussian [1]_ of any sigma, or a table with a plane for
each width or depth (:mod:`deep_storm.refinement.shapes`). With EM
gain and read-out noise the variance of a pixel that expects ``λ`` photons is ``F·λ + r²``; that of
``(n + c) / F`` with ``c = r² / F`` equals its mean, so it is treated as a Poisson number [2]_::

    log likelihood = Σ [(n + c)·log(λ + c) − λ] / F

The shape (sigma, or depth) has a normal prior, photons have a normal or a gamma distribution; where
emitters lie within some depths, every one of these is as likely. Where the background is uneven,
some even light in the window is unknown and integrated out: else emitters would explain blurred
light. The best parameters are found by Fisher scoring; their information matrix gives uncertainties
and, by Laplace's approximation, the evidence for a number of emitters [3]_.

References
----------
.. [1] C. S. Smith et al., "Fast, single-molecule localization that achieves theoretically minimum
   uncertainty", Nature Methods 7, 373 (2010). https://doi.org/10.1038/nmeth.1449
.. [2] F. Huang et al., "Video-rate nanoscopy using sCMOS camera-specific single-molecule
   localization algorithms", Nature Methods 10, 653 (2013). https://doi.org/10.1038/nmeth.2488
.. [3] D. J. C. MacKay, "Bayesian interpolation", Neural Computation 4, 415 (1992).
   https://doi.org/10.1162/neco.1992.4.3.415
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deep_storm.elementary import logarithm
from deep_storm.kernels import Index, kernel
from deep_storm.psf.cholesky import decompose, solve
from deep_storm.refinement.light import fill_share
from deep_storm.refinement.prior import (
    PARAMETERS,
    Prior,
    Values,
    add_prior,
    beyond_reach,
    height_of_photons,
    log_of_photons,
    odds_of_place,
)
from deep_storm.refinement.sums import fill_pull, fill_slopes, multiply_slopes

MIN_MEAN = 0.05
"""Expected photons are taken as at least this many."""
LONGEST_STEP_PX = 0.5
MIN_PHOTON_SHARE = 0.05
CONVERGED = 1e-3
"""The fit ends when a step promises less than this in the log posterior."""
HALVINGS = 3
HOPE = 2.0
"""Far from its end, a fit may gain more than the half of what a step promises there."""
NOTHING = 0.0
UNEVEN_IN_WINDOW = 0.5
"""Of an uneven background, what is still unknown in a window when its surface has been fitted."""
NO_EVEN_LIGHT = 10.0
"""A pixel that is brighter by more of its standard deviations shows an emitter that the fit has not
got; counted as even light, the square of it would outweigh what a bright emitter explains."""
FLAT = 2.0 / math.sqrt(2.0 * math.pi)
"""A density that is flat up to ±1 is as high as a normal one with this standard deviation."""


@kernel(fastmath=True, error_model="numpy")
def add_share(photons: float, share: Any, mean: Values) -> None:
    """Add an emitter's photons to those that are expected; both flat."""
    for n in range(Index(mean.size)):
        mean[n] += photons * share[n]


@kernel(fastmath=True, error_model="numpy")
def expect(
    data: Values, base: Values, top: int, left: int, p: Values, prior: Prior, shares: Any, mean: Any
) -> float:
    """Fill in the expected photons and return the log posterior (without constants).

    Parameters
    ----------
    data, base
        ``(height, width)``: photons and expected photons without the block's emitters, both
        raised by ``c``.
    top, left
        Position of the window in the frame.
    p
        ``(emitters, 10)``.
    shares
        Work space ``(emitters, 4, height, width)``.
    mean
        ``(height, width)``, filled in.
    """
    height, width = base.shape
    seen, flat, under = data.reshape(-1), mean.reshape(-1), base.reshape(-1)
    for n in range(Index(flat.size)):
        flat[n] = under[n]
    value = 0.0
    for k in range(p.shape[0]):
        fill_share(top, left, height, width, p, k, prior, shares[k])
        add_share(p[k, 2], shares[k, 0].reshape(-1), flat)
        other = beyond_reach(p[k, 3], prior) / prior.shape_std
        value += log_of_photons(p[k, 2], prior) - 0.5 * other * other
        if p[k, 7] > 0.0:
            value += math.log(1.0 + odds_of_place(p, k, prior)[0])
    likelihood = 0.0
    for n in range(Index(flat.size)):
        m = max(flat[n], MIN_MEAN)
        flat[n] = m
        likelihood += seen[n] * logarithm(m) - m
    value += likelihood / prior.excess
    if prior.uneven_photon > 0.0:
        _, _, gain = even_light(data, mean, prior)
        value += gain
    return value


@kernel(fastmath=True, error_model="numpy")
def even_light(data: Values, mean: Values, prior: Prior) -> tuple[float, float, float]:
    """Return how much the residuals of a window want even light in it, and how surely.

    The third number is what integrating over its strength adds to the log likelihood.
    """
    height, width = mean.shape
    wanted, certain = 0.0, 0.0
    far = NO_EVEN_LIGHT * NO_EVEN_LIGHT * prior.excess
    for j in range(height):
        for i in range(width):
            off, m = data[j, i] - mean[j, i], mean[j, i]
            if off > 0.0 and off * off > far * m:
                off = math.sqrt(far * m)
            wanted += off / m
            certain += 1.0 / m
    spread = UNEVEN_IN_WINDOW * prior.uneven_photon
    wanted /= prior.excess
    certain = certain / prior.excess + 1.0 / (spread * spread)
    return wanted, certain, 0.5 * (wanted * wanted / certain - math.log(certain * spread * spread))


@kernel(fastmath=True, error_model="numpy")
def allow_even_light(
    data: Values, mean: Values, prior: Prior, slopes: Any, inverse: Any, found: Any
) -> None:
    """Take from gradient and information (``found``) what even light in the window may explain."""
    gradient, information = found
    wanted, certain, _ = even_light(data, mean, prior)
    size = gradient.size
    shared = np.empty(size)
    for a in range(size):
        total = np.float32(0.0)
        for n in range(inverse.size):
            total += slopes[a, n] * inverse[n]
        shared[a] = total
    for a in range(size):
        gradient[a] -= shared[a] * wanted / certain
        for b in range(size):
            information[a, b] -= shared[a] * shared[b] / certain


@kernel(fastmath=True, error_model="numpy")
def derive(
    data: Values, mean: Values, p: Values, prior: Prior, shares: Any, slopes: Any
) -> tuple[Values, Values]:
    """Return gradient and information matrix of the log posterior.

    ``slopes`` is work space ``(4 · emitters, pixels)`` for the derivatives of the expected photons,
    divided by their standard deviation: float32, which is right to a millionth and twice as fast.
    """
    size = PARAMETERS * p.shape[0]
    pull, inverse = np.empty(mean.size, np.float32), np.empty(mean.size, np.float32)
    fill_pull(data, mean, prior.excess, inverse, pull)
    fill_slopes(p, shares, inverse, slopes)
    gradient, information = np.empty(size), np.empty((size, size))
    multiply_slopes(slopes, pull, gradient, information)
    for a in range(size):
        for b in range(a):
            information[b, a] = information[a, b]
    if prior.uneven_photon > 0.0:
        allow_even_light(data, mean, prior, slopes, inverse, (gradient, information))
    add_prior(p, prior, gradient, information)
    return gradient, information


@kernel(fastmath=True, error_model="numpy")
def _move(p: Values, start: Values, step: Values, share: float, prior: Prior) -> None:
    """Set ``p`` to a share of the step from ``start``, kept within what is possible."""
    for k in range(p.shape[0]):
        for a in range(2):
            along = min(max(step[4 * k + a], -LONGEST_STEP_PX), LONGEST_STEP_PX)
            most = prior.most_y_px if a else prior.most_x_px
            p[k, a] = min(max(start[k, a] + share * along, prior.least_px), most)
        photons = start[k, 2] + share * step[4 * k + 2]
        p[k, 2] = max(photons, MIN_PHOTON_SHARE * prior.photons)
        shape = start[k, 3] + share * step[4 * k + 3]
        p[k, 3] = min(max(shape, prior.min_shape), prior.max_shape)


@kernel(fastmath=True, error_model="numpy")
def fit(
    data: Values,
    base: Values,
    top: int,
    left: int,
    p: Values,
    prior: Prior,
    iterations: int,
    least: float,
    judged: bool,
    mean: Values,
) -> tuple[float, Values]:
    """Fit the emitters of a block together.

    Parameters
    ----------
    data, base, top, left, mean
        As in :func:`expect`; ``mean`` is that of the result.
    p
        ``(emitters, 10)``: where to start; changed in place.
    iterations
        Most steps.
    least
        Logarithm of the evidence that is of use: a fit whose steps do not promise that ends.
    judged
        Whether evidence and factor at the end are wanted; otherwise they may be those of before.

    Returns
    -------
    Logarithm of the evidence for these emitters (up to a constant of the window), and the factor
    of their information matrix.
    """
    count = p.shape[0]
    height, width = base.shape
    shares = np.empty((count, PARAMETERS, height, width), np.float32)
    slopes = np.empty((PARAMETERS * count, height * width), np.float32)
    own = prior.log_density + math.log(2.0 * math.pi)
    own += height_of_photons(prior)
    own -= math.log(prior.shape_std + FLAT * prior.shape_reach)
    value = expect(data, base, top, left, p, prior, shares, mean)
    evidence, information = value, np.empty((0, 0))
    for _ in range(iterations if count else 0):
        start = p.copy()
        gradient, information = derive(data, mean, p, prior, shares, slopes)
        evidence = value - 0.5 * decompose(information) + count * own
        step = gradient.copy()
        solve(information, step)
        promised = 0.0
        for a in range(step.size):
            promised += step[a] * gradient[a]
        if promised < CONVERGED or evidence + HOPE * promised < least:
            return evidence, information
        share = 1.0
        for _ in range(HALVINGS):
            _move(p, start, step, share, prior)
            new = expect(data, base, top, left, p, prior, shares, mean)
            if new >= value:
                break
            share *= 0.3
        if new < value:
            _move(p, start, step, NOTHING, prior)
            expect(data, base, top, left, p, prior, shares, mean)
            return evidence, information
        value = new
    if not judged:
        return evidence, information
    _, information = derive(data, mean, p, prior, shares, slopes)
    return value - 0.5 * decompose(information) + count * own, information
