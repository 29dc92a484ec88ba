"""Covariance of pixel values over time, and the PSF fitted to it.

Emitters that appear independently of each other (Poisson) with density ρ, photons N and PSF h
make the values of two pixels at a distance d vary together in time by::

    C(d) = ρ ⟨N²⟩ ∫ h(r) h(r + d) dr        averaged over the field, d ≠ 0

whatever structure they sit on: the temporal cumulants of Poisson numbers add up. Shot noise,
read-out noise and EM excess noise of two pixels are independent of each other, so they are in
C(0) only. The width of C is that of the PSF, its sum is ρ⟨N²⟩; over the mean light ρ⟨N⟩ this gives
⟨N²⟩/⟨N⟩, the photons of an emitter, without finding a single one. (Second-order cumulants as in
super-resolution optical fluctuation imaging [1]_.)

References
----------
.. [1] T. Dertinger et al., "Fast, background-free, 3D super-resolution optical fluctuation imaging
   (SOFI)", PNAS 106, 22287 (2009). https://doi.org/10.1073/pnas.0907866106
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.optimize import least_squares

from deep_storm.estimation.blind.scattering import pixel_share

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]

REACH_PX = 6
"""Distances up to which pixels are compared, for a PSF of about one pixel."""
SIGMA_LIMITS_PX = (0.4, 6.0)
START_PX = 1.3
"""Where the search for sigma begins."""


class Covariance(NamedTuple):
    """A Gaussian PSF fitted to the covariance of pixels.

    Attributes
    ----------
    sigma_px
        PSF sigma.
    amplitude
        ρ⟨N²⟩, photoelectrons² per pixel.
    amplitude_error
        Its standard error, from the residuals.
    offset
        What all pixels share: light or density that changes from frame to frame.
    """

    sigma_px: float
    amplitude: float
    amplitude_error: float
    offset: float


def temporal_covariance(frames: Float32, weight: FloatArray, reach: int) -> FloatArray:
    """Return the mean temporal covariance of pixels at each distance.

    As :func:`lagged_covariances` without a lag, float64 of shape (2·reach + 1, 2·reach + 1).
    """
    return lagged_covariances(frames, weight, reach, 1)[0]


def lagged_covariances(
    frames: Float32, weight: FloatArray, reach: int, lags: int, centred: bool = True
) -> FloatArray:
    """Return the mean covariance of pixels in a frame and in those 0, 1, … frames later.

    Parameters
    ----------
    frames
        Photoelectrons, (t, y, x).
    weight
        How much each pixel counts, (y, x).
    reach
        Largest distance along an axis.
    lags
        How many there are, 0 among them.
    centred
        Whether the mean over time is taken off; of differences it is known to be nothing.

    Returns
    -------
    float64 of shape (lags, 2·reach + 1, 2·reach + 1): C(d) of each, with d = 0 in the middle.
    """
    shape = tuple(fft.next_fast_len(n + reach, real=True) for n in weight.shape)
    weights = weight.astype(np.float32)
    mean = np.float32(0)
    if centred:
        mean = frames.mean(axis=0, dtype=np.float64).astype(np.float32)
    power = np.zeros((lags, shape[0], shape[1] // 2 + 1), np.complex128)
    earlier: list[npt.NDArray[np.complex64]] = []
    for frame in frames:
        earlier.insert(0, fft.rfft2((frame - mean) * weights, s=shape))
        for lag, spectrum in enumerate(earlier):
            power[lag] += np.conj(spectrum) * earlier[0]
        del earlier[lags - 1 :]
    overlap = fft.irfft2(np.abs(fft.rfft2(weights, s=shape)) ** 2, s=shape)
    around = np.arange(-reach, reach + 1)
    window = np.ix_(around, around)
    # without a lag: the unbiased variance
    pairs = len(frames) - np.maximum(np.arange(lags), 1 if centred else 0)[:, None, None]
    result: FloatArray = np.stack([fft.irfft2(p, s=shape)[window] for p in power])
    result /= pairs * overlap[window]
    return result


def overlap_of_psf(sigma_px: float, reach: int) -> FloatArray:
    """Return ∫ h(r) h(r + d) dr of a Gaussian integrated over pixels, as C(d) is laid out."""
    step = 0.1
    r = np.arange(-8 * sigma_px - 2, 8 * sigma_px + 2, step)
    here = pixel_share(r, sigma_px, 1)
    half = [float(np.sum(here * pixel_share(r - d, sigma_px, 1)) * step) for d in range(reach + 1)]
    line = np.array(half[:0:-1] + half)
    return np.outer(line, line)


def fit_covariance(covariance: FloatArray) -> Covariance:
    """Fit PSF sigma, amplitude and offset to C(d) without d = 0.

    Parameters
    ----------
    covariance
        As :func:`temporal_covariance` returns it.
    """
    reach = len(covariance) // 2
    used = np.ones_like(covariance, dtype=bool)
    used[reach, reach] = False
    values = covariance[used]
    scale = float(np.abs(values).max()) or 1.0

    def linear(sigma_px: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        design = np.stack([overlap_of_psf(sigma_px, reach)[used], np.ones(values.size)], axis=1)
        solution = np.linalg.lstsq(design, values, rcond=None)[0]
        return solution, values - design @ solution, design

    def residuals(parameters: FloatArray) -> FloatArray:
        return linear(float(parameters[0]))[1] / scale

    found = least_squares(residuals, [START_PX], bounds=SIGMA_LIMITS_PX, diff_step=[1e-3])
    sigma_px = float(found.x[0])
    (amplitude, offset), rest, design = linear(sigma_px)
    inverse = np.linalg.inv(design.T @ design)
    # C(d) = C(−d): half of the values are the same numbers twice
    error = float(np.sqrt(2.0 * np.var(rest) * inverse[0, 0]))
    return Covariance(sigma_px, float(amplitude), error, float(offset))


def amplitude_at(covariance: FloatArray, sigma_px: float) -> float:
    """Return the amplitude of a Gaussian PSF in C(d) (or a lagged one), d = 0 left out."""
    return amplitude(covariance, overlap_of_psf(sigma_px, len(covariance) // 2))


def amplitude(covariance: FloatArray, overlap: FloatArray) -> float:
    """Return the amplitude of a known PSF's overlap in C(d) (or a lagged one), d = 0 left out."""
    used = np.ones_like(covariance, dtype=bool)
    used[len(covariance) // 2, len(covariance) // 2] = False
    design = np.stack([overlap[used], np.ones(used.sum())], axis=1)
    return float(np.linalg.lstsq(design, covariance[used], rcond=None)[0][0])
