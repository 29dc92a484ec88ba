"""A few numbers that say how a PSF differs from a Gaussian, to condition a network on.

The pixel-integrated PSF ``h``, averaged over the depths of the emitters, is held against the
pixel-integrated Gaussian ``A·g`` that fits it best (amplitude ``A``, centre and ``σ``), in units of
``s² = σ² + 1/12`` (px²), the variance of the Gaussian with its pixel::

    c_k = w_k · 2·√π · Σ [h/A − g](r) · B_k(r / s) · (area of a sample)

``B_k`` are real Gauss-Laguerre functions, orthonormal over the plane: with polar coordinates
``(ρ, φ)`` in units of ``s``, radial index ``p`` and angular index ``m``, ::

    B = √(ε·p! / (π·(p + m)!)) · ρ^m · L_p^m(ρ²) · exp(−ρ²/2) · [cos mφ or sin mφ],  ε = 1 or 2

(``L_p^m`` is the associated Laguerre polynomial, ``2p + m`` the order). For p = m = 0, ``2·√π``
times the sum over a Gaussian of sigma ``s`` is 1, so the numbers are relative to the PSF itself,
whatever its size. Orders 0 and 1 and the round function of order 2 are what amplitude, centre and
sigma of the fit have taken up. The numbers are, in this order:

=========  =====================================  ==================
number     function (p, m)                        looks like
=========  =====================================  ==================
0, 1       (0, 2) cos, sin                        astigmatism
2, 3       (1, 1) cos, sin                        coma
4, 5       (0, 3) cos, sin                        trefoil
6          (2, 0)                                 peaked or flat
7, 8       (1, 2) cos, sin                        higher astigmatism
9, 10      (0, 4) cos, sin                        a cross
11         1 − A                                  rings, halo
=========  =====================================  ==================

The weights ``w_k`` are such that the PSFs of :mod:`deep_storm.psf.random` give values of about ±1.
A Gaussian gives 0 in every number.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import eval_genlaguerre

from deep_storm.psf.fitting import GaussianFit, fit_gaussian, offsets_px, profile
from deep_storm.psf.table import PsfTable

FloatArray = npt.NDArray[np.float64]

MODES = ((0, 2), (1, 1), (0, 3), (2, 0), (1, 2), (0, 4))
"""Radial and angular index of the functions; cosine and sine for each angular index above 0."""
WEIGHTS = (25.0, 60.0, 35.0, 14.0, 60.0, 35.0)
HALO_WEIGHT = 4.0
SIZE = sum(2 if m else 1 for _, m in MODES) + 1
"""How many numbers there are."""


class PsfCode(NamedTuple):
    """The code of a PSF.

    Attributes
    ----------
    numbers
        float64 of shape (12,), each about ±1; 0 for a Gaussian.
    fit
        The Gaussian that it is held against.
    """

    numbers: FloatArray
    fit: GaussianFit


def psf_code(table: PsfTable, depth_std_nm: float = 0.0, depth_nm: float = 0.0) -> PsfCode:
    """Return the code of a PSF for emitters at some depths.

    Parameters
    ----------
    table
        The PSF.
    depth_std_nm, depth_nm
        Standard deviation and mean of the emitters' depth.
    """
    return code_of(table.averaged(depth_std_nm, depth_nm), table.samples_per_px)


def code_of(image: npt.NDArray[np.floating], samples_per_px: int) -> PsfCode:
    """Return the code of one image of a PSF.

    Parameters
    ----------
    image
        Shares of the light in pixels at offsets from the middle, shape (n, n) with odd n.
    samples_per_px
        Samples of ``image`` per pixel along each axis.
    """
    fit = fit_gaussian(image, samples_per_px)
    offset_px = offsets_px(image.shape[0], samples_per_px)
    across, down = (profile(offset_px, centre, fit.sigma_px) for centre in (fit.x_px, fit.y_px))
    residual = np.asarray(image, dtype=np.float64) / fit.share - np.outer(down, across)
    scale_px = math.hypot(fit.sigma_px, math.sqrt(1 / 12))
    x, y = np.meshgrid((offset_px - fit.x_px) / scale_px, (offset_px - fit.y_px) / scale_px)
    sums = [np.sum(residual * function) for function in _functions(x, y)]
    numbers = 2.0 * math.sqrt(math.pi) / samples_per_px**2 * np.array(sums)
    return PsfCode(np.append(numbers, HALO_WEIGHT * (1.0 - fit.share)), fit)


def _functions(x: FloatArray, y: FloatArray) -> list[FloatArray]:
    """Return the weighted Gauss-Laguerre functions at some places."""
    square, angle = x**2 + y**2, np.arctan2(y, x)
    bell = np.exp(-0.5 * square)
    functions = []
    for (p, m), weight in zip(MODES, WEIGHTS, strict=True):
        norm = (2.0 if m else 1.0) * math.factorial(p) / (math.pi * math.factorial(p + m))
        radial = (
            weight * math.sqrt(norm) * square ** (m / 2) * eval_genlaguerre(p, m, square) * bell
        )
        functions.append(radial * np.cos(m * angle))
        if m:
            functions.append(radial * np.sin(m * angle))
    return functions
