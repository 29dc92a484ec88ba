"""How precisely an emitter can be localized with a PSF: the Cramér–Rao limit.

The Fisher information of a pixel with ``μ`` expected photoelectrons is ``(∂μ/∂a)(∂μ/∂b) / v`` with
``v = F·μ + r²``: ``F`` is the excess noise factor (1, or 2 with EM gain) and ``r`` the read noise.
The inverse of its sum over pixels, over x, y, z, photons and background, bounds the variance of any
unbiased estimate [1]_. For a camera without read noise and EM gain it is exact.

References
----------
.. [1] R. J. Ober, S. Ram and E. S. Ward, "Localization accuracy in single-molecule microscopy",
   Biophysical Journal 86, 1185 (2004). https://doi.org/10.1016/S0006-3495(04)74193-4
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deep_storm.psf.table import PsfTable
from deep_storm.psf.window import fill_table_window

FloatArray = npt.NDArray[np.float64]

PLACES_PX = (0.125, 0.375, 0.625, 0.875)
"""Where in a pixel emitters are placed along x and y: the limit is the mean over these."""
MIN_VARIANCE, TINY = 1e-9, 1e-12


@dataclass(frozen=True)
class Precision:
    """Standard deviations that no unbiased estimate can be better than.

    Attributes
    ----------
    z_nm
        Depths, shape (n,).
    x, y, z
        Limits at these depths in nm, shape (n,); z is NaN for a PSF without depth.
    """

    z_nm: FloatArray
    x: FloatArray
    y: FloatArray
    z: FloatArray


def cramer_rao(
    table: PsfTable,
    z_nm: npt.ArrayLike,
    intensity_photon: float,
    background_photon: float,
    read_noise_photon: float = 0.0,
    excess_noise: float = 1.0,
) -> Precision:
    """Return the Cramér–Rao limit of an isolated emitter at some depths.

    Parameters
    ----------
    table
        The PSF.
    z_nm
        Depths, shape (n,).
    intensity_photon, background_photon
        Photoelectrons of the emitter, and of the background per pixel.
    read_noise_photon
        Read noise in photoelectrons.
    excess_noise
        Excess noise factor of the camera.
    """
    depths = np.atleast_1d(np.asarray(z_nm, dtype=np.float64))
    level = (background_photon, read_noise_photon, excess_noise)
    limits = np.array([_limit(table, float(z), intensity_photon, *level) for z in depths])
    return Precision(depths, *limits.reshape(-1, 3).T)


def _limit(
    table: PsfTable,
    z_nm: float,
    photons: float,
    background: float,
    read_noise: float,
    excess_noise: float,
) -> FloatArray:
    """Return the limit along x, y, z in nm."""
    edge = 2 * table.radius_px + 1
    window = np.empty((4, edge, edge))
    depth = len(table.z_nm) > 1
    chosen = [0, 1, 2, *([3] if depth else [])]
    variances = []
    for y in PLACES_PX:
        for x in PLACES_PX:
            fill_table_window(
                0, 0, edge, edge, table.radius_px + x, table.radius_px + y, z_nm,
                table.coefficients, table.samples_per_px, table.radius_px, table.z0_nm,
                table.dz_nm, window,
            )  # fmt: skip
            share = np.maximum(window[0], 0.0)
            variance = excess_noise * (photons * share + background) + read_noise**2
            slopes = window[chosen].reshape(len(chosen), -1) * photons
            slopes = np.vstack([slopes, np.ones(slopes.shape[1])])
            information = (slopes / np.maximum(variance.ravel(), MIN_VARIANCE)) @ slopes.T
            variances.append(_inverse_diagonal(information))
    mean = np.sqrt(np.mean(variances, axis=0))
    pixel_nm = table.pixel_size_nm
    return np.array([mean[1] * pixel_nm, mean[2] * pixel_nm, mean[3] if depth else np.nan])


def _inverse_diagonal(information: FloatArray) -> FloatArray:
    """Return the diagonal of the inverse; very large where nothing is known."""
    scale = np.sqrt(np.maximum(np.diag(information), TINY))
    scaled = information / np.outer(scale, scale) + TINY * np.eye(len(scale))
    inverse: FloatArray = np.diag(np.linalg.inv(scaled)) / scale**2
    return inverse
