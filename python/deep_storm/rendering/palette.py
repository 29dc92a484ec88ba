"""Hues from blue (low) over green to red (high), at equal lightness in Oklab [1]_.

Brightness then tells about density alone.

References
----------
.. [1] B. Ottosson, "A perceptual color space for image processing" (2020).
   https://bottosson.github.io/posts/oklab/
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Rgb: TypeAlias = npt.NDArray[np.uint8]

LIGHTNESS, CHROMA = 0.75, 0.16
BLUE_HUE, RED_HUE = 264.0, 29.0
"""Hues of Oklab, degrees."""
SHADES = 256


def palette() -> Rgb:
    """Return the colours from low to high, (256, 3)."""
    hue = np.radians(np.linspace(BLUE_HUE, RED_HUE, SHADES))
    a, b = CHROMA * np.cos(hue), CHROMA * np.sin(hue)
    long = (LIGHTNESS + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (LIGHTNESS - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (LIGHTNESS - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.stack(
        [
            4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        ],
        axis=-1,
    )
    linear = np.clip(linear, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * encoded).astype(np.uint8)
