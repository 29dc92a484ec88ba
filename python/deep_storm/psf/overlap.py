"""How much the images of an emitter in two pixels have in common."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from deep_storm.psf.table import PsfTable, normal_depths_nm

FloatArray = npt.NDArray[np.float64]


def overlap_of_table(table: PsfTable, depth_std_nm: float, reach_px: int) -> FloatArray:
    """Return ``∫ h(r) h(r + d) dr`` for all distances d of two pixels, in the mean over depths.

    Parameters
    ----------
    table
        The PSF h, of one pixel and the places r of an emitter.
    depth_std_nm
        Standard deviation of the emitters' depths around the focus.
    reach_px
        Largest distance along an axis.

    Returns
    -------
    float64 of shape (2·reach + 1, 2·reach + 1), 1 in all over all distances where the table has
    all the light; d = 0 in the middle.
    """
    depths_nm = np.zeros(1)
    if depth_std_nm > 0 and len(table.z_nm) > 1:
        depths_nm = normal_depths_nm(depth_std_nm)
    step = table.samples_per_px
    size = fft.next_fast_len(table.values.shape[1] + reach_px * step, real=True)
    power = np.zeros((size, size // 2 + 1))
    for z_nm in depths_nm:
        power += np.abs(fft.rfft2(table.plane(float(z_nm)), s=(size, size))) ** 2
    together = fft.irfft2(power, s=(size, size)) / (len(depths_nm) * step**2)
    apart = step * np.arange(-reach_px, reach_px + 1)
    overlap: FloatArray = together[np.ix_(apart, apart)]
    return overlap
