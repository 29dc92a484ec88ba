"""The round, pixel-integrated Gaussian that fits an image of a PSF best: its centre and width.

Along one axis, a pixel whose centre is at the offset ``d`` from the emitter gets the share::

    g(d) = ½ · [erf((d + ½ − x) / (√2·σ)) − erf((d − ½ − x) / (√2·σ))]

in pixels [1]_; a pixel of the image gets the product of both axes.

References
----------
.. [1] C. S. Smith et al., "Fast, single-molecule localization that achieves theoretically minimum
   uncertainty", Nature Methods 7, 373 (2010). https://doi.org/10.1038/nmeth.1449
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel

FloatArray = npt.NDArray[np.float64]

TRIED_SIGMAS_PX = np.exp(np.linspace(math.log(0.3), math.log(8.0), 16))
"""Where the fit may start."""
ITERATIONS = 30
CONVERGED_PX = 1e-5
CONVERGED = 1e-6
"""The fit ends when a step changes less than this, or the error by less than this share of it."""
MAX_DAMPING = 1e6
MAX_STEP = np.array([0.5, 0.5, 0.3])
"""In x and y (px) and log sigma."""
SLOPES = np.zeros((4, 9))
"""The model and its derivatives by x, y and log sigma, as products of :func:`profile` along y (the
slow index) and x: amplitude, x, y, and both axes' sigma."""
SLOPES[(0, 1, 2, 3, 3), (0, 1, 3, 6, 2)] = 1.0


class GaussianFit(NamedTuple):
    """The pixel-integrated Gaussian closest to an image of a PSF (least squares).

    Attributes
    ----------
    share
        Its integral: the share of the light that looks like a Gaussian.
    x_px, y_px
        Its centre, relative to the middle of the image.
    sigma_px
        Its standard deviation without the pixel.
    """

    share: float
    x_px: float
    y_px: float
    sigma_px: float


