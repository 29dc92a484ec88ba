"""A PSF in twelve numbers, which condition a network on the shape of its emitters.

The numbers say how a PSF differs from the round, pixel-integrated Gaussian that fits it best, on
the scale of that Gaussian, so they do not depend on pixel size and magnification. With the
Gaussian's centre (x₀, y₀), its width with the pixel w = √(σ² + 1/12) px, its integral A and
u = (x − x₀)/w, v = (y − y₀)/w, the difference D = P/A − G is projected on Gauss–Hermite functions
(orthonormal; van der Marel and Franx, *Astrophys. J.* 407, 525, 1993 use them alike)::

    c_mn = 2 ∫ ψ_m(u) ψ_n(v) D(x, y) dx dy,   ψ_m(u) = H_m(u) e^(−u²/2) / √(2^m m! √π)

==========  =====================================================================
number      meaning
==========  =====================================================================
0, 1        40 (c₂₀ − c₀₂), 40 c₁₁: astigmatism, along the axes and the diagonals
2 … 5       40 (c₃₀, c₂₁, c₁₂, c₀₃): coma and trefoil
6 … 10      20 (c₄₀, c₃₁, c₂₂, c₁₃, c₀₄): spherical aberration and quatrefoil
11          4 (1 − A) − 0.6: light in rings and tails
==========  =====================================================================

Flipping or transposing the PSF changes signs or places of these numbers, nothing else. A PSF of
which nothing is known has the code zero.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numpy.polynomial.hermite import hermval

from deep_storm.psf.fitting import fit_gaussian, offsets_px, profile
from deep_storm.psf.table import PsfTable

FloatArray = npt.NDArray[np.float64]

CODE_LENGTH = 12
MAX_CODE = 3.0
"""No number is further from zero: no PSF is stranger than those that a network was trained on."""
PIXEL_VARIANCE = 1.0 / 12.0
TYPICAL_TAILS = 0.15
HIGHEST_ORDER = 4
GAUSSIAN = (0.0,) * (CODE_LENGTH - 1) + (-4.0 * TYPICAL_TAILS,)
"""The code of a Gaussian PSF of any width."""


def psf_code(table: PsfTable, depth_std_nm: float = 0.0) -> tuple[float, ...]:
    """Describe a PSF in twelve numbers, each about ±1.

    Parameters
    ----------
    table
        The PSF.
    depth_std_nm
        Standard deviation of the emitters' depth: the mean PSF over it is described.
    """
    return image_code(table.averaged(depth_std_nm), table.samples_per_px)


def image_code(image: npt.NDArray[np.floating], samples_per_px: int) -> tuple[float, ...]:
    """Describe one plane of a table; see the module.

    Parameters
    ----------
    image
        Shares at offsets from the middle, shape (n, n) with odd n.
    samples_per_px
        Samples of ``image`` per pixel along each axis.
    """
    image = np.asarray(image, dtype=np.float64)
    fit = fit_gaussian(image, samples_per_px)
    offset_px = offsets_px(image.shape[0], samples_per_px)
    across = profile(offset_px, fit.x_px, fit.sigma_px)
    down = profile(offset_px, fit.y_px, fit.sigma_px)
    difference = image / fit.share - np.outer(down, across)
    width_px = math.sqrt(fit.sigma_px**2 + PIXEL_VARIANCE)
    along_x, along_y = (
        _hermite_functions((offset_px - centre) / width_px) for centre in (fit.x_px, fit.y_px)
    )
    c = 2.0 / samples_per_px**2 * (along_y @ difference @ along_x.T).T  # c[m, n]: m along x
    code = [
        40.0 * (c[2, 0] - c[0, 2]),
        40.0 * c[1, 1],
        *(40.0 * c[3 - n, n] for n in range(4)),
        *(20.0 * c[4 - n, n] for n in range(5)),
        4.0 * (1.0 - fit.share - TYPICAL_TAILS),
    ]
    return tuple(np.clip(code, -MAX_CODE, MAX_CODE).tolist())


def _hermite_functions(u: FloatArray) -> FloatArray:
    """Return the orthonormal Gauss–Hermite functions of orders 0 to 4, shape (5, n)."""
    envelope = np.exp(-u * u / 2.0)
    functions = [
        hermval(u, np.eye(HIGHEST_ORDER + 1)[m])
        * envelope
        / math.sqrt(2.0**m * math.factorial(m) * math.sqrt(math.pi))
        for m in range(HIGHEST_ORDER + 1)
    ]
    return np.array(functions)
