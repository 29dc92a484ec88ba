"""Defective pixels, found in the movie itself.

A *dead* pixel never changes while others do, or holds no number. A *hot* (or cold) one stands out
from its neighbours in the median over the frames, more sharply than the PSF of a molecule or bead
can; so does one that turns hot in the course of the movie, from then on. A *noisy* one, as sCMOS
cameras have, scatters more than the pixels around it. *Dark* parts of the chip are covered or not
lit: their pixels are in order, but say nothing about molecules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from deep_storm.estimation.screening import over_time
from deep_storm.estimation.screening.turning import turned
from deep_storm.robust import MEDIAN_OF_NORMAL, robust_std

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

BAND_VALUES = 8_000_000
"""Values that are worked on at a time."""
OF_DOUBLE_PRECISION = 8
"""Images of double precision that a filter of one image makes."""
HOT_HALO_PX = 3
"""Two pixels of the filters, and one of the neighbours' own neighbours."""
MIN_FRAMES = 8
MIN_FRAMES_FOR_NOISE = 20
MAX_INVALID_SHARE = 0.2
STANDS_OUT_SIGMAS, IN_A_HALF = 6.0, 3.0
"""How far a hot pixel stands out, and in each half of the movie by itself: molecules that stay on,
one after the other beside each other, or a bead that drifts, do so in one of them only."""
PARTS = 4
"""Parts of the movie in whose means pixels that turned hot are looked for."""
SHARPEST_PSF = 0.2
"""Light of a neighbour over that of the brightest pixel: a PSF of 0.5 pixels has 0.24."""
NOISY_SIGMAS = 7.0
NOISY_VARIANCE, NOISY_VARIANCE_IN_A_HALF = 3.0, 2.0
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


class _OverTime(NamedTuple):
    """Statistics of each pixel over time, (y, x), and the means of tiles, (t, rows, columns).

    ``parts``: the mean of each part of the movie, (parts, y, x).
    """

    dead: Mask
    typical: Float32
    parts: Float32
    tiles: FloatArray


