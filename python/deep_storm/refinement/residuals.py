"""What the emitters found so far leave unexplained: peaks, and a wrong background."""

from __future__ import annotations

import math

import numpy as np

from deep_storm.kernels import kernel
from deep_storm.refinement.block import MIN_MEAN
from deep_storm.refinement.prior import Prior, Values
from deep_storm.refinement.scene import Scene, draw

TILE_PX = 8
"""The background is known on tiles of this size, and smooth between them;"""
FINE_TILE_SIGMAS, MIN_FINE_TILE_PX = 1.5, 2
"""where it is uneven, then on finer ones, of so many sigmas of the PSF."""
SMOOTHINGS = 2
MAX_OFF = 3.0
"""A pixel further off than so many standard deviations counts as this much."""
BACKGROUND_STD = 0.2
"""Relative standard deviation of the background that the network states."""
PEAK_SIGMAS = 2.0
"""Half the window of the filter that peaks are looked for with."""


@kernel(fastmath=True, error_model="numpy")
def add_times(factor: float, values: Values, out: Values) -> None:
    """Add a row times a factor to another row."""
    for n in range(out.size):
        out[n] += factor * values[n]


@kernel(fastmath=True, error_model="numpy")
def filtered(scene: Scene, prior: Prior) -> Values:
    """Return how significant an emitter at each pixel's centre would be (standard deviations)."""
    height, width = scene.data.shape
    reach = math.ceil(PEAK_SIGMAS * prior.sigma_px)
    kernel = np.empty(2 * reach + 1)
    for n in range(kernel.size):
        kernel[n] = math.exp(-0.5 * ((n - reach) / prior.sigma_px) ** 2)
    half = np.zeros((2, height, width))
    off, certain = np.empty(width), np.empty(width)
    for j in range(height):
        for i in range(width):
            mean = max(scene.mean[j, i], MIN_MEAN)
            certain[i] = 1.0 / mean
            off[i] = (scene.data[j, i] - mean) * certain[i]
        for n in range(kernel.size):
            first = max(0, reach - n)
            last = max(min(width, width + reach - n), first)
            add_times(kernel[n], off[first + n - reach : last + n - reach], half[0, j, first:last])
            weight = kernel[n] * kernel[n]
            add_times(weight, certain[first + n - reach : last + n - reach], half[1, j, first:last])
    found = np.empty((height, width))
    light, variance = np.empty(width), np.empty(width)
    for j in range(height):
        light[:] = 0.0
        variance[:] = 1e-12
        for n in range(max(0, reach - j), min(kernel.size, height + reach - j)):
            add_times(kernel[n], half[0, j + n - reach], light)
            add_times(kernel[n] * kernel[n] * prior.excess, half[1, j + n - reach], variance)
        for i in range(width):
            found[j, i] = light[i] / math.sqrt(variance[i])
    return found


@kernel(fastmath=True, error_model="numpy")
def peaks(scene: Scene, prior: Prior, least: float) -> Values:
    """Return the places ``(n, 2)`` (x, y in px) where light is left over.

    Parameters
    ----------
    least
        Standard deviations that a peak stands out.
    """
    found = filtered(scene, prior)
    height, width = found.shape
    out = np.empty((height * width, 2))
    count = 0
    for j in range(height):
        for i in range(width):
            if found[j, i] < least:
                continue
            highest = True
            for v in range(max(j - 1, 0), min(j + 2, height)):
                for u in range(max(i - 1, 0), min(i + 2, width)):
                    highest = highest and found[v, u] <= found[j, i]
            if not highest:
                continue
            out[count, 0] = i + 0.5
            out[count, 1] = j + 0.5
            count += 1
    return out[:count]


@kernel(fastmath=True, error_model="numpy")
def smoothed(tiles: Values) -> Values:
    """Blur tiles with (1, 2, 1) along both axes; beyond the edge is nothing."""
    height, width = tiles.shape
    for _ in range(SMOOTHINGS):
        out = np.zeros((height, width))
        for j in range(height):
            for i in range(width):
                for v in range(max(j - 1, 0), min(j + 2, height)):
                    for u in range(max(i - 1, 0), min(i + 2, width)):
                        share = (2.0 if v == j else 1.0) * (2.0 if u == i else 1.0)
                        out[j, i] += share * tiles[v, u]
        tiles = out
    return tiles


