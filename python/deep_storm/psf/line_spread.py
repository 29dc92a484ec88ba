"""The image of a line: how much of its light lies close together.

A line of emitters is blurred across it by the PSF's integral along it. How uneven an image of many
lines is depends on the integral of the square of that. A PSF with skirts has half of what a
Gaussian of the same core has.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

PADDED = 4
"""The window is padded to so many times its edge, so that low frequencies are told apart."""
AROUND_ZERO = 3.9002649
"""By how much the sum of 1 / |k| over all other points of a square lattice of step 1 falls short of
its integral: −4 ζ(½) β(½), the value of the lattice's zeta function."""


def gaussian_line_square_per_px(sigma_px: float) -> float:
    """Return :func:`line_square_per_px` of a Gaussian: ``1 / (2 √π σ)``."""
    return 1.0 / (2.0 * math.sqrt(math.pi) * sigma_px)


def line_square_per_px(
    values: npt.NDArray[np.floating], samples_per_px: int, smoothing_px: float = 0.0
) -> float:
    """Return the integral of the squared image of a line across it (1/px), of all directions.

    The image is that of a line with a light of 1 in each pixel of its length. By Parseval's theorem
    and the projection theorem it is the integral of ``|H(k)|² / (π |k|)`` over the frequencies.

    Parameters
    ----------
    values
        The PSF, (y, x); light beyond it does not count.
    samples_per_px
        Of it.
    smoothing_px
        Standard deviation of a Gaussian that the image is smoothed with.
    """
    edge = PADDED * max(values.shape)
    spectrum = np.abs(np.fft.fft2(values / values.sum(), (edge, edge))) ** 2
    along = np.fft.fftfreq(edge, 1.0 / samples_per_px)  # cycles per px
    frequency = np.hypot(along[:, None], along)
    spectrum *= np.exp(-((2.0 * np.pi * smoothing_px * frequency) ** 2))
    step = samples_per_px / edge
    frequency[0, 0] = step / AROUND_ZERO
    return float(np.sum(spectrum / frequency)) * step**2 / math.pi