def find_pixels(frames: npt.NDArray[Any]) -> PixelMap:
    """Find the defective pixels of a movie.

    Parameters
    ----------
    frames
        Frames with a measurement, spread over the movie, ADU (t, y, x); NaN where there is none.
        They are worked on in bands of rows, so that little memory is needed beside them.

    Returns
    -------
    What was found; nothing where there are too few frames to compare.
    """
    shape = frames.shape[1:]
    none = np.zeros(shape, dtype=bool)
    dead = _often_invalid(frames)
    if len(frames) < MIN_FRAMES or dead.all():
        return PixelMap(dead, none, none, none)
    medians = _medians(frames)
    found = _over_time(frames, medians, dead)
    dead, typical = found.dead, found.typical
    if dead.all():
        return PixelMap(dead, none, none, none)
    typical[dead] = np.median(typical[~dead])
    noise = _noise(frames, medians, dead)
    hot = _hot(typical, noise, dead, len(frames))
    halves = (slice(0, len(frames) // 2), slice(len(frames) // 2, None))
    for half in halves if hot.any() else ():
        level = _typical(frames[half], None if medians is None else medians[half])
        level[dead] = typical[dead]
        hot &= _hot(level, noise, dead, len(frames) // 2, IN_A_HALF)
    bad = dead | hot
    if len(frames) >= PARTS * MIN_FRAMES:
        sharp = [_hot(part, noise, dead, len(frames) // PARTS) for part in found.parts]
        hot |= turned(frames, np.any(sharp, axis=0) & ~hot, bad)
        bad = dead | hot
    noisy = none
    if len(frames) >= MIN_FRAMES_FOR_NOISE:
        noisy = _noisy(noise, bad, len(frames)) & ~_in_light(found.parts.mean(axis=0), noise)
    for half in halves if noisy.any() else ():
        own = _noise(frames[half], None if medians is None else medians[half], dead)
        noisy &= _noisy(own, bad, len(frames) // 2, IN_A_HALF, NOISY_VARIANCE_IN_A_HALF)
    return PixelMap(dead, hot, noisy, _dark(found.tiles, typical, noise, bad | noisy))


def _bands(frames: int, shape: tuple[int, ...], halo: int = 0) -> Iterator[tuple[slice, slice]]:
    """Yield bands of whole tiles as the rows with a halo, and the band's rows within these."""
    height, width = shape
    rows = max(BAND_VALUES // max(frames * width * TILE_PX, 1), 1) * TILE_PX
    for top in range(0, height, rows):
        stop = min(top + rows, height)
        first = max(top - halo, 0)
        yield slice(first, min(stop + halo, height)), slice(top - first, stop - first)


def _often_invalid(frames: npt.NDArray[Any]) -> Mask:
    """Return the pixels that are no number in too many frames."""
    if not len(frames) or frames.dtype.kind != "f":
        return np.zeros(frames.shape[1:], dtype=bool)
    invalid = np.zeros(frames.shape[1:], dtype=np.int64)
    for frame in frames:
        invalid += ~np.isfinite(frame)
    return np.asarray(invalid / len(frames) > MAX_INVALID_SHARE, dtype=bool)


def _medians(frames: npt.NDArray[Any]) -> Float32 | None:
    """Return the median of each frame, (t, 1, 1); None where no pixel is invalid."""
    if frames.dtype.kind != "f" or all(np.isfinite(frame).all() for frame in frames):
        return None
    medians = [np.median(f[np.isfinite(f)]) if np.isfinite(f).any() else 0.0 for f in frames]
    return np.array(medians, np.float32)[:, None, None]


def _filled(band: npt.NDArray[Any], medians: Float32 | None) -> Float32:
    """Return a band of the frames with invalid pixels filled with the median of their frame."""
    values = np.ascontiguousarray(band, dtype=np.float32)
    return values if medians is None else np.where(np.isfinite(values), values, medians)


def _over_time(frames: npt.NDArray[Any], medians: Float32 | None, dead: Mask) -> _OverTime:
    """Return the statistics of each pixel over time; pixels that never change are dead, too."""
    count, height, width = frames.shape
    typical = np.empty((height, width), np.float32)
    parts = np.empty((PARTS, height, width), np.float32)
    edges = np.linspace(0, count, PARTS + 1).round().astype(int).tolist()
    dead = dead.copy()
    tiles = []
    for rows, _ in _bands(count, dead.shape):
        values = _filled(frames[:, rows], medians)
        dead[rows] |= np.ptp(values, axis=0) == 0
        typical[rows] = over_time.medians(values)
        for part, (first, last) in zip(parts, pairwise(edges), strict=True):
            part[rows] = values[first:last].mean(axis=0, dtype=np.float64)
        down, across = values.shape[1] // TILE_PX, width // TILE_PX
        cut = values[:, : down * TILE_PX, : across * TILE_PX]
        cells = cut.reshape(count, down, TILE_PX, across, TILE_PX)
        tiles.append(cells.mean(axis=(2, 4), dtype=np.float64))
    return _OverTime(dead, typical, parts, np.concatenate(tiles, axis=1))


def _typical(frames: npt.NDArray[Any], medians: Float32 | None) -> Float32:
    """Return the median of each pixel over time."""
    typical = np.empty(frames.shape[1:], np.float32)
    for rows, _ in _bands(len(frames), frames.shape[1:]):
        typical[rows] = over_time.medians(_filled(frames[:, rows], medians))
    return typical


def _noise(frames: npt.NDArray[Any], medians: Float32 | None, dead: Mask) -> Float32:
    """Return the standard deviation of each pixel against its four neighbours, over time."""
    noise = np.empty(dead.shape, np.float32)
    for rows, inner in _bands(len(frames), dead.shape, halo=1):
        values = _filled(frames[:, rows], medians)
        own = slice(rows.start + inner.start, rows.start + inner.stop)
        deviations = over_time.deviations_from_neighbours(values, ~dead[rows])
        noise[own] = deviations[inner] / MEDIAN_OF_NORMAL
    return noise


def _hot(
    typical: Float32, noise: Float32, dead: Mask, frames: int, sigmas: float = STANDS_OUT_SIGMAS
) -> Mask:
    """Return pixels that stand out from their neighbours more sharply than a PSF does."""
    usual = robust_std(_apart(typical)[~dead], 0.0)
    usual_noise = np.float32(np.median(noise[~dead]))
    hot = np.empty(typical.shape, dtype=bool)
    for rows, inner in _bands(OF_DOUBLE_PRECISION, typical.shape, halo=HOT_HALO_PX):
        level = typical[rows].astype(np.float64)
        apart = level - ndimage.median_filter(level, footprint=_RING, mode="mirror")
        known = np.where(dead[rows], usual_noise, noise[rows])
        chance = np.sqrt(LEVEL_VARIANCE / frames) * ndimage.median_filter(known, 5, mode="nearest")
        highest = ndimage.maximum_filter(level, footprint=_WITHOUT_CENTRE, mode="mirror")
        lowest = ndimage.minimum_filter(level, footprint=_WITHOUT_CENTRE, mode="mirror")
        limit = np.maximum(sigmas * np.maximum(chance, usual), BESIDE_BRIGHT * (highest - lowest))
        sign = np.sign(apart)
        beside = np.minimum(_larger_beside(apart, sign, 0), _larger_beside(apart, sign, 1))
        sharp = beside < SHARPEST_PSF * np.abs(apart)
        own = slice(rows.start + inner.start, rows.start + inner.stop)
        hot[own] = ((np.abs(apart) > limit) & sharp)[inner]
    return hot & ~dead


def _apart(typical: Float32) -> Float32:
    """Return how far each pixel lies from the median of its neighbours."""
    apart = np.empty_like(typical)
    for rows, inner in _bands(OF_DOUBLE_PRECISION, typical.shape, halo=1):
        level = typical[rows].astype(np.float64)
        around = ndimage.median_filter(level, footprint=_RING, mode="mirror")
        own = slice(rows.start + inner.start, rows.start + inner.stop)
        apart[own] = (level - around)[inner]
    return apart


def _larger_beside(values: FloatArray, sign: FloatArray, axis: int) -> FloatArray:
    """Return the larger one of the two neighbours along an axis, by the sign of the pixel."""
    more = [(1, 1) if k == axis else (0, 0) for k in (0, 1)]
    wide = np.pad(values, more, mode="reflect")
    count = values.shape[axis]
    before, after = (np.take(wide, np.arange(k, k + count), axis=axis) for k in (0, 2))
    larger: FloatArray = np.maximum(sign * before, sign * after)
    return larger


def _noisy(
    noise: Float32,
    bad: Mask,
    frames: int,
    sigmas: float = NOISY_SIGMAS,
    variance: float = NOISY_VARIANCE,
) -> Mask:
    """Return pixels that fluctuate more than those around them."""
    # the upper quartile: at the edge of a covered part half of the surroundings are quiet
    filled = np.where(bad, float(np.median(noise[~bad])), noise)
    around = ndimage.percentile_filter(filled, 75, size=7, mode="nearest")
    ratio = noise / np.maximum(around, 1e-9)
    # a median absolute deviation is known to 1.17 times what a standard deviation is
    chance = 1.17 / math.sqrt(2.0 * frames)
    found: Mask = (ratio > 1.0 + sigmas * chance) & (ratio**2 > variance) & ~bad
    return found


def _in_light(mean: Float32, noise: Float32) -> Mask:
    """Return where something bright stays or drifts, as beads do: their light fluctuates too."""
    mean = ndimage.uniform_filter(mean, 3, mode="nearest", output=np.float64)
    return np.asarray(mean - np.median(mean) > LIT_NOISES * noise, dtype=bool)


def _dark(tiles: FloatArray, typical: Float32, noise: Float32, bad: Mask) -> Mask:
    """Return the unilluminated parts of the chip: less noise, and nothing that blinks."""
    height, width = (n // TILE_PX for n in typical.shape)
    none = np.zeros(typical.shape, dtype=bool)
    if min(height, width) < 2:
        return none
    variance = _tiles(noise**2, bad, height, width)
    level = _tiles(typical, bad, height, width)
    lit = float(np.nanquantile(variance, 0.75))
    blinking = _blinking(tiles, noise)
    dark = (variance < DARK_VARIANCE * lit) & ~blinking
    if not dark.any() or dark.mean() < MIN_DARK_SHARE or (~dark).mean() < MIN_DARK_SHARE:
        return none
    # what has less noise has less light, unless the frames are not a camera's
    if not float(np.nanmedian(level[dark])) < float(np.nanmedian(level[~dark])):
        return none
    whole = np.repeat(np.repeat(dark, TILE_PX, axis=0), TILE_PX, axis=1)
    more = [(0, n - m) for n, m in zip(typical.shape, whole.shape, strict=True)]
    return np.asarray(np.pad(whole, more, mode="edge"), dtype=bool)


def _tiles(values: Float32, bad: Mask, height: int, width: int) -> FloatArray:
    """Return the median of each tile's valid pixels; of one without any, NaN."""
    tiles = np.empty((height, width))
    for row in range(height):
        rows = slice(row * TILE_PX, (row + 1) * TILE_PX)
        cut = np.where(bad[rows], np.nan, values[rows].astype(np.float64))[:, : width * TILE_PX]
        flat = cut.reshape(TILE_PX, width, TILE_PX).swapaxes(0, 1).reshape(width, -1)
        empty: Mask = np.asarray(np.isnan(flat).all(axis=1), dtype=bool)
        medians = np.nanmedian(np.where(empty[:, None], 0.0, flat), axis=1)
        tiles[row] = np.where(empty, np.nan, medians)
    return tiles


def _blinking(means: FloatArray, noise: Float32) -> Mask:
    """Return tiles in which something appears and disappears."""
    none = np.zeros(noise.shape, dtype=bool)
    chance = np.sqrt(_tiles(noise**2, none, *means.shape[1:])) / TILE_PX
    apart = np.abs(means - np.median(means, axis=0))
    seen = np.asarray(apart > QUIET_SIGMAS * np.maximum(chance, 1e-9))
    return np.asarray(seen.sum(axis=0) > MAX_STRAY_FRAMES, dtype=bool)
