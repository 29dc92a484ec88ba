"""A PSF in many widths, for emitters whose width varies although their depth is unknown.

A PSF that was measured in a movie is the mean over emitters at somewhat different depths. What
differs most among them is their width. So the stack has the same shape in several widths, and its
third axis is the effective sigma in nm where that of a table over depth is z.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from deep_storm.psf.code import PIXEL_VARIANCE
from deep_storm.psf.table import PsfTable

STRETCHES = np.linspace(0.6, 1.6, 9)
"""Sigma of the planes over that of the PSF."""
MAX_RADIUS_SIGMAS = 10.0
"""Light farther away than this counts as beyond the window."""


def stretched(table: PsfTable, depth_std_nm: float = 0.0) -> PsfTable:
    """Return the PSF in many widths; ``z_nm`` of the result is the effective sigma in nm.

    Parameters
    ----------
    table
        The PSF; over z, its mean over the emitters' depths is taken.
    depth_std_nm
        Standard deviation of these depths.
    """
    sigma_nm = table.effective_sigma_nm
    widest_px = math.ceil(MAX_RADIUS_SIGMAS * sigma_nm / table.pixel_size_nm)
    radius_px = min(table.radius_px, widest_px)
    image = table.averaged(depth_std_nm)
    # The pixel does not grow with the PSF: widths are compared with it in.
    variances = (STRETCHES * sigma_nm / table.pixel_size_nm) ** 2 + PIXEL_VARIANCE
    own = (sigma_nm / table.pixel_size_nm) ** 2 + PIXEL_VARIANCE
    factors = np.sqrt(variances / own)
    planes = [_wider(image, s, radius_px, table.samples_per_px) for s in factors]
    return PsfTable(
        np.stack(planes),
        STRETCHES * sigma_nm,
        table.pixel_size_nm,
        table.samples_per_px,
        table.source,
        table.uncertainty,
    )


def _wider(
    image: npt.NDArray[np.float64], stretch: float, radius_px: int, samples_per_px: int
) -> npt.NDArray[np.float64]:
    """Return an image of the PSF widened by a factor, with the same light, in a smaller window."""
    offset = np.arange(-radius_px * samples_per_px, radius_px * samples_per_px + 1) / stretch
    places = np.meshgrid(*[image.shape[0] // 2 + offset] * 2, indexing="ij")
    wide: npt.NDArray[np.float64] = map_coordinates(image, places, order=3, cval=0.0)
    return wide / stretch**2