@kernel(fastmath=True, error_model="numpy")
def quotient(above: Values, below: Values, more_above: float, more_below: float) -> Values:
    """Return the tiles' weighted means, drawn towards the mean of all of them."""
    height, width = above.shape
    out = np.empty((height, width))
    for j in range(height):
        for i in range(width):
            out[j, i] = (above[j, i] + more_above) / (below[j, i] + more_below)
    return out


@kernel(fastmath=True, error_model="numpy")
def spread_out(tiles: Values, tile_px: int, height: int, width: int) -> Values:
    """Interpolate between the tiles' centres."""
    rows, columns = tiles.shape
    out = np.empty((height, width))
    for j in range(height):
        y = min(max((j + 0.5) / tile_px - 0.5, 0.0), rows - 1.0)
        top = min(int(y), max(rows - 2, 0))
        below = min(top + 1, rows - 1)
        for i in range(width):
            x = min(max((i + 0.5) / tile_px - 0.5, 0.0), columns - 1.0)
            left = min(int(x), max(columns - 2, 0))
            right = min(left + 1, columns - 1)
            upper = tiles[top, left] + (x - left) * (tiles[top, right] - tiles[top, left])
            lower = tiles[below, left] + (x - left) * (tiles[below, right] - tiles[below, left])
            out[j, i] = upper + (y - top) * (lower - upper)
    return out


@kernel(fastmath=True, error_model="numpy")
def background_from(p: Values, stated: Values, usual: float, height: int, width: int) -> Values:
    """Return the background of each pixel from what is stated at the emitters.

    Parameters
    ----------
    p
        ``(n, 4)``: emitters.
    stated
        ``(n,)``: background photons at each.
    usual
        Background where nothing is stated.
    """
    tiles = (-(-height // TILE_PX), -(-width // TILE_PX))
    total = np.zeros(tiles)
    weight = np.zeros(tiles)
    for k in range(p.shape[0]):
        row = min(max(int(p[k, 1] / TILE_PX), 0), tiles[0] - 1)
        column = min(max(int(p[k, 0] / TILE_PX), 0), tiles[1] - 1)
        total[row, column] += stated[k]
        weight[row, column] += 1.0
    mean = 0.0
    for k in range(p.shape[0]):
        mean += stated[k] / p.shape[0]
    mean = mean if p.shape[0] else usual
    levels = quotient(smoothed(total), smoothed(weight), mean, 1.0)
    return spread_out(levels, TILE_PX, height, width)


@kernel(fastmath=True, error_model="numpy")
def correct_background(
    scene: Scene, background: Values, prior: Prior, tile_px: int, known_photon: float
) -> None:
    """Move the background, and the expected photons with it, to where the residuals want it.

    Parameters
    ----------
    known_photon
        Standard deviation of what is to be corrected.
    """
    height, width = background.shape
    tiles = (-(-height // tile_px), -(-width // tile_px))
    total = np.zeros(tiles)
    weight = np.zeros(tiles)
    for j in range(height):
        for i in range(width):
            variance = prior.excess * max(scene.mean[j, i], MIN_MEAN)
            most = MAX_OFF * math.sqrt(variance)
            off = min(max(scene.data[j, i] - scene.mean[j, i], -most), most)
            total[j // tile_px, i // tile_px] += off / variance
            weight[j // tile_px, i // tile_px] += 1.0 / variance
    # Smoothing with (1, 2, 1) counts each tile 16-fold, each time.
    least = 16.0**SMOOTHINGS / max(known_photon * known_photon, 1e-6)
    wanted = quotient(smoothed(total), smoothed(weight), 0.0, least)
    change = spread_out(wanted, tile_px, height, width)
    for j in range(height):
        for i in range(width):
            step = max(change[j, i], -0.5 * background[j, i])
            background[j, i] += step
            scene.mean[j, i] += step


@kernel(fastmath=True, error_model="numpy")
def settle_background(scene: Scene, background: Values, prior: Prior) -> None:
    """Draw the expected photons anew, and move the background to where the rest wants it."""
    draw(scene, background, prior)
    known = BACKGROUND_STD * background.sum() / background.size
    correct_background(scene, background, prior, TILE_PX, known)
    if prior.uneven_photon > 0.0:
        tile_px = max(int(FINE_TILE_SIGMAS * prior.sigma_px + 0.5), MIN_FINE_TILE_PX)
        correct_background(scene, background, prior, tile_px, prior.uneven_photon)
