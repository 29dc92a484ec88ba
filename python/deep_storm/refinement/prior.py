"""What is known of emitters and noise before a frame is seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

PARAMETERS = 4
"""Of an emitter: x (px), y (px), photons, and its shape: PSF sigma or depth (px)."""


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
    shape_reach
        How far on both sides of the mean every value is as likely; the standard deviation is that
        of what lies beyond. 0: the prior is normal.
    planes
        Coefficients of the PSF's table, float32 (shape, y, x); of size 0 for a Gaussian.
    samples_per_px, radius_px
        Of the table.
    first_plane, plane_step
        Shape of its first plane, and from plane to plane.
    uneven_photon
        Standard deviation of the background from place to place, by unevenness and by emitters far
        out of focus (photons per pixel). 0: the background is even.
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
    shape_reach: float
    planes: npt.NDArray[np.float32]
    samples_per_px: int
    radius_px: int
    first_plane: float
    plane_step: float
    uneven_photon: float = 0.0
