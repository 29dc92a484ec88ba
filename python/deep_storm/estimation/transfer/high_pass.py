"""High-pass filters that keep the noise of frames, and hardly anything of the molecules.

With the filter's coefficients h, of unit square sum, the filtered value r and the level m = Σ h²·I
around it are, for pixels whose noise grows with their light::

    ⟨r²⟩ = read variance + (⟨m⟩ − baseline) / gain + what the filter leaves of the image

exactly, however steep the light is: both sides weigh the pixels alike. What is left goes with the
square of the light, so that a parabola's slope in the dark is that of the noise.

The filters are powers of the second difference along x and y, 1 −2 1 (order 2) to order 12; the
higher the order, the less of a molecule is left (its image has little light at the highest spatial
frequencies), and the larger the surroundings. What stands still is taken off as the mean over the
frames. Two frames in which the same molecule shines may also be taken from each other (``pairs``):
that works for a PSF that is so narrow that it leaves its trace at all frequencies.

Noise of images by their high frequencies: [1]_; gain from a single image: [2]_.

References
----------
.. [1] J. Immerkær, "Fast noise variance estimation", Computer Vision and Image Understanding 64,
   300 (1996). https://doi.org/10.1006/cviu.1996.0060
.. [2] R. Heintzmann et al., "Calibrating photon counts from a single image" (2016).
   https://doi.org/10.48550/arXiv.1611.05654
"""

from __future__ import annotations

from math import comb
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

GROUPS = 8
"""Frames are cut into so many groups; how the answers differ between them is their error."""
MIN_FRAMES_FOR_MEAN = 8


class Filtered(NamedTuple):
    """High-pass filtered frames.

    Attributes
    ----------
    residual, level
        r and m of the module's docstring, float32 (t, y, x).
    change
        Change of the level between the two frames of a pair, float32 (t, y, x) or empty.
    group
        Which group of frames each one belongs to, (t,).
    used
        Pixels whose surroundings are whole, (y, x).
    level_share
        Variance of the level over that of a pixel.
    """

    residual: Float32
    level: Float32
    change: Float32
    group: Integers
    used: Mask
    level_share: float


def filtered(
    frames: Float32, order: int, used: Mask | None = None, pairs: Integers | None = None
) -> Filtered:
    """Filter frames.

    Parameters
    ----------
    frames
        ADU, (t, y, x); NaN where nothing was measured, which takes its surroundings with it.
    order
        Even; the filter is order + 1 pixels wide.
    used
        Pixels that count, (y, x); default: all.
    pairs
        Frames that are taken from the next one, indices (n,); default: none are.
    """
    line = coefficients(order)
    residual = along_both(frames, line)
    level = along_both(frames, line**2)
    whole = whole_surroundings(frames.shape[1:], order, used)
    share = float(np.sum(line**4)) ** 2
    change = np.empty((0, 0, 0), np.float32)
    if pairs is not None:
        change = level[pairs + 1] - level[pairs]
        residual = (residual[pairs + 1] - residual[pairs]) * np.float32(np.sqrt(0.5))
        level = np.float32(0.5) * (level[pairs + 1] + level[pairs])
    elif len(frames) >= MIN_FRAMES_FOR_MEAN:
        residual -= mean_of(residual)
        residual *= np.float32(np.sqrt(len(frames) / (len(frames) - 1.0)))
    group = np.arange(len(residual)) * GROUPS // max(len(residual), 1)
    return Filtered(residual, level, change, group, np.ascontiguousarray(whole), share)


def coefficients(order: int) -> FloatArray:
    """Return the coefficients of the filter along an axis, (order + 1,), of unit square sum."""
    line = np.array([(-1.0) ** k * comb(order, k) for k in range(order + 1)])
    normed: FloatArray = line / np.sqrt(np.sum(line**2))
    return normed


def whole_surroundings(shape: tuple[int, ...], order: int, used: Mask | None = None) -> Mask:
    """Return the filtered pixels in whose surroundings all pixels count, (y, x)."""
    rim = order // 2
    whole = np.ones(shape, dtype=bool) if used is None else used
    whole = np.asarray(ndimage.minimum_filter(whole, size=order + 1, mode="nearest"), dtype=bool)
    return whole[rim : whole.shape[0] - rim, rim : whole.shape[1] - rim]


def mean_of(frames: Float32) -> Float32:
    """Return the mean over the frames, NaN left out; 0 where there is nothing else."""
    valid = np.isfinite(frames)
    if valid.all():
        return frames.mean(axis=0)
    total = np.where(valid, frames, 0.0).sum(axis=0, dtype=np.float64)
    mean: Float32 = (total / np.maximum(valid.sum(axis=0), 1)).astype(np.float32)
    return mean


def along_both(frames: Float32, line: FloatArray) -> Float32:
    """Convolve along y and x where the kernel lies inside the frame."""
    rim = len(line) // 2
    rows = ndimage.correlate1d(frames, line, axis=1, output=np.float32)
    rows = rows[:, rim : frames.shape[1] - rim]
    columns = ndimage.correlate1d(rows, line, axis=2, output=np.float32)
    return np.ascontiguousarray(columns[:, :, rim : frames.shape[2] - rim])
