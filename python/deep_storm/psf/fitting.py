"""The round, pixel-integrated Gaussian that fits an image of a PSF best: its centre and width.

Along one axis, a pixel whose centre is at the offset ``d`` from the emitter gets the share::

    g(d) = ½ · [erf((d + ½ − x) / (√2·σ)) − erf((d − ½ − x) / (√2·σ))]

in pixels (Smith et al., *Nat. Methods* 2010); a pixel of the image gets the product of both axes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import erf

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
    """The pixel-integrated Gaussian that comes closest to an image of a PSF (least squares).

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


def profile(offset_px: FloatArray, centre_px: float, sigma_px: float) -> FloatArray:
    """Return the share of pixels along one axis, and its derivatives.

    Parameters
    ----------
    offset_px
        Offsets of the pixels' centres, shape (n,).
    centre_px, sigma_px
        Of the Gaussian.

    Returns
    -------
    float64 of shape (3, n): the share, its derivative by the centre and by the logarithm of sigma.
    """
    low = (offset_px - 0.5 - centre_px) / sigma_px
    high = (offset_px + 0.5 - centre_px) / sigma_px
    root, norm = math.sqrt(0.5), 1.0 / math.sqrt(2.0 * math.pi)
    low_height, high_height = norm * np.exp(-0.5 * low * low), norm * np.exp(-0.5 * high * high)
    share = 0.5 * (erf(high * root) - erf(low * root))
    return np.stack(
        [share, (low_height - high_height) / sigma_px, low * low_height - high * high_height]
    )


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
    offset_px = offsets_px(image.shape[0], samples_per_px)
    shares: FloatArray = np.asarray(image, dtype=np.float64)
    best = _start(shares, offset_px)
    share, error, step = _step(shares, offset_px, best, 0.0)
    damping = 0.0
    for _ in range(ITERATIONS):
        new_share, new_error, new_step = _step(shares, offset_px, best + step, damping)
        if new_error < error:
            improved = error - new_error
            share, error, best, damping = new_share, new_error, best + step, damping * 0.1
            step = new_step
            if improved < CONVERGED * error or np.abs(step).max() < CONVERGED_PX:
                break
        else:
            damping = max(10.0 * damping, 1e-2)
            if damping > MAX_DAMPING:
                break
            _, _, step = _step(shares, offset_px, best, damping)
    return GaussianFit(share, float(best[0]), float(best[1]), math.exp(best[2]))


def _start(image: FloatArray, offset_px: FloatArray) -> FloatArray:
    """Return x, y and log sigma to start from: the brightest sample, and what fits around it."""
    row, column = np.unravel_index(int(image.argmax()), image.shape)
    x, y = offset_px[column], offset_px[row]
    root = math.sqrt(2.0) * TRIED_SIGMAS_PX[:, None]
    across, down = (
        0.5 * np.subtract(*(erf((offset_px - at + edge) / root) for edge in (0.5, -0.5)))
        for at in (x, y)
    )
    seen = np.sum((down @ image) * across, axis=1)
    explained = seen**2 / (np.sum(down**2, axis=1) * np.sum(across**2, axis=1))
    return np.array([x, y, math.log(TRIED_SIGMAS_PX[int(explained.argmax())])])


def _step(
    image: FloatArray, offset_px: FloatArray, at: FloatArray, damping: float
) -> tuple[float, float, FloatArray]:
    """Return the best amplitude, the error and a damped Gauss-Newton step in x, y and log sigma.

    The model is a product of its axes, so no image but the given one is ever made: all sums over
    pixels are products of sums over an axis.
    """
    sigma = math.exp(at[2])
    across, down = profile(offset_px, at[0], sigma), profile(offset_px, at[1], sigma)
    seen = SLOPES @ (down @ image @ across.T).ravel()
    normal = SLOPES @ np.kron(down @ down.T, across @ across.T) @ SLOPES.T
    share = seen[0] / normal[0, 0]
    error = float(np.sum(image * image) - share * seen[0])
    gradient = seen - share * normal[0]
    scale = np.array([1.0, share, share, share])
    normal *= np.outer(scale, scale)
    normal[np.diag_indices(4)] *= 1.0 + damping
    step = np.linalg.solve(normal, scale * gradient)[1:]
    return float(share), error, np.clip(step, -MAX_STEP, MAX_STEP)
