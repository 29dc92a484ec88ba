"""Resolution of a localization table by Fourier ring correlation (FRC).

The frames are cut into blocks of equal length; the even ones make one image, the odd ones another.
Blocks and not single frames, because a molecule that shines in several following frames would
otherwise lie in both images at the same place and make the table look better than it is. What is
left of that effect (molecules that come back later) only makes the resolution too fine, never too
coarse: merge before judging.

Both images are histograms under a Tukey window that takes an eighth of the field at each edge. On
each ring of spatial frequencies, with their Fourier transforms *F* and *G* [1]_::

    FRC = Re Σ F G* / √(Σ|F|² Σ|G|²)

The resolution is one over the first frequency at which the smoothed curve falls below 1/7.

References
----------
.. [1] R. P. J. Nieuwenhuizen et al., "Measuring image resolution in optical nanoscopy", Nature
   Methods 10, 557 (2013). https://doi.org/10.1038/nmeth.2448
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import StackError, TableError

Values = npt.NDArray[np.float64]

THRESHOLD = 1 / 7
MAX_PIXELS_EDGE = 4096
FINEST_PIXEL_NM = 5.0
MIN_ROWS = 100
SMOOTHING = 0.01
"""Standard deviation of the smoothing, as a share of the number of rings."""
BAND_ROWS = 256
"""Of the transformed images, summed up at a time."""
TAPER = 0.25


@dataclass(frozen=True, eq=False)
class RingCorrelation:
    """The FRC curve and the resolution.

    Attributes
    ----------
    frequency_per_um
        (n,), mean frequency of each ring.
    correlation, smoothed
        (n,), as computed and with its noise smoothed.
    resolution_nm
        1 / frequency at the threshold; ``nan`` when the curve begins below it or never reaches it.
    pixel_size_nm
        Of the two images.
    rows
        Localizations in each half.
    """

    frequency_per_um: Values
    correlation: Values
    smoothed: Values
    resolution_nm: float
    pixel_size_nm: float
    rows: tuple[int, int] = (0, 0)

    def text(self) -> str:
        """Return the resolution in words."""
        if math.isfinite(self.resolution_nm):
            return f"{self.resolution_nm:.1f} nm"
        if self.smoothed.size and self.smoothed[0] >= THRESHOLD:
            return f"finer than {2 * self.pixel_size_nm:.3g} nm: choose smaller pixels"
        return "none: the two halves have nothing in common"

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers for JSON; ``None`` instead of ``nan``."""
        known = math.isfinite(self.resolution_nm)
        return {
            "resolution_nm": self.resolution_nm if known else None,
            "pixel_size_nm": self.pixel_size_nm,
            "localizations": list(self.rows),
        }

    def table(self) -> pd.DataFrame:
        """Return the curve as a table."""
        return pd.DataFrame(
            {
                "frequency [1/um]": self.frequency_per_um,
                "FRC": self.correlation,
                "FRC smoothed": self.smoothed,
            }
        )


def table_resolution(
    table: pd.DataFrame, blocks: int = 20, pixel_size_nm: float | None = None
) -> RingCorrelation:
    """Measure the resolution of a table.

    Parameters
    ----------
    table
        Columns ``frame``, ``x_nm``, ``y_nm``.
    blocks
        Blocks that the frames are cut into, even; fewer when there are not so many frames.
    pixel_size_nm
        Of the two images; default: 5 nm, or what makes them 4096 px wide.

    Raises
    ------
    TableError
        There are fewer than 100 rows or two frames, or all rows are at one place.
    StackError
        The images would be too large.
    """
    if len(table) < MIN_ROWS:
        raise TableError(
            f"the table has {len(table)} rows",
            f"at least {MIN_ROWS} to measure the resolution",
            "give a longer table",
        )
    x_nm, y_nm = (table[c].to_numpy(np.float64) for c in ("x_nm", "y_nm"))
    edges_nm = float(np.ptp(x_nm)), float(np.ptp(y_nm))
    if min(edges_nm) <= 0:
        raise TableError(
            "all positions lie on one line or point",
            "localizations spread over a field",
            "check the columns x and y",
        )
    half = _halves(table["frame"].to_numpy(np.int64), blocks)
    if pixel_size_nm is None:
        pixel_size_nm = max(FINEST_PIXEL_NM, max(edges_nm) / MAX_PIXELS_EDGE)
    first, second = _images(x_nm, y_nm, half, pixel_size_nm)
    rows = int(np.count_nonzero(half == 0)), int(np.count_nonzero(half))
    frequency, correlation, smoothed = ring_correlation(first, second, pixel_size_nm)
    resolution_nm = _crossing_nm(frequency, smoothed)
    return RingCorrelation(frequency, correlation, smoothed, resolution_nm, pixel_size_nm, rows)


