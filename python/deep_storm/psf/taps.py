"""Where an emitter lies among the samples of a PSF table, and the weights of these samples.

The table is a cubic B-spline (:mod:`deep_storm.psf.table`), and all pixels around an emitter lie at
the same fraction between its samples: the four weights along each axis are computed once.

Corner rule: pixel ``i`` reaches from ``i`` to ``i + 1``, so its centre is at the offset
``i + ½ − x`` from the emitter. Pixels whose centre is at an offset in [−radius, radius) along both
axes get light: as many for each emitter, 2 · radius along each axis.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel

Float32Array = npt.NDArray[np.float32]

TAPS = 4
MIN_CUBIC_PLANES = 6
"""Of coefficients: four planes of values."""


@kernel(fastmath=True)
def fill_taps(t: float, weights: Float32Array, slopes: Float32Array) -> None:
    """Fill in the four weights of a cubic B-spline at the fraction ``t``, and their slopes."""
    u = 1.0 - t
    weights[0] = u * u * u / 6.0
    weights[1] = (4.0 + t * t * (3.0 * t - 6.0)) / 6.0
    weights[2] = (4.0 + u * u * (3.0 * u - 6.0)) / 6.0
    weights[3] = t * t * t / 6.0
    slopes[0] = -0.5 * u * u
    slopes[1] = t * (1.5 * t - 2.0)
    slopes[2] = -u * (1.5 * u - 2.0)
    slopes[3] = 0.5 * t * t


@kernel(fastmath=True)
def fill_planes(
    z_nm: float,
    planes: int,
    z0_nm: float,
    dz_nm: float,
    weights: Float32Array,
    slopes: Float32Array,
) -> tuple[int, int]:
    """Fill in the weights and slopes (per nm) of the coefficients' planes that a depth takes.

    Depths beyond the first or last plane are taken as there, with a slope of 0.

    Returns
    -------
    The first of these planes, and their number.
    """
    if planes == 1:
        weights[0] = 1.0
        slopes[0] = 0.0
        return 0, 1
    last = planes - 1.0 if planes < MIN_CUBIC_PLANES else planes - 3.0
    at = (z_nm - z0_nm) / dz_nm
    per_nm = 1.0 / dz_nm if 0.0 <= at <= last else 0.0
    at = min(max(at, 0.0), last)
    first = min(int(at), int(last) - 1)
    if planes < MIN_CUBIC_PLANES:
        weights[0], weights[1] = 1.0 - (at - first), at - first
        slopes[0], slopes[1] = -per_nm, per_nm
        return first, 2
    fill_taps(at - first, weights, slopes)
    for tap in range(TAPS):
        slopes[tap] *= per_nm
    return first, TAPS


@kernel(fastmath=True)
def first_pixel(position_px: float, radius_px: int) -> int:
    """Return the first of the pixels that an emitter's light reaches along an axis."""
    return math.ceil(position_px - 0.5 - radius_px)


@kernel(fastmath=True)
def sample_of(first: int, position_px: float, samples_per_px: int, radius_px: int) -> float:
    """Return where the centre of an emitter's first pixel lies among the samples."""
    at = (first + 0.5 - position_px + radius_px) * samples_per_px
    # Rounding must not lead to the sample after the last one of this pixel.
    return min(max(at, 0.0), samples_per_px - 1e-9)
