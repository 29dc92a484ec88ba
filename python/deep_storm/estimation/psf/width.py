"""Approximate width of the PSF from the covariance of neighbouring pixels."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.psf.scenes import Scenes

FloatArray = npt.NDArray[np.float64]

FAR_SIGMAS = (5.0, 8.0)
"""What pixels so far apart have in common is background."""
FIRST_SIGMA_PX = 1.3
SIGMA_RANGE_PX = (0.6, 3.5)
MIN_SHARE = 0.02
"""Pixels beside each other share at least this much of their variance where emitters shine."""


def guess_sigma_px(light: FloatArray) -> float | None:
    """Return an approximate standard deviation of the PSF, None where pixels do not covary.

    The covariance of two pixels at the distance d is proportional to exp(−d² / 4s²), with
    s² = σ² + 1/12 for the pixel, however many emitters there are.

    Parameters
    ----------
    light
        Photons less what is usual in a pixel, float64 of shape (s, y, x).
    """
    sigma_px = FIRST_SIGMA_PX
    variance = float(np.mean(light**2))
    for _ in range(2):
        far = [_covariance(light, round(k * sigma_px)) for k in FAR_SIGMAS]
        near = np.array([_covariance(light, lag) for lag in (1, 2)]) - np.mean(far)
        if near.min() <= 0.0 or near[0] < MIN_SHARE * variance or near[1] >= near[0]:
            return None
        square = 0.75 / math.log(near[0] / near[1]) - 1.0 / 12.0
        sigma_px = float(np.clip(math.sqrt(max(square, 0.0)), *SIGMA_RANGE_PX))
    return sigma_px


def blinking(scenes: Scenes) -> FloatArray:
    """Return scenes without their constant light, float64 of shape (s, y, x).

    It is 0 where a pixel is unknown.
    """
    light = scenes.photons.copy()
    for window in np.unique(scenes.window):
        own = scenes.window == window
        light[own] -= _usual(light[own])
    known = np.isfinite(light).sum(axis=(1, 2), keepdims=True)  # of some scenes nothing is
    spread: FloatArray = light - np.nansum(light, axis=(1, 2), keepdims=True) / np.maximum(known, 1)
    return np.nan_to_num(spread)


def _usual(light: FloatArray) -> FloatArray:
    """Return the median of each pixel over the scenes of a window, of all where it is unknown."""
    known = np.isfinite(light).any(axis=0)
    if not known.any():
        return np.zeros(light.shape[1:])
    whole = np.nanmedian(light)
    if len(light) < 2:
        return np.full(light.shape[1:], whole)
    usual = np.full(light.shape[1:], whole)
    usual[known] = np.nanmedian(light[:, known], axis=0)
    return usual


def _covariance(light: FloatArray, lag_px: int) -> float:
    """Return the mean product of pixels at a distance along x or y."""
    lag = min(lag_px, min(light.shape[1:]) - 1)
    along_x = np.mean(light[:, :, lag:] * light[:, :, :-lag])
    along_y = np.mean(light[:, lag:] * light[:, :-lag])
    return float(along_x + along_y) / 2.0
