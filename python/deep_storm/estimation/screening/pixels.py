"""Defective pixels, found in the movie itself.

A *dead* pixel never changes while others do, or holds no number. A *hot* (or cold) one stands out
from its neighbours in the median over the frames, more sharply than the PSF of a molecule or bead
can. A *noisy* one, as sCMOS cameras have, scatters more than the pixels around it. *Dark* parts of
the chip are covered or not lit: their pixels are in order, but say nothing about molecules.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MIN_FRAMES = 8
MIN_FRAMES_FOR_NOISE = 20
MAX_INVALID_SHARE = 0.2
STANDS_OUT_SIGMAS = 6.0
SHARPEST_PSF = 0.2
"""Light of a neighbour over that of the brightest pixel: a PSF of 0.5 pixels has 0.24."""
NOISY_SIGMAS = 7.0
NOISY_VARIANCE = 3.0
"""A noisy pixel has so many times the variance of those around it."""
BESIDE_BRIGHT = 0.3
"""So large a share of the contrast around it is no sign: a steep PSF bends as much."""
_WITHOUT_CENTRE = np.ones((5, 5), dtype=bool)
_WITHOUT_CENTRE[2, 2] = False
_RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=bool)
LIT_NOISES = 1.5
LEVEL_VARIANCE = 1.57
"""Variance of a median over that of a mean."""
TILE_PX = 8
DARK_VARIANCE = 0.35
"""A dark part has at most this share of the noise variance of the lit part."""
MIN_DARK_SHARE = 0.04
QUIET_SIGMAS = 5.0
MAX_STRAY_FRAMES = 1
"""A tile that brightens this often may have been hit by a cosmic ray."""
NORMAL_MAD = 0.67449


class PixelMap(NamedTuple):
    """Pixels of a camera, bool (y, x) each.

    Attributes
    ----------
    dead
        Without a measurement.
    hot
        Brighter or darker than their neighbours, always.
    noisy
        Their values scatter more than their neighbours'.
    dark
        In a part of the chip without light.
    """

    dead: Mask
    hot: Mask
    noisy: Mask
    dark: Mask

    @property
    def bad(self) -> Mask:
        """Pixels without a valid measurement."""
        return self.dead | self.hot | self.noisy


def find_pixels(frames: Float32) -> PixelMap:
    """Find the defective pixels of a movie.

    Parameters
    ----------
    frames
        Frames with a measurement, spread over the movie, ADU (t, y, x); NaN where there is none.

    Returns
    -------
    What was found; nothing where there are too few frames to compare.
    """
    shape = frames.shape[1:]
    none = np.zeros(shape, dtype=bool)
    invalid = ~np.isfinite(frames)
    dead = invalid.mean(axis=0) > MAX_INVALID_SHARE if len(frames) else none
    if len(frames) < MIN_FRAMES or dead.all():
        return PixelMap(dead, none, none, none)
    filled = np.where(invalid, _row_medians(frames), frames) if invalid.any() else frames
    dead = dead | (np.ptp(filled, axis=0) == 0)
    if dead.all():
        return PixelMap(dead, none, none, none)
    typical = np.median(filled, axis=0).astype(np.float64)
    typical[dead] = float(np.median(typical[~dead]))
    noise = _noise(filled, dead)
    hot = _hot(typical, noise, dead, len(frames))
    bad = dead | hot
    noisy = none
    if len(frames) >= MIN_FRAMES_FOR_NOISE:
        noisy = _noisy(noise, bad, len(frames)) & ~_in_light(filled, noise)
    return PixelMap(dead, hot, noisy, _dark(filled, typical, noise, bad | noisy))


def _row_medians(frames: Float32) -> Float32:
    """Return the median of each frame, (t, 1, 1)."""
    medians = [np.median(f[np.isfinite(f)]) if np.isfinite(f).any() else 0.0 for f in frames]
    return np.array(medians, np.float32)[:, None, None]


def _noise(frames: Float32, dead: Mask) -> FloatArray:
    """Return the standard deviation of each pixel against its four neighbours, over time."""
    beside = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32)
    valid = (~dead).astype(np.float32)
    count = np.maximum(ndimage.convolve(valid, beside, mode="constant"), 1.0)
    apart = np.empty_like(frames)
    for t, frame in enumerate(frames):
        around = ndimage.convolve(frame * valid, beside, mode="constant") / count
        apart[t] = frame - around
    apart -= np.median(apart, axis=0)
    spread: FloatArray = np.median(np.abs(apart), axis=0) / NORMAL_MAD
    return spread


def _hot(typical: FloatArray, noise: FloatArray, dead: Mask, frames: int) -> Mask:
    """Return pixels that stand out from their neighbours more sharply than a PSF does."""
    around = ndimage.median_filter(typical, footprint=_RING, mode="mirror")
    apart = typical - around
    usual = 1.4826 * float(np.median(np.abs(apart[~dead])))
    known = np.where(dead, float(np.median(noise[~dead])), noise)
    chance = np.sqrt(LEVEL_VARIANCE / frames) * ndimage.median_filter(known, 5, mode="nearest")
    highest = ndimage.maximum_filter(typical, footprint=_WITHOUT_CENTRE, mode="mirror")
    lowest = ndimage.minimum_filter(typical, footprint=_WITHOUT_CENTRE, mode="mirror")
    limit = np.maximum(
        STANDS_OUT_SIGMAS * np.maximum(chance, usual), BESIDE_BRIGHT * (highest - lowest)
    )
    sign = np.sign(apart)
    beside = np.minimum(_larger_beside(apart, sign, 0), _larger_beside(apart, sign, 1))
    sharp = beside < SHARPEST_PSF * np.abs(apart)
    return np.asarray((np.abs(apart) > limit) & sharp & ~dead, dtype=bool)


def _larger_beside(values: FloatArray, sign: FloatArray, axis: int) -> FloatArray:
    """Return the larger one of the two neighbours along an axis, by the sign of the pixel."""
    more = [(1, 1) if k == axis else (0, 0) for k in (0, 1)]
    wide = np.pad(values, more, mode="reflect")
    count = values.shape[axis]
    before, after = (np.take(wide, np.arange(k, k + count), axis=axis) for k in (0, 2))
    larger: FloatArray = np.maximum(sign * before, sign * after)
    return larger


def _noisy(noise: FloatArray, bad: Mask, frames: int) -> Mask:
    """Return pixels that fluctuate more than those around them."""
    # the upper quartile: at the edge of a covered part half of the surroundings are quiet
    filled = np.where(bad, float(np.median(noise[~bad])), noise)
    around = ndimage.percentile_filter(filled, 75, size=7, mode="nearest")
    ratio = noise / np.maximum(around, 1e-9)
    # a median absolute deviation is known to 1.17 times what a standard deviation is
    chance = 1.17 / math.sqrt(2.0 * frames)
    found: Mask = (ratio > 1.0 + NOISY_SIGMAS * chance) & (ratio**2 > NOISY_VARIANCE) & ~bad
    return found


def _in_light(frames: Float32, noise: FloatArray) -> Mask:
    """Return where something bright stays or drifts, as beads do: their light fluctuates too."""
    mean = ndimage.uniform_filter(frames.mean(axis=0, dtype=np.float64), 3, mode="nearest")
    return np.asarray(mean - np.median(mean) > LIT_NOISES * noise, dtype=bool)


def _dark(frames: Float32, typical: FloatArray, noise: FloatArray, bad: Mask) -> Mask:
    """Return the unilluminated parts of the chip: less noise, and nothing that blinks."""
    height, width = (n // TILE_PX for n in typical.shape)
    none = np.zeros(typical.shape, dtype=bool)
    if min(height, width) < 2:
        return none
    variance = _tiles(np.where(bad, np.nan, noise**2), height, width)
    level = _tiles(np.where(bad, np.nan, typical), height, width)
    lit = float(np.nanquantile(variance, 0.75))
    blinking = _blinking(frames, noise, height, width)
    dark = (variance < DARK_VARIANCE * lit) & ~blinking
    if not dark.any() or dark.mean() < MIN_DARK_SHARE or (~dark).mean() < MIN_DARK_SHARE:
        return none
    # what has less noise has less light, unless the frames are not a camera's
    if not float(np.nanmedian(level[dark])) < float(np.nanmedian(level[~dark])):
        return none
    whole = np.repeat(np.repeat(dark, TILE_PX, axis=0), TILE_PX, axis=1)
    more = [(0, n - m) for n, m in zip(typical.shape, whole.shape, strict=True)]
    return np.asarray(np.pad(whole, more, mode="edge"), dtype=bool)


def _tiles(values: FloatArray, height: int, width: int) -> FloatArray:
    """Return the median of each tile; of one without valid pixels, NaN."""
    cut = values[: height * TILE_PX, : width * TILE_PX]
    cells = cut.reshape(height, TILE_PX, width, TILE_PX).swapaxes(1, 2)
    flat = cells.reshape(height, width, -1)
    empty: Mask = np.asarray(np.isnan(flat).all(axis=2), dtype=bool)
    tiles: FloatArray = np.nanmedian(np.where(empty[..., None], 0.0, flat), axis=2)
    return np.where(empty, np.nan, tiles)


def _blinking(frames: Float32, noise: FloatArray, height: int, width: int) -> Mask:
    """Return tiles in which something appears and disappears."""
    count = len(frames)
    cut = frames[:, : height * TILE_PX, : width * TILE_PX]
    cells = cut.reshape(count, height, TILE_PX, width, TILE_PX)
    means = cells.mean(axis=(2, 4), dtype=np.float64)
    chance = np.sqrt(_tiles(noise**2, height, width)) / TILE_PX
    apart = np.abs(means - np.median(means, axis=0))
    seen = np.asarray(apart > QUIET_SIGMAS * np.maximum(chance, 1e-9))
    return np.asarray(seen.sum(axis=0) > MAX_STRAY_FRAMES, dtype=bool)
