"""Zernike polynomials on a round pupil, in Noll's order and with an RMS of 1.

Noll's order [1]_: even indices are cosines, odd ones sines. The mode
that the field calls "vertical" astigmatism is 6, with a cosine of twice the angle.

References
----------
.. [1] R. J. Noll, "Zernike polynomials and atmospheric turbulence", Journal of the Optical Society
   of America 66, 207 (1976). https://doi.org/10.1364/JOSA.66.000207
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.errors import SettingsError

FloatArray = npt.NDArray[np.float64]


def noll_orders(index: int) -> tuple[int, int]:
    """Return the radial and the azimuthal order of a mode; the latter is negative for sines.

    Raises
    ------
    SettingsError
        There is no such mode: Noll counts from 1.
    """
    if index < 1:
        raise SettingsError(f"Zernike mode {index}", "an index of 1 or more, as Noll counts")
    radial = math.ceil((math.sqrt(8 * index + 1) - 3) / 2)
    place = index - radial * (radial + 1) // 2 - 1  # in its row, from 0
    azimuthal = 2 * ((place + 1) // 2) if radial % 2 == 0 else 2 * (place // 2) + 1
    return radial, azimuthal if index % 2 == 0 else -azimuthal


def zernike(index: int, radius: FloatArray, angle: FloatArray) -> FloatArray:
    """Return a Zernike polynomial.

    Parameters
    ----------
    index
        Noll's index, from 1.
    radius, angle
        Polar coordinates in the pupil: 1 is its edge, radians.

    Returns
    -------
    float64 of their shape; the mean square over the pupil is 1.

    Raises
    ------
    SettingsError
        There is no such mode.
    """
    n, signed = noll_orders(index)
    m = abs(signed)
    value = np.zeros_like(radius)
    for k in range((n - m) // 2 + 1):
        below = (
            math.factorial(k) * math.factorial((n + m) // 2 - k) * math.factorial((n - m) // 2 - k)
        )
        value += (-1) ** k * math.factorial(n - k) / below * radius ** (n - 2 * k)
    value *= math.sqrt(n + 1)
    if m == 0:
        return value
    along = np.cos(m * angle) if signed > 0 else np.sin(m * angle)
    turned: FloatArray = math.sqrt(2) * value * along
    return turned
