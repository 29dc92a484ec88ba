"""Phase masks that make depth visible.

**Double helix** [1]_: rings of equal area (``√((l−1)/L) < ρ ≤ √(l/L)``) with vortices of odd
charge, ``W = (2l − 1) φ / 2π``. Two spots turn about each other with depth, the slower the more
rings.

**Tetrapod** [2]_: astigmatism with half as much secondary astigmatism of the other sign,
``W = a (Z₆ − Z₁₂ / 2)``; of these two modes, about the mixture with the best Cramér–Rao limit along
z over 3 µm.

References
----------
.. [1] R. Berlich and S. Stallinga, "High-order-helix point spread functions for monocular
   three-dimensional imaging with superior aberration robustness", Optics Express 26, 4873 (2018).
   https://doi.org/10.1364/OE.26.004873
.. [2] Y. Shechtman, S. J. Sahl, A. S. Backer and W. E. Moerner, "Optimal point spread function
   design for 3D imaging", Physical Review Letters 113, 133902 (2014).
   https://doi.org/10.1103/PhysRevLett.113.133902
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.psf.zernike import zernike
from deep_storm.settings import Pupil

FloatArray = npt.NDArray[np.float64]

SECONDARY = -0.5
"""Secondary astigmatism of the tetrapod over the primary one."""


def phase_mask(pupil: Pupil, radius: FloatArray, angle: FloatArray) -> FloatArray:
    """Return the phase of the pupil's mask in wavelengths.

    Parameters
    ----------
    pupil
        Which mask.
    radius, angle
        Polar coordinates in the pupil: 1 is its edge, radians.

    Returns
    -------
    float64 of their shape.
    """
    if pupil.phase_mask == "double helix":
        inside = np.clip(radius, 0.0, 1.0)
        ring = np.clip(np.ceil(inside**2 * pupil.mask_rings), 1, pupil.mask_rings)
        return (2.0 * ring - 1.0) * angle / (2.0 * math.pi)
    if pupil.phase_mask == "tetrapod":
        primary, secondary = zernike(6, radius, angle), zernike(12, radius, angle)
        return pupil.mask_waves * (primary + SECONDARY * secondary)
    return np.zeros_like(radius)