def _images(
    x_nm: Values, y_nm: Values, half: npt.NDArray[np.int64], pixel_size_nm: float
) -> list[npt.NDArray[np.float32]]:
    """Draw the histograms of the two halves on the same pixels."""
    edges_nm = float(np.ptp(x_nm)), float(np.ptp(y_nm))
    width, height = (math.floor(edge / pixel_size_nm) + 1 for edge in edges_nm)
    if max(width, height) > 2 * MAX_PIXELS_EDGE:
        raise StackError(
            f"two images of {width} × {height} px of {pixel_size_nm:g} nm",
            f"at most {2 * MAX_PIXELS_EDGE} px per edge",
            f"set the pixel size to {max(edges_nm) / MAX_PIXELS_EDGE:.3g} nm or more",
        )
    column = ((x_nm - x_nm.min()) / pixel_size_nm).astype(np.int64)
    place = ((y_nm - y_nm.min()) / pixel_size_nm).astype(np.int64) * width + column
    counts = (np.bincount(place[half == which], minlength=width * height) for which in (0, 1))
    return [count.astype(np.float32).reshape(height, width) for count in counts]


def _halves(frames: npt.NDArray[np.int64], blocks: int) -> npt.NDArray[np.int64]:
    """Return 0 or 1 for each row: the half to which its block of frames belongs."""
    first, last = int(frames.min()), int(frames.max())
    if last == first:
        raise TableError(
            "all localizations are of one frame",
            "at least two frames, to halve them",
            "give the table of a whole movie",
        )
    count = last - first + 1
    return (frames - first) * min(blocks, count) // count % 2


def ring_correlation(
    first: npt.NDArray[np.floating[Any]],
    second: npt.NDArray[np.floating[Any]],
    pixel_size_nm: float,
) -> tuple[Values, Values, Values]:
    """Correlate two images ring by ring.

    Parameters
    ----------
    first, second
        (y, x), the same shape.
    pixel_size_nm
        Of both.

    Returns
    -------
    frequency_per_um, correlation, smoothed
        (n,) each, from the ring next to zero up to the Nyquist frequency.
    """
    from scipy.fft import rfft2, rfftfreq

    height, width = first.shape
    window = np.outer(tapered(height), tapered(width)).astype(np.float32)
    # Without its mean, whose wide peak the window would smear over the first rings.
    f, g = (rfft2((image - image.mean()).astype(np.float32) * window) for image in (first, second))
    px_um = pixel_size_nm / 1000
    step = 1 / (min(height, width) * px_um)
    q_y, q_x = np.fft.fftfreq(height, px_um)[:, None], rfftfreq(width, px_um)[None, :]
    count = math.floor(0.5 / px_um / step) + 1
    # Half of the plane is the mirror image of the other; its own axis is counted once.
    mirrored = np.full(width // 2 + 1, 2.0)
    mirrored[0] = 1.0
    if width % 2 == 0:
        mirrored[-1] = 1.0
    sums = np.zeros((4, count))
    for top in range(0, height, BAND_ROWS):
        rows = slice(top, top + BAND_ROWS)
        ring = np.rint(np.hypot(q_y[rows], q_x) / step).astype(np.int64).ravel()
        products = (f[rows] * np.conj(g[rows])).real, np.abs(f[rows]) ** 2, np.abs(g[rows]) ** 2
        for total, values in zip(sums, (np.ones_like(products[0]), *products), strict=True):
            total += np.bincount(ring, (values * mirrored).ravel(), minlength=count)[:count]
    pixels, cross, *powers = sums[:, 1:]
    power = powers[0] * powers[1]
    correlation = np.where(power > 0, cross / np.sqrt(np.maximum(power, 1e-300)), 0.0)
    return np.arange(1, count) * step, correlation, _smoothed(correlation, pixels)


def tapered(count: int) -> Values:
    """Return a Tukey window, which rises and falls as a cosine over half of TAPER at each end.

    ``scipy.signal`` has it too, but takes longer to import than all else here.
    """
    if count == 1:
        return np.ones(1)
    width = TAPER * (count - 1) / 2.0
    ends = np.minimum(np.arange(count), np.arange(count)[::-1])
    window: Values = 0.5 - 0.5 * np.cos(np.pi * np.minimum(ends / width, 1.0))
    return window


def _smoothed(correlation: Values, pixels: Values) -> Values:
    """Smooth the curve; rings are weighted by their number of pixels."""
    from scipy.ndimage import gaussian_filter1d

    sigma = max(1.0, SMOOTHING * correlation.size)
    weighted = gaussian_filter1d(correlation * pixels, sigma, mode="nearest")
    smoothed: Values = weighted / gaussian_filter1d(pixels, sigma, mode="nearest")
    return smoothed


def _crossing_nm(frequency_per_um: Values, smoothed: Values) -> float:
    """Return 1 / frequency at which the curve first falls below the threshold."""
    below = np.flatnonzero(smoothed < THRESHOLD)
    if not below.size or below[0] == 0:
        return math.nan
    end = int(below[0])
    before, after = smoothed[end - 1], smoothed[end]
    share = (before - THRESHOLD) / (before - after)
    at = frequency_per_um[end - 1] + share * (frequency_per_um[end] - frequency_per_um[end - 1])
    return float(1000 / at)
