"""Joint fit of a few overlapping emitters within a small window of a frame.

The expected photons are a background and the emitters around, taken as known, and the PSF for each
emitter of the block: a pixel-integrated Gaussian [1]_ of any sigma, or a table with a plane for
each width or depth (:mod:`deep_storm.refinement.shapes`). With EM
gain and read-out noise the variance of a pixel that expects ``λ`` photons is ``F·λ + r²``; that of
``(n + c) / F`` with ``c = r² / F`` equals its mean, so it is treated as a Poisson number [2]_::

    log likelihood = Σ [(n + c)·log(λ + c) − λ] / F

Photons and shape (sigma, or depth) have normal priors. The best parameters are found by Fisher
scoring; their information matrix gives uncertainties and, by Laplace's approximation, the evidence
for a number of emitters [3]_.

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
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel
from deep_storm.psf.kernels import fill_table_window
from deep_storm.refinement.cholesky import decompose, solve

Values = npt.NDArray[np.float64]

PARAMETERS = 4
"""Of an emitter: x (px), y (px), photons, and its shape: PSF sigma or depth (px)."""
MIN_INFORMATION = 0.25
"""Of a position (1/px²), however dim an emitter is."""
MIN_MEAN = 0.05
"""Expected photons are taken as at least this many."""
LONGEST_STEP_PX = 0.5
MIN_PHOTON_SHARE = 0.05
CONVERGED = 1e-3
"""The fit ends when a step promises less than this in the log posterior."""
HALVINGS = 3
NOTHING = 0.0


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
    reach_px
        How far the light of an emitter is drawn.
    shape, shape_std, min_shape, max_shape
        Mean, standard deviation and bounds of the fourth parameter.
    planes
        Coefficients of the PSF's table, float32 (shape, y, x); of size 0 for a Gaussian.
    samples_per_px, radius_px
        Of the table.
    first_plane, plane_step
        Shape of its first plane, and from plane to plane.
    """

    photons: float
    photons_std: float
    sigma_px: float
    excess: float
    log_density: float
    reach_px: float
    shape: float
    shape_std: float
    min_shape: float
    max_shape: float
    planes: npt.NDArray[np.float32]
    samples_per_px: int
    radius_px: int
    first_plane: float
    plane_step: float


@kernel(fastmath=True)
def fill_profile(first: int, size: int, centre: float, sigma: float, out: Values) -> None:
    """Fill in one axis of an emitter.

    Parameters
    ----------
    first, size
        First pixel and number of pixels.
    centre, sigma
        In pixels, corner rule.
    out
        ``(3, at least size)``: the share of each pixel, its derivative by the centre and by sigma.
    """
    inverse = 1.0 / sigma
    root = math.sqrt(0.5)
    norm = 1.0 / math.sqrt(2.0 * math.pi)
    below = (first - centre) * inverse
    low = math.erf(below * root)
    low_height = norm * math.exp(-0.5 * below * below)
    for i in range(size):
        above = (first + i + 1 - centre) * inverse
        high = math.erf(above * root)
        high_height = norm * math.exp(-0.5 * above * above)
        out[0, i] = 0.5 * (high - low)
        out[1, i] = (low_height - high_height) * inverse
        out[2, i] = (below * low_height - above * high_height) * inverse
        below, low, low_height = above, high, high_height


@kernel(fastmath=True)
def fill_share(
    top: int, left: int, height: int, width: int, p: Values, k: int, prior: Prior, out: Values
) -> None:
    """Fill in which share of emitter ``k`` a window gets, and how that changes.

    Parameters
    ----------
    top, left, height, width
        The window.
    out
        ``(1 or 4, at least height, at least width)``: the share, and if there is room its
        derivatives by x, y and shape.
    """
    if prior.planes.size:
        fill_table_window(
            top, left, height, width, p[k, 0], p[k, 1], p[k, 3], prior.planes,
            prior.samples_per_px, prior.radius_px, prior.first_plane, prior.plane_step, out,
        )  # fmt: skip
        return
    rows = np.empty((6, max(height, width)))
    fill_profile(top, height, p[k, 1], p[k, 3], rows[:3])
    fill_profile(left, width, p[k, 0], p[k, 3], rows[3:])
    for j in range(height):
        y0, y1, y2 = rows[0, j], rows[1, j], rows[2, j]
        for i in range(width):
            x0 = rows[3, i]
            out[0, j, i] = y0 * x0
            if out.shape[0] > 1:
                out[1, j, i] = y0 * rows[4, i]
                out[2, j, i] = y1 * x0
                out[3, j, i] = y2 * x0 + y0 * rows[5, i]