def offsets_px(edge: int, samples_per_px: int) -> FloatArray:
    """Return the offsets of ``edge`` (odd) samples from the middle one, in pixels."""
    return (np.arange(edge) - edge // 2) / samples_per_px


@kernel(fastmath=True)
def fill_profile(offset_px: FloatArray, centre_px: float, sigma_px: float, out: FloatArray) -> None:
    """Fill in the share of pixels along one axis, and its derivatives.

    Parameters
    ----------
    offset_px
        Offsets of the pixels' centres, float64 of shape (n,).
    centre_px, sigma_px
        Of the Gaussian.
    out
        float64 of shape (3, n): the share, its derivative by the centre and by the logarithm of
        sigma.
    """
    root, norm = math.sqrt(0.5), 1.0 / math.sqrt(2.0 * math.pi)
    for i in range(offset_px.size):
        low = (offset_px[i] - 0.5 - centre_px) / sigma_px
        high = (offset_px[i] + 0.5 - centre_px) / sigma_px
        low_height, high_height = (
            norm * math.exp(-0.5 * low * low),
            norm * math.exp(-0.5 * high * high),
        )
        out[0, i] = 0.5 * (math.erf(high * root) - math.erf(low * root))
        out[1, i] = (low_height - high_height) / sigma_px
        out[2, i] = low * low_height - high * high_height


def profile(offset_px: FloatArray, centre_px: float, sigma_px: float) -> FloatArray:
    """Return the share of pixels along one axis, float64 of the shape of ``offset_px``."""
    filled = np.empty((3, offset_px.size))
    fill_profile(offset_px, centre_px, sigma_px, filled)
    share: FloatArray = filled[0]
    return share


def fit_gaussian(image: npt.NDArray[np.floating], samples_per_px: int) -> GaussianFit:
    """Fit a round, pixel-integrated Gaussian to an image of a PSF.

    All samples count alike, so the bright core decides and rings hardly matter.

    Parameters
    ----------
    image
        One plane of a table: shares at offsets from the middle, shape (n, n) with odd n.
    samples_per_px
        Samples of ``image`` per pixel along each axis.
    """
    shares = np.ascontiguousarray(image, dtype=np.float64)
    at = np.empty(3)
    share = _fit(shares, offsets_px(len(shares), samples_per_px), at)
    return GaussianFit(share, float(at[0]), float(at[1]), math.exp(at[2]))


@kernel(fastmath=True)
def _fit(image: FloatArray, offset_px: FloatArray, best: FloatArray) -> float:
    """Fill in x, y and log sigma of the best fit and return its amplitude."""
    work = np.empty((2, 3, offset_px.size))
    step, trial, trial_step = np.empty(3), np.empty(3), np.empty(3)
    _start(image, offset_px, work, best)
    damping = 0.0
    share, error = _step(image, offset_px, best, damping, work, step)
    for _ in range(ITERATIONS):
        for p in range(3):
            trial[p] = best[p] + step[p]
        trial_share, trial_error = _step(image, offset_px, trial, damping, work, trial_step)
        if trial_error < error:
            improved, longest = error - trial_error, 0.0
            for p in range(3):
                best[p], step[p] = trial[p], trial_step[p]
                longest = max(longest, abs(step[p]))
            share, error, damping = trial_share, trial_error, damping * 0.1
            if improved < CONVERGED * error or longest < CONVERGED_PX:
                break
        else:
            damping = max(10.0 * damping, 1e-2)
            if damping > MAX_DAMPING:
                break
            _step(image, offset_px, best, damping, work, step)
    return share


@kernel(fastmath=True)
def _start(image: FloatArray, offset_px: FloatArray, work: FloatArray, best: FloatArray) -> None:
    """Fill in starting values of x, y and log sigma: the brightest sample, and a fit around it."""
    brightest = image[0, 0] - 1.0
    for j in range(image.shape[0]):
        for i in range(image.shape[1]):
            if image[j, i] > brightest:
                brightest = image[j, i]
                best[0], best[1] = offset_px[i], offset_px[j]
    most = -1.0
    for sigma in TRIED_SIGMAS_PX:
        fill_profile(offset_px, best[0], sigma, work[0])
        fill_profile(offset_px, best[1], sigma, work[1])
        seen, across, down = 0.0, 0.0, 0.0
        for j in range(image.shape[0]):
            row = 0.0
            for i in range(image.shape[1]):
                row += image[j, i] * work[0, 0, i]
            seen += row * work[1, 0, j]
            across += work[0, 0, j] ** 2
            down += work[1, 0, j] ** 2
        if seen * seen > most * across * down:
            most = seen * seen / (across * down)
            best[2] = math.log(sigma)


@kernel(fastmath=True)
def _project(image: FloatArray, work: FloatArray, seen: FloatArray, gram: FloatArray) -> float:
    """Sum the products of the image, and of the profiles, with profiles; return its square."""
    total = 0.0
    for j in range(image.shape[0]):
        r0, r1, r2 = 0.0, 0.0, 0.0
        for i in range(image.shape[1]):
            value = image[j, i]
            r0 += value * work[0, 0, i]
            r1 += value * work[0, 1, i]
            r2 += value * work[0, 2, i]
            total += value * value
        for a in range(3):
            seen[3 * a] += work[1, a, j] * r0
            seen[3 * a + 1] += work[1, a, j] * r1
            seen[3 * a + 2] += work[1, a, j] * r2
            for b in range(3):
                gram[0, a, b] += work[0, a, j] * work[0, b, j]
                gram[1, a, b] += work[1, a, j] * work[1, b, j]
    return total


@kernel(fastmath=True)
def _step(
    image: FloatArray,
    offset_px: FloatArray,
    at: FloatArray,
    damping: float,
    work: FloatArray,
    step: FloatArray,
) -> tuple[float, float]:
    """Fill in a damped Gauss-Newton step in x, y, log sigma; return best amplitude and error.

    The model is a product of its axes, so no image but the given one is ever made: all sums over
    pixels are products of sums over an axis.
    """
    sigma = math.exp(at[2])
    fill_profile(offset_px, at[0], sigma, work[0])
    fill_profile(offset_px, at[1], sigma, work[1])
    seen, gram = np.zeros(9), np.zeros((2, 3, 3))
    total = _project(image, work, seen, gram)
    gradient, normal = np.zeros(4), np.zeros((4, 4))
    for p in range(4):
        for r in range(9):
            gradient[p] += SLOPES[p, r] * seen[r]
            for q in range(4):
                for s in range(9):
                    product = gram[1, r // 3, s // 3] * gram[0, r % 3, s % 3]
                    normal[p, q] += SLOPES[p, r] * SLOPES[q, s] * product
    share = gradient[0] / normal[0, 0]
    error = total - share * gradient[0]
    for p in range(4):
        gradient[p] -= share * normal[0, p]
    for p in range(1, 4):
        gradient[p] *= share
        for q in range(4):
            normal[p, q] *= share
            normal[q, p] *= share
    for p in range(4):
        normal[p, p] *= 1.0 + damping
    _solve(normal, gradient)
    for p in range(3):
        step[p] = min(max(gradient[p + 1], -MAX_STEP[p]), MAX_STEP[p])
    return share, error


@kernel(fastmath=True)
def _solve(matrix: FloatArray, right: FloatArray) -> None:
    """Solve a positive definite system in place (no pivots needed)."""
    size = right.size
    for p in range(size):
        for q in range(p + 1, size):
            factor = matrix[q, p] / matrix[p, p]
            for r in range(p, size):
                matrix[q, r] -= factor * matrix[p, r]
            right[q] -= factor * right[p]
    for p in range(size - 1, -1, -1):
        for q in range(p + 1, size):
            right[p] -= matrix[p, q] * right[q]
        right[p] /= matrix[p, p]
