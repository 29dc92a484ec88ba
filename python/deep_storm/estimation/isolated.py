"""Isolated emitters, found and fitted one by one.

A stack that is not crowded shows its emitters singly: maxima of the smoothed frame with nothing
else near, each fitted by maximum likelihood (Poisson noise, integrated Gaussian, free position,
photons, background and sigma) [1]_. Read-out variance is added to data
and model [2]_; with EM gain all counts are halved, which gives them
their doubled variance. Fits at the bound of their range or with too large residuals – two emitters
in one – are left out. What remains of a crowded stack are its rarest, not its typical emitters.

References
----------
.. [1] C. S. Smith et al., "Fast, single-molecule localization that achieves theoretically minimum
   uncertainty", Nature Methods 7, 373 (2010). https://doi.org/10.1038/nmeth.1449
.. [2] F. Huang et al., "Video-rate nanoscopy using sCMOS camera-specific single-molecule
   localization algorithms", Nature Methods 10, 653 (2013). https://doi.org/10.1038/nmeth.2488
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from deep_storm.kernels import kernel

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PARAMETERS = 5
ITERATIONS = 40
RADIUS_SIGMAS = 3.0
APART_SIGMAS = 6.0
NOISE_THRESHOLD = 5.0
"""A maximum counts from so many standard deviations of the smoothed frame's noise on."""
MAX_MISFIT = 2.5
"""χ² may lie so many standard deviations above its mean."""
AROUND_SIGMAS = 6.0
"""Light that varies over so many sigma is background, not an emitter."""
SIGMA_RANGE = (0.5, 2.0)
"""Fitted sigma over the expected one; beyond, a fit is at its bound."""
MAX_FITS = 4000


class IsolatedFits(NamedTuple):
    """Fits of isolated emitters, arrays of the same length n.

    Attributes
    ----------
    photons, background, sigma_px
        As fitted, in photoelectrons and pixels.
    photons_error, sigma_error_px
        Standard errors (Cramér–Rao).
    candidates
        Maxima that stood alone, before fits were judged.
    peaks
        All maxima, but those in the skirts of others.
    """

    photons: FloatArray
    background: FloatArray
    sigma_px: FloatArray
    photons_error: FloatArray
    sigma_error_px: FloatArray
    candidates: int
    peaks: int = 0


@kernel
def _profile(
    position: float, sigma: float, size: int, value: FloatArray, by_x: FloatArray, by_s: FloatArray
) -> None:
    """Share of the light in each pixel of a line, and its derivatives by position and sigma."""
    scale = 1.0 / (math.sqrt(2.0) * sigma)
    norm = 1.0 / (math.sqrt(2.0 * math.pi) * sigma)
    for i in range(size):
        low, high = i - position, i + 1 - position
        at_low = norm * math.exp(-((low * scale) ** 2))
        at_high = norm * math.exp(-((high * scale) ** 2))
        value[i] = 0.5 * (math.erf(high * scale) - math.erf(low * scale))
        by_x[i] = at_low - at_high
        by_s[i] = (low * at_low - high * at_high) / sigma


@kernel
def _start(data: FloatArray, sigma0: float) -> FloatArray:
    """Guess x, y, photons, background and sigma: the rim of the window is background."""
    size = data.shape[0]
    inner = data[1:-1, 1:-1].sum()
    rim = (data.sum() - inner) / (4 * (size - 1))
    background = max(rim, 0.05)
    photons = max(data.sum() - background * size * size, 10.0)
    return np.array([size / 2.0, size / 2.0, photons, background, sigma0])


