"""Shift between two sets of localizations, by cross-correlation of their images.

An image is the histogram of positions (each point shared among four pixels), seen through a band:
blurred by ``sigma_nm``, so that a peak is wide enough to be located between pixels, and without
what is wider than ``WIDE`` times that, because the field's outline correlates best without shift.
"""

from __future__ import annotations

import os
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import fft

from deep_storm.kernels import kernel
from deep_storm.robust import robust_std

FloatArray = npt.NDArray[np.float64]
Spectrum: TypeAlias = npt.NDArray[np.complex64]

WIDE = 8.0
COARSE, FINE = 700, 1400
"""Pixels along the longer edge at most; a larger field gets larger pixels."""
SIGMA_PX = 1.5


class Peak(NamedTuple):
    """Maximum of a correlation.

    Attributes
    ----------
    x_nm, y_nm
        The second set lies this far from the first.
    significance
        Height of the peak in standard deviations of the correlation around it.
    """

    x_nm: float
    y_nm: float
    significance: float


class Correlator:
    """Cross-correlates images of the same size.

    Parameters
    ----------
    x_nm, y_nm
        Positions that set the field.
    sigma_nm
        How much images are blurred; more where the field needs larger pixels.
    max_nm
        Largest shift that is looked for.
    max_pixels
        Along the longer edge.
    """

    def __init__(
        self,
        x_nm: FloatArray,
        y_nm: FloatArray,
        sigma_nm: float,
        max_nm: float,
        max_pixels: int = FINE,
    ) -> None:
        self._corner = np.array([x_nm.min(), y_nm.min()])
        extent = np.array([np.ptp(x_nm), np.ptp(y_nm)])
        self.pixel_nm = max(sigma_nm / SIGMA_PX, (extent.max() + max_nm) / max_pixels)
        sigma_nm = SIGMA_PX * self.pixel_nm
        self._reach_px = max(2, int(np.ceil(max_nm / self.pixel_nm)))
        size_px = np.ceil(extent / self.pixel_nm).astype(int) + 2 + self._reach_px
        width, height = (max(int(n), 2 * self._reach_px + 4) for n in size_px)
        self.shape = fft.next_fast_len(height, real=True), fft.next_fast_len(width, real=True)
        self._band = _band(self.shape, sigma_nm / self.pixel_nm)
        self._workers = os.cpu_count() or 1

    def spectrum(self, x_nm: FloatArray, y_nm: FloatArray) -> Spectrum:
        """Return the spectrum of an image of positions, as :meth:`peak` takes it."""
        image = np.zeros(self.shape, dtype=np.float32)
        x_px, y_px = (
            (v - c) / self.pixel_nm for v, c in zip((x_nm, y_nm), self._corner, strict=True)
        )
        _add(image, x_px, y_px)
        spectrum = fft.rfft2(image, workers=self._workers)
        return np.asarray(spectrum * self._band, dtype=np.complex64)

    def peak(self, first: Spectrum, second: Spectrum) -> Peak:
        """Return the shift of the second image against the first."""
        product = np.conj(first) * second
        correlation = fft.irfft2(product, s=self.shape, workers=self._workers)
        reach = self._reach_px
        rows, columns = (np.arange(-reach, reach + 1) % n for n in self.shape)
        window = correlation[np.ix_(rows, columns)].astype(np.float64)
        y, x = np.unravel_index(int(np.argmax(window)), window.shape)
        dy, dx = _between_pixels(window, int(y), int(x))
        around = window.ravel()
        spread = robust_std(around)
        height = float(window[y, x] - np.median(around))
        significance = height / spread if spread > 0 else 0.0
        shift = (np.array([x + dx, y + dy]) - reach) * self.pixel_nm
        return Peak(float(shift[0]), float(shift[1]), significance)


def _band(shape: tuple[int, int], sigma_px: float) -> npt.NDArray[np.float32]:
    """Return the band-pass filter of an image's spectrum: narrow minus wide Gaussian."""
    squared = fft.fftfreq(shape[0])[:, None] ** 2 + fft.rfftfreq(shape[1]) ** 2
    exponent = -2 * np.pi**2 * sigma_px**2 * squared
    band: npt.NDArray[np.float32] = (np.exp(exponent) - np.exp(WIDE**2 * exponent)).astype(
        np.float32
    )
    return band


@kernel
def _add(image: npt.NDArray[np.float32], x_px: FloatArray, y_px: FloatArray) -> None:
    """Distribute each point over the four pixels around it, with periodic boundaries."""
    height, width = image.shape
    for i in range(len(x_px)):
        column, row = np.floor(x_px[i]), np.floor(y_px[i])
        right, down = x_px[i] - column, y_px[i] - row
        x0, y0 = int(column) % width, int(row) % height
        x1, y1 = (x0 + 1) % width, (y0 + 1) % height
        image[y0, x0] += (1 - right) * (1 - down)
        image[y0, x1] += right * (1 - down)
        image[y1, x0] += (1 - right) * down
        image[y1, x1] += right * down


def _between_pixels(window: FloatArray, y: int, x: int) -> tuple[float, float]:
    """Return the offset of a paraboloid's vertex from its central pixel, y and x."""
    height, width = window.shape
    if not (1 <= y < height - 1 and 1 <= x < width - 1):
        return 0.0, 0.0
    around = window[y - 1 : y + 2, x - 1 : x + 2]
    # least squares of c + a x + b y + d x² + e y² + f xy on 3 × 3 pixels
    step = np.array([-1.0, 0.0, 1.0])
    a, b = (around * step).sum() / 6, (around * step[:, None]).sum() / 6
    bend = np.array([1.0, -2.0, 1.0])
    d, e = (around * bend).sum() / 6, (around * bend[:, None]).sum() / 6
    f = (around * step * step[:, None]).sum() / 4
    determinant = 4 * d * e - f * f
    if d >= 0 or determinant <= 0:
        return 0.0, 0.0
    dx, dy = (f * b - 2 * e * a) / determinant, (f * a - 2 * d * b) / determinant
    return float(np.clip(dy, -1, 1)), float(np.clip(dx, -1, 1))
