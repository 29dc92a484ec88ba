"""ThunderSTORM's uncertainty of a maximum likelihood fit, from photons, sigma and background."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera

FloatArray = npt.NDArray[np.float64]
NEEDED = ("sigma_nm", "intensity_photon", "bkgstd_photon")


def fit_uncertainty_nm(
    table: Mapping[str, npt.NDArray[np.generic]] | pd.DataFrame, camera: Camera
) -> FloatArray:
    """Return the uncertainty of each localization along one axis.

    Parameters
    ----------
    table
        With the columns :data:`NEEDED`; a table, or arrays by name.
    camera
        Pixel size, quantum efficiency, EM gain and read-out noise.

    Returns
    -------
    (n,) nm; NaN where there are no photons.

    Notes
    -----
    With the PSF sigma s, the pixel size a, N photoelectrons, the background's standard deviation b
    in photoelectrons (and read-out noise added to it, without EM gain), g = 2 with EM gain and 1
    without, and τ = 2πb²(s² + a²/12) / (N a²) [1]_, [2]_::

        √[(g s² + a²/12) / N · (1 + 4τ + √(2τ / (1 + 4τ)))]

    References
    ----------
    .. [1] K. I. Mortensen et al., "Optimized localization analysis for single-molecule tracking and
       super-resolution microscopy", Nature Methods 7, 377 (2010).
       https://doi.org/10.1038/nmeth.1447
    .. [2] B. Rieger and S. Stallinga, "The lateral and axial localization uncertainty in
       super-resolution light microscopy", ChemPhysChem 15, 664 (2014).
       https://doi.org/10.1002/cphc.201300711
    """
    sigma, photons, noise = (np.asarray(table[c], dtype=np.float64) for c in NEEDED)
    counts = photons * camera.quantum_efficiency
    pixel = camera.pixel_size_nm
    background = noise * camera.quantum_efficiency
    if camera.em_gain is None:
        background = background + camera.read_noise_adu * camera.photons_per_adu
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = sigma**2 + pixel**2 / 12
        tau = 2 * math.pi * background**2 * spread / (counts * pixel**2)
        factor = 1 + 4 * tau + np.sqrt(2 * tau / (1 + 4 * tau))
        excess = camera.excess_noise_factor * sigma**2 + pixel**2 / 12
        result: FloatArray = np.sqrt(excess / counts * factor)
    return np.where(counts > 0, result, np.nan)
