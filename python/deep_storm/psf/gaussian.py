"""The table of a Gaussian PSF."""

from __future__ import annotations

import math

import numpy as np

from deep_storm.psf.fitting import offsets_px, profile
from deep_storm.psf.table import SAMPLES_PER_PX, PsfTable

RADIUS_SIGMAS = 5.0
MIN_RADIUS_PX = 3
"""Half the window of a Gaussian: 6e-7 of the light is beyond it on each axis."""


def gaussian_table(
    sigma_nm: float,
    pixel_size_nm: float,
    samples_per_px: int = SAMPLES_PER_PX,
    radius_px: int | None = None,
) -> PsfTable:
    """Make the table of a Gaussian PSF.

    Parameters
    ----------
    sigma_nm
        Standard deviation.
    pixel_size_nm
        Edge of a camera pixel.
    samples_per_px
        Samples per pixel along each axis.
    radius_px
        Half the window; default: five sigma.
    """
    sigma_px = sigma_nm / pixel_size_nm
    if radius_px is None:
        radius_px = max(MIN_RADIUS_PX, math.ceil(RADIUS_SIGMAS * sigma_px))
    edge = 2 * radius_px * samples_per_px + 1
    share = profile(offsets_px(edge, samples_per_px), 0.0, sigma_px)
    return PsfTable(
        np.outer(share, share)[None].astype(np.float32),
        np.zeros(1),
        pixel_size_nm,
        samples_per_px,
        "gaussian",
    )