@kernel(fastmath=True)
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
        ``(emitters, 4)``.
    shares
        Work space ``(emitters, 4, height, width)``.
    mean
        ``(height, width)``, filled in.
    """
    height, width = base.shape
    for j in range(height):
        for i in range(width):
            mean[j, i] = base[j, i]
    value = 0.0
    for k in range(p.shape[0]):
        fill_share(top, left, height, width, p, k, prior, shares[k])
        for j in range(height):
            for i in range(width):
                mean[j, i] += p[k, 2] * shares[k, 0, j, i]
        off = (p[k, 2] - prior.photons) / prior.photons_std
        other = (p[k, 3] - prior.shape) / prior.shape_std
        value -= 0.5 * (off * off + other * other)
    likelihood = 0.0
    for j in range(height):
        for i in range(width):
            m = max(mean[j, i], MIN_MEAN)
            mean[j, i] = m
            likelihood += data[j, i] * math.log(m) - m
    return value + likelihood / prior.excess


@kernel(fastmath=True)
def fill_slopes(p: Values, shares: Any, inverse: Values, height: int, width: int, out: Any) -> None:
    """Fill in the derivatives of the expected photons, each times ``inverse`` of its pixel."""
    for k in range(p.shape[0]):
        for j in range(height):
            for i in range(width):
                n = j * width + i
                photons = p[k, 2] * inverse[n]
                out[4 * k, n] = photons * shares[k, 1, j, i]
                out[4 * k + 1, n] = photons * shares[k, 2, j, i]
                out[4 * k + 2, n] = inverse[n] * shares[k, 0, j, i]
                out[4 * k + 3, n] = photons * shares[k, 3, j, i]


@kernel(fastmath=True)
def add_prior(p: Values, prior: Prior, gradient: Values, information: Values) -> None:
    """Add what is known of photons and shape before."""
    for k in range(p.shape[0]):
        weight = 1.0 / prior.photons_std**2
        gradient[4 * k + 2] -= (p[k, 2] - prior.photons) * weight
        information[4 * k + 2, 4 * k + 2] += weight
        weight = 1.0 / prior.shape_std**2
        gradient[4 * k + 3] -= (p[k, 3] - prior.shape) * weight
        information[4 * k + 3, 4 * k + 3] += weight
        # Two emitters at one place: the difference of their positions has no information.
        information[4 * k, 4 * k] += MIN_INFORMATION
        information[4 * k + 1, 4 * k + 1] += MIN_INFORMATION


@kernel(fastmath=True)
def derive(
    data: Values, mean: Values, p: Values, prior: Prior, shares: Any, slopes: Any
) -> tuple[Values, Values]:
    """Return gradient and information matrix of the log posterior.

    ``slopes`` is work space ``(4 · emitters, pixels)`` for the derivatives of the expected photons,
    divided by their standard deviation.
    """
    height, width = mean.shape
    size = PARAMETERS * p.shape[0]
    pull = np.empty(height * width)
    inverse = np.empty(height * width)
    for j in range(height):
        for i in range(width):
            n = j * width + i
            inverse[n] = 1.0 / math.sqrt(mean[j, i] * prior.excess)
            pull[n] = (data[j, i] - mean[j, i]) * inverse[n]
    fill_slopes(p, shares, inverse, height, width, slopes)
    gradient = np.empty(size)
    information = np.empty((size, size))
    for a in range(size):
        total = 0.0
        for n in range(height * width):
            total += slopes[a, n] * pull[n]
        gradient[a] = total
        for b in range(a + 1):
            total = 0.0
            for n in range(height * width):
                total += slopes[a, n] * slopes[b, n]
            information[a, b] = total
            information[b, a] = total
    add_prior(p, prior, gradient, information)
    return gradient, information


@kernel(fastmath=True)
def _move(p: Values, start: Values, step: Values, share: float, prior: Prior) -> None:
    """Set ``p`` to a share of the step from ``start``, kept within what is possible."""
    for k in range(p.shape[0]):
        for a in range(2):
            along = min(max(step[4 * k + a], -LONGEST_STEP_PX), LONGEST_STEP_PX)
            p[k, a] = start[k, a] + share * along
        photons = start[k, 2] + share * step[4 * k + 2]
        p[k, 2] = max(photons, MIN_PHOTON_SHARE * prior.photons)
        shape = start[k, 3] + share * step[4 * k + 3]
        p[k, 3] = min(max(shape, prior.min_shape), prior.max_shape)


@kernel(fastmath=True)
def fit(
    data: Values,
    base: Values,
    top: int,
    left: int,
    p: Values,
    prior: Prior,
    iterations: int,
    mean: Values,
) -> tuple[float, Values]:
    """Fit the emitters of a block together.

    Parameters
    ----------
    data, base, top, left, mean
        As in :func:`expect`; ``mean`` is that of the result.
    p
        ``(emitters, 4)``: where to start; changed in place.
    iterations
        Most steps.

    Returns
    -------
    Logarithm of the evidence for these emitters (up to a constant of the window), and the factor
    of their information matrix.
    """
    count = p.shape[0]
    height, width = base.shape
    shares = np.empty((count, PARAMETERS, height, width))
    slopes = np.empty((PARAMETERS * count, height * width))
    value = expect(data, base, top, left, p, prior, shares, mean)
    for _ in range(iterations if count else 0):
        start = p.copy()
        gradient, information = derive(data, mean, p, prior, shares, slopes)
        decompose(information)
        step = gradient.copy()
        solve(information, step)
        promised = 0.0
        for a in range(step.size):
            promised += step[a] * gradient[a]
        if promised < CONVERGED:
            break
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
            break
        value = new
    _, information = derive(data, mean, p, prior, shares, slopes)
    evidence = value - 0.5 * decompose(information)
    own = prior.log_density + math.log(2.0 * math.pi)
    own -= math.log(prior.photons_std) + math.log(prior.shape_std)
    return evidence + count * own, information