@kernel
def _normal_equations(
    data: FloatArray,
    p: FloatArray,
    extra: float,
    lines: FloatArray,
    gradient: FloatArray,
    fisher: FloatArray,
) -> float:
    """Fill the gradient of the likelihood and the Fisher information; return χ²."""
    size = data.shape[0]
    columns, rows = lines[:3], lines[3:]
    _profile(p[0], p[4], size, columns[0], columns[1], columns[2])
    _profile(p[1], p[4], size, rows[0], rows[1], rows[2])
    gradient[:] = 0.0
    fisher[:] = 0.0
    chi2 = 0.0
    slope = np.empty(PARAMETERS)
    for i in range(size):
        for j in range(size):
            slope[0] = p[2] * rows[0, i] * columns[1, j]
            slope[1] = p[2] * rows[1, i] * columns[0, j]
            slope[2] = rows[0, i] * columns[0, j]
            slope[3] = 1.0
            slope[4] = p[2] * (rows[2, i] * columns[0, j] + rows[0, i] * columns[2, j])
            expected = p[2] * slope[2] + p[3] + extra
            apart = data[i, j] + extra - expected
            chi2 += apart * apart / expected
            for a in range(PARAMETERS):
                gradient[a] += slope[a] * apart / expected
                for b in range(PARAMETERS):
                    fisher[a, b] += slope[a] * slope[b] / expected
    for a in range(PARAMETERS):
        fisher[a, a] *= 1.0 + 1e-9
    return chi2


@kernel
def _move(p: FloatArray, step: FloatArray, sigma0: float) -> bool:
    """Take one step of bounded length; return whether the fit has converged."""
    share = 1.0 / max(1.0, abs(step[0]), abs(step[1]))
    share = min(share, 0.3 * p[4] / max(abs(step[4]), 1e-12))
    share = min(share, 0.5 * p[2] / max(abs(step[2]), 1e-12))
    for a in range(PARAMETERS):
        p[a] += share * step[a]
    p[2] = max(p[2], 1.0)
    p[3] = max(p[3], 1e-3)
    p[4] = min(max(p[4], 0.3 * sigma0), 3.0 * sigma0)
    moved = abs(step[0]) + abs(step[1]) + abs(step[4])
    return moved < 1e-4 * sigma0 and abs(step[2]) < 1e-4 * p[2]


@kernel
def _fit_one(
    data: FloatArray, sigma0: float, extra: float, fitted: FloatArray, errors: FloatArray
) -> float:
    """Fit one window by Fisher scoring; return χ², or −1 where the fit fails.

    ``fitted`` and ``errors`` take x, y, photons, background, sigma.
    """
    p = _start(data, sigma0)
    lines = np.empty((6, data.shape[0]))
    gradient, fisher = np.empty(PARAMETERS), np.empty((PARAMETERS, PARAMETERS))
    for _ in range(ITERATIONS):
        _normal_equations(data, p, extra, lines, gradient, fisher)
        step = np.linalg.solve(fisher, gradient).astype(np.float64)
        if _move(p, step, sigma0):
            chi2 = _normal_equations(data, p, extra, lines, gradient, fisher)
            inverse = np.linalg.inv(fisher)
            for a in range(PARAMETERS):
                fitted[a] = p[a]
                errors[a] = math.sqrt(max(inverse[a, a], 0.0))
            return chi2
    return -1.0


