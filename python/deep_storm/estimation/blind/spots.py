"""Constant bright spots: beads, dirt and hot pixels, which are not blinking emitters."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.blind.covariance import Covariance
from deep_storm.estimation.blind.scattering import peak_share

Float32 = npt.NDArray[np.float32]

BRIGHT_FIDUCIAL = 4.0
"""A pixel whose *median* holds so many emitters' light may be no blinking molecule,"""
BLINKING_SHARE = 0.3
"""and is none when it scatters by less than this share of what blinking light does."""


def constant_spots(
    block: Float32, found: Covariance, background: float, excess: float
) -> npt.NDArray[np.bool_]:
    """Mark pixels that are bright most of the time and do not blink.

    Parameters
    ----------
    block
        Photoelectrons, (t, y, x).
    found
        Covariance of the pixels: PSF and ρ⟨N²⟩.
    background
        Roughly, photoelectrons per pixel.
    excess
        Variance over mean of light that does not blink: 1, with EM gain 2.

    Returns
    -------
    bool of shape (y, x).
    """
    shown = block[:: max(1, len(block) // 50)]
    mean = shown.mean(axis=0, dtype=np.float64)
    photons = found.amplitude / max(float(mean.mean()) - background, 1e-6)
    bright = np.median(shown, axis=0) > background + BRIGHT_FIDUCIAL * photons * peak_share(
        found.sigma_px, 1
    )
    # variance over mean of light that blinks, beyond the noise of light that does not
    blinking = photons / (4.0 * math.pi * found.sigma_px**2)
    variance = shown.var(axis=0, ddof=1, dtype=np.float64)
    steady = variance < (excess + BLINKING_SHARE * blinking) * np.maximum(mean, 0.0)
    return np.asarray(bright & steady)
