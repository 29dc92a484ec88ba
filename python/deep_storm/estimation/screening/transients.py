"""Pixels that are invalid in one frame: cosmic rays, and values that no light explains.

A molecule's image is blurred; the trace of a particle is not. A pixel whose second difference along
x or y is nearly all of its light, and far beyond noise, is no image of a molecule. What is darker
than the darkest pixel of the camera by many standard deviations is no measurement either, such as
the border of a movie that was registered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SHARP_SIGMAS = 8.0
SHARP_SHARE = 0.7
"""Share of a pixel's light that its neighbours on both sides lack, surely: a PSF of 0.6 pixels has
0.67, a wider one less."""
SURE_SIGMAS = 3.0
TRACE_SIGMAS = 4.0
"""Neighbours of such a pixel belong to it from here on."""
BLACK_SIGMAS = 10.0
REACHES_PX = (1, 3, 8)
"""A hole is filled from neighbours this far away, the nearest reach that has any."""

ENOUGH = 48
"""Valid pixels around that a hole is filled from, at most."""


class NoiseModel(NamedTuple):
    """Noise of a pixel as a function of its level, and the level below which it is invalid.

    Attributes
    ----------
    dark_adu, variance_adu2
        Level and noise variance of the darkest part.
    slope
        Variance per level above it, ADU; 0 where it is not known.
    """

    dark_adu: float
    variance_adu2: float
    slope: float

    @property
    def black_adu(self) -> float:
        """Values below are invalid."""
        return self.dark_adu - BLACK_SIGMAS * float(np.sqrt(self.variance_adu2))


def find_transients(frame: npt.NDArray[Any], level_adu: float, noise: NoiseModel) -> Mask:
    """Find the pixels of one frame that are invalid: sharper than any PSF, or too dark.

    Pixels that are no numbers are not among them.

    Parameters
    ----------
    frame
        ADU, (y, x).
    level_adu
        Its median.
    noise
        What its noise is like.

    Returns
    -------
    bool (y, x).
    """
    values = np.asarray(frame, dtype=np.float32)
    invalid = ~np.isfinite(values)
    black: Mask = values < noise.black_adu
    unknown = invalid | black
    skipped = _grown(unknown) if unknown.any() else unknown
    clean = np.where(unknown, np.float32(level_adu), values) if unknown.any() else values
    sharp = np.zeros(values.shape, dtype=bool)
    limits = (level_adu, noise.dark_adu, noise.variance_adu2, noise.slope)
    if _mark_sharp(clean, skipped, limits, sharp):
        return black | _traced(clean, limits, sharp)
    return black


def _grown(mask: Mask) -> Mask:
    """Return a mask with the pixels beside it, which lack a neighbour to be compared with."""
    out = mask.copy()
    out[1:] |= mask[:-1]
    out[:-1] |= mask[1:]
    out[:, 1:] |= mask[:, :-1]
    out[:, :-1] |= mask[:, 1:]
    return out


@kernel
def _mark_sharp(
    frame: Float32, skipped: Mask, limits: tuple[float, float, float, float], sharp: Mask
) -> int:
    """Mark pixels that are sharper than any PSF; return how many."""
    level, dark, variance, slope = limits
    height, width = frame.shape
    count = 0
    for i in range(height):
        for j in range(width):
            if skipped[i, j]:
                continue
            value = frame[i, j]
            light = value - level
            if light * light < SHARP_SIGMAS * SHARP_SIGMAS * variance or light < 0.0:
                continue
            expected = variance + slope * max(value - dark, 0.0)
            if light * light < SHARP_SIGMAS * SHARP_SIGMAS * expected:
                continue
            # at the border the one neighbour there is counts for both
            up, down = frame[i - 1 if i > 0 else 1, j], frame[i + 1 if i < height - 1 else i - 1, j]
            left = frame[i, j - 1 if j > 0 else 1]
            right = frame[i, j + 1 if j < width - 1 else j - 1]
            beside = min(max(up, down), max(left, right))
            base = min(level, beside)
            apart = value - beside - SHARP_SHARE * (value - base)
            if apart > 0.0 and apart * apart > SURE_SIGMAS * SURE_SIGMAS * expected:
                sharp[i, j] = True
                count += 1
    return count


@kernel
def _traced(frame: Float32, limits: tuple[float, float, float, float], sharp: Mask) -> Mask:
    """Return the sharp pixels, extended to bright ones beside them."""
    level, dark, variance, slope = limits
    height, width = frame.shape
    out = sharp.copy()
    for i in range(height):
        for j in range(width):
            if not sharp[i, j]:
                continue
            for v in range(max(i - 1, 0), min(i + 2, height)):
                for u in range(max(j - 1, 0), min(j + 2, width)):
                    light = frame[v, u] - level
                    expected = variance + slope * max(frame[v, u] - dark, 0.0)
                    if light > 0.0 and light * light > TRACE_SIGMAS * TRACE_SIGMAS * expected:
                        out[v, u] = True
    return out


def fill(frame: Float32, holes: Mask) -> Float32:
    """Return a frame whose invalid pixels are like the valid ones around.

    Beside a valid pixel it is their mean; farther away, where there is no light of molecules, their
    median.

    Parameters
    ----------
    frame
        ADU, float32 (y, x).
    holes
        Pixels without a measurement, (y, x); where none is near, they get the frame's median.
    """
    if not holes.any():
        return frame
    out = frame.copy()
    if holes.all():
        out[:] = 0.0
        return out
    _fill(frame, holes, np.array(REACHES_PX), float(np.median(frame[~holes])), out)
    return out


@kernel
def _fill(
    frame: Float32, holes: Mask, reaches: npt.NDArray[np.int64], usual: float, out: Float32
) -> None:
    height, width = frame.shape
    around = np.empty(ENOUGH, np.float32)
    for i in range(height):
        for j in range(width):
            if not holes[i, j]:
                continue
            out[i, j] = usual
            for reach in reaches:
                count = 0
                for v in range(max(i - reach, 0), min(i + reach + 1, height)):
                    for u in range(max(j - reach, 0), min(j + reach + 1, width)):
                        if not holes[v, u] and count < ENOUGH:
                            around[count] = frame[v, u]
                            count += 1
                if count > 0:
                    known = around[:count]
                    out[i, j] = known.mean() if reach == 1 else np.median(known)
                    break