@kernel
def _fit_all(
    frames: Float32,
    frame: npt.NDArray[np.int64],
    row: npt.NDArray[np.int64],
    column: npt.NDArray[np.int64],
    radius: int,
    sigma0: float,
    extra: float,
    share: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fit the windows around maxima; ``share`` scales data (and results back)."""
    count = frame.size
    fitted, errors = np.zeros((count, 5)), np.zeros((count, 5))
    chi2 = np.empty(count)
    size = 2 * radius + 1
    window = np.empty((size, size))
    for k in range(count):
        for i in range(size):
            for j in range(size):
                value = frames[frame[k], row[k] - radius + i, column[k] - radius + j]
                window[i, j] = share * value
        chi2[k] = _fit_one(window, sigma0, share * share * extra, fitted[k], errors[k])
        for a in (2, 3):
            fitted[k, a] /= share
            errors[k, a] /= share
    return fitted, errors, chi2


def fit_isolated(
    blocks: Sequence[Float32], sigma_px: float, read_variance: float, em: bool
) -> IsolatedFits:
    """Find and fit isolated emitters.

    Parameters
    ----------
    blocks
        Frames in photoelectrons, (t, y, x) each.
    sigma_px
        PSF sigma, roughly.
    read_variance
        Of a pixel, photoelectrons².
    em
        Whether the camera multiplies electrons.
    """
    radius = max(3, math.ceil(RADIUS_SIGMAS * sigma_px + 0.5))
    share = 0.5 if em else 1.0
    fitted, errors, chi2 = [np.empty((0, 5))], [np.empty((0, 5))], [np.empty(0)]
    found = peaks = 0
    for frames in blocks:
        for start in range(0, len(frames), 20):
            piece = frames[start : start + 20]
            places, count = _alone(piece, sigma_px, radius)
            found += places[0].size
            peaks += count
            parts = _fit_all(piece, *places, radius, sigma_px, read_variance, share)
            fitted.append(parts[0])
            errors.append(parts[1])
            chi2.append(parts[2])
            if sum(part.shape[0] for part in fitted) >= MAX_FITS:
                break
    p, e, misfit = np.concatenate(fitted), np.concatenate(errors), np.concatenate(chi2)
    freedom = (2 * radius + 1) ** 2 - PARAMETERS
    kept = (misfit >= 0) & (misfit < freedom + MAX_MISFIT * math.sqrt(2.0 * freedom))
    kept &= (p[:, 4] > SIGMA_RANGE[0] * sigma_px) & (p[:, 4] < SIGMA_RANGE[1] * sigma_px)
    kept &= p[:, 2] > 3.0 * e[:, 2]
    kept &= (np.abs(p[:, :2] - radius - 0.5) < 1.5).all(axis=1)
    p, e = p[kept], e[kept]
    return IsolatedFits(p[:, 2], p[:, 3], p[:, 4], e[:, 2], e[:, 4], found, peaks)


def _alone(
    frames: Float32, sigma_px: float, radius: int
) -> tuple[tuple[Integers, Integers, Integers], int]:
    """Return frame, row and column of isolated maxima, and the number of all maxima."""
    smooth = ndimage.gaussian_filter(frames, (0, sigma_px, sigma_px), mode="nearest")
    wide_px = AROUND_SIGMAS * sigma_px
    smooth -= ndimage.gaussian_filter(frames, (0, wide_px, wide_px), mode="nearest")
    middle = np.median(smooth, axis=(1, 2), keepdims=True)
    # below the median there is noise alone; above it, emitters
    below = np.where(smooth < middle, smooth - middle, np.nan)
    noise = np.sqrt(np.nanmean(below**2, axis=(1, 2), keepdims=True))
    reach = max(1, math.ceil(sigma_px))
    around = ndimage.maximum_filter(smooth, (1, 2 * reach + 1, 2 * reach + 1), mode="nearest")
    peaks = (smooth == around) & (smooth > middle + NOISE_THRESHOLD * noise)
    wide = 2 * math.ceil(RADIUS_SIGMAS * sigma_px) + 1
    highest = smooth == ndimage.maximum_filter(smooth, (1, wide, wide), mode="nearest")
    count = int(np.count_nonzero((peaks & highest)[:, 1:-1, 1:-1]))
    apart = math.ceil(APART_SIGMAS * sigma_px)
    neighbours = ndimage.uniform_filter(
        peaks.astype(np.float32), (1, 2 * apart + 1, 2 * apart + 1), mode="constant"
    )
    peaks &= neighbours * (2 * apart + 1) ** 2 < 1.5
    peaks[:, :radius] = peaks[:, -radius:] = False
    peaks[:, :, :radius] = peaks[:, :, -radius:] = False
    frame, row, column = np.nonzero(peaks)
    return (frame.astype(np.int64), row.astype(np.int64), column.astype(np.int64)), count
