"""Uneven background: smooth random surfaces.

A surface is a sum of a few plane waves of random direction, phase and wavelength. It needs no
grid, so a patch, a frame and a whole field are cut from the same kind of surface, and it is the
same wherever it is evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

WAVES = 5
WAVELENGTH_FACTORS = (2.0, 8.0)
"""Wavelengths over the scale: log-uniform between these."""
MIN_RELATIVE = 0.05
"""No place is darker than this share of the mean."""


@dataclass(frozen=True)
class Surface:
    """A smooth surface with mean 1.

    Attributes
    ----------
    wave_x, wave_y
        Wave vectors in radians per pixel, float64 of shape (waves,).
    phase, amplitude
        Of each wave, float64 of shape (waves,).
    """

    wave_x: FloatArray
    wave_y: FloatArray
    phase: FloatArray
    amplitude: FloatArray

    @classmethod
    def drawn(cls, unevenness: float, scale_px: float, rng: np.random.Generator) -> Surface:
        """Draw a surface.

        Parameters
        ----------
        unevenness
            Standard deviation over the mean, taken over a large field.
        scale_px
            Over which distance it changes: a sixth of a wavelength or so, in pixels.
        rng
            Source of randomness.
        """
        low, high = np.log(WAVELENGTH_FACTORS)
        wavelength_px = scale_px * np.exp(rng.uniform(low, high, WAVES))
        direction = rng.uniform(0.0, 2.0 * np.pi, WAVES)
        weights = rng.uniform(0.2, 1.0, WAVES)
        amplitude = unevenness * np.sqrt(2.0) * weights / np.sqrt(np.sum(weights**2))
        wave = 2.0 * np.pi / wavelength_px
        return cls(
            wave * np.cos(direction),
            wave * np.sin(direction),
            rng.uniform(0.0, 2.0 * np.pi, WAVES),
            amplitude,
        )

    def at(self, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Return the surface less its mean at some places, float64 of their shape."""
        phase = np.outer(x_px, self.wave_x) + np.outer(y_px, self.wave_y) + self.phase
        waves: FloatArray = np.cos(phase) @ self.amplitude
        return waves

    def over(self, height_px: int, width_px: int) -> npt.NDArray[np.float32]:
        """Return the surface at the pixels' centres, float32 of shape (height, width)."""
        x = (np.arange(width_px) + 0.5)[None, :, None]
        y = (np.arange(height_px) + 0.5)[:, None, None]
        waves = np.cos(self.wave_x * x + self.wave_y * y + self.phase) @ self.amplitude
        return np.maximum(1.0 + waves, MIN_RELATIVE).astype(np.float32)
