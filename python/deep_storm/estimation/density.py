"""Where emitters are: density of the field, local density, and the kind of structure.

Light is additive, so the temporal mean of a stack is a map of the density::

    density(r) = (mean(r) − background) / photons of an emitter

blurred by the PSF. Blurring makes the peaks of the map too low: local densities are lower limits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from deep_storm.estimation.sampling import HALF_FRAMES
from deep_storm.psf.line_spread import gaussian_line_square_per_px
from deep_storm.settings import Emitters, field_range

FloatArray = npt.NDArray[np.float64]
Structure = Literal["uniform", "filaments", "clusters", "mixed"]

PERCENTILES = (50.0, 90.0, 99.0)
UNEVEN = 1.3
"""Mean square over squared mean of the density, from which emitters lie on a structure."""
MIN_INSIDE = 100.0
"""Rows that a blurred count of a table's rows shall rest on, in the mean."""
WIDEST_BLUR_PX = 5.0
SMOOTH_PX = 0.7
"""A map is smoothed a little, against the noise of single pixels."""
RIDGE, SPOT = 0.175, 0.31
"""Curvature along over curvature across what is bright: below it is a line, above it a spot."""


class LocalDensity(NamedTuple):
    """Density where the emitters are.

    Attributes
    ----------
    percentiles_per_um2
        Of the density around an emitter: its 50th, 90th and 99th percentile.
    unevenness
        Mean density around an emitter over mean density of the field; 1 where they are
        everywhere alike.
    structure
        What the simulation calls a structure like this one.
    filament_um_per_um2
        Length of the filaments in an area; 0 where there are none.
    """

    percentiles_per_um2: tuple[float, ...]
    unevenness: float
    structure: Structure
    filament_um_per_um2: float = 0.0


def local_density(
    halves_photon: FloatArray,
    background_photon: float,
    intensity_photon: float,
    pixel_size_nm: float,
    sigma_px: float,
    shared_photon2: float = 0.0,
) -> LocalDensity:
    """Describe where emitters are.

    Parameters
    ----------
    halves_photon
        Mean images of the two halves of the frames, (2, y, x): one says where emitters are, the
        other how many there, so that noise is not taken for structure.
    background_photon, intensity_photon
        Of a pixel, and of an emitter.
    pixel_size_nm, sigma_px
        Camera pixel and PSF.
    shared_photon2
        How much the two images have in common by molecules that shine in both (see
        :func:`chance_unevenness`).
    """
    area_um2 = (pixel_size_nm / 1000.0) ** 2
    maps = halves_photon - background_photon
    maps /= intensity_photon
    maps /= area_um2
    for blurred in maps:  # one at a time, as fields may be large
        ndimage.gaussian_filter(blurred, SMOOTH_PX, mode="nearest", output=blurred)
    percentiles = _weighted_percentiles(maps[1], maps[0])
    light_photon = float(maps.mean()) * intensity_photon * area_um2
    blur_px = math.hypot(sigma_px, SMOOTH_PX)
    chance = chance_unevenness(shared_photon2, light_photon, blur_px)
    uneven = unevenness(maps, chance)
    kind, length = structure_of(maps.mean(axis=0), uneven, sigma_px), 0.0
    if kind == "filaments":
        length = filament_length(uneven, gaussian_line_square_per_px(blur_px), pixel_size_nm)
    return LocalDensity(percentiles, uneven, kind, length)


def structure_of(density: FloatArray, uneven: float, sigma_px: float) -> Structure:
    """Return what emitters lie on.

    Parameters
    ----------
    density
        Map of them, smoothed by ``SMOOTH_PX``, (y, x).
    uneven
        Its mean square over its squared mean.
    sigma_px
        PSF.
    """
    return "uniform" if uneven <= UNEVEN else _kind(density, sigma_px)


def filament_length(unevenness: float, line_square_per_px: float, pixel_size_nm: float) -> float:
    """Return the length of lines in an area (µm per µm²) by how uneven their image is.

    Each length of a line adds the square of its image to the mean square, and lines that lie
    anywhere add the square of their mean: with the length L in an area,
    ``unevenness = 1 + line square / L``.

    More than can be told from an even field is taken for the most that is simulated.

    Parameters
    ----------
    unevenness
        Mean square over squared mean; more than 1.
    line_square_per_px
        Integral of the squared image of a line across it
        (:func:`deep_storm.psf.line_spread.line_square_per_px`).
    pixel_size_nm
        Camera pixel.
    """
    length = line_square_per_px / (pixel_size_nm / 1000.0) / (unevenness - 1.0)
    return min(length, field_range(Emitters, "filament_um_per_um2")["le"])


def density_of_rows(
    rows: pd.DataFrame,
    frames: int,
    pixel_size_nm: float,
    sigma_px: float,
    on_time_frames: float = 1.0,
) -> LocalDensity:
    """Describe where the rows of a localization table are.

    They are counted in the pixels of the camera and blurred as the PSF would blur their light, or
    more where that leaves too few for each value to be more than chance.

    Parameters
    ----------
    rows
        ``frame``, ``x_nm`` and ``y_nm``.
    frames
        Frames that the table spans.
    pixel_size_nm, sigma_px
        Camera pixel and PSF.
    on_time_frames
        For how many frames in a row a molecule is in the table.
    """
    frame = rows["frame"].to_numpy(dtype=np.int64)
    half = (frame - frame.min()) // HALF_FRAMES % 2
    x, y = (rows[c].to_numpy(dtype=np.float64) / pixel_size_nm for c in ("x_nm", "y_nm"))
    edges = [np.arange(np.floor(v.min()), np.floor(v.max()) + 2) for v in (y, x)]
    counts = np.stack([np.histogram2d(y[half == k], x[half == k], edges)[0] for k in (0, 1)])
    seen = np.bincount(np.arange(frames) // HALF_FRAMES % 2, minlength=2)
    per_pixel = len(rows) / counts[0].size
    blur_px = math.sqrt(MIN_INSIDE / (4.0 * math.pi * per_pixel))
    blur_px = max(sigma_px, min(blur_px, WIDEST_BLUR_PX))
    blurred = ndimage.gaussian_filter(counts, (0.0, blur_px, blur_px), mode="nearest")
    maps = blurred / np.maximum(seen, 1)[:, None, None]
    shared = len(rows) / (frames * counts[0].size) * shared_by_halves([frames], on_time_frames)
    return local_density(maps, 0.0, 1.0, pixel_size_nm, blur_px, shared)


def unevenness(halves: FloatArray, chance: float = 0.0) -> float:
    """Return mean square over squared mean of a map of which there are two, (2, y, x).

    The product of two maps with independent noise is not raised by it. ``chance``: what molecules
    that shine in both add, wherever they lie.
    """
    mean = float(halves[0].mean()) * float(halves[1].mean())
    if mean <= 0:
        return 1.0
    return max(float(np.mean(halves[0] * halves[1])) / mean - chance, 1.0)


def shared_by_halves(block_frames: Sequence[int], on_time_frames: float) -> float:
    """Return how much the two mean images have in common of a molecule's light.

    Its light stays with the chance q = 1 − 1 / on-time from frame to frame, so that the light in
    two frames is correlated by q to the power of what lies between them: the mean of that over all
    pairs of a frame of one half and one of the other.

    Parameters
    ----------
    block_frames
        Frames of each block, in which the halves take turns anew.
    on_time_frames
        Of a molecule, in the mean.
    """
    if on_time_frames <= 1.0:
        return 0.0
    staying = 1.0 - 1.0 / on_time_frames
    together, counts = 0.0, [0, 0]
    for frames in block_frames:
        left = [0.0, 0.0]  # in a frame, of the light of each half's frames before it
        for number in range(frames):
            half = number // HALF_FRAMES % 2
            counts[half] += 1
            together += left[1 - half]
            left[half] += 1.0
            left = [staying * light for light in left]
    return together / (counts[0] * counts[1]) if all(counts) else 0.0


def chance_unevenness(shared_photon2: float, light_photon: float, blur_px: float) -> float:
    """Return by how much two images seem uneven because of molecules that shine in both.

    Few molecules that stay on for long are bright places in both images, wherever they lie.

    Parameters
    ----------
    shared_photon2
        ρ⟨N²⟩ of the molecules in a frame and pixel, times :func:`shared_by_halves`.
    light_photon
        Mean light of the molecules in a pixel.
    blur_px
        Standard deviation of a molecule's image.
    """
    if light_photon <= 0.0:
        return 0.0
    return shared_photon2 / (4.0 * math.pi * blur_px**2) / light_photon**2


def unevenness_of_frames(light: FloatArray, apart: int) -> float:
    """Return mean square over squared mean, from pairs of frames that share no molecule.

    Parameters
    ----------
    light
        Without background, in the order of time, (t, y, x).
    apart
        Least distance of the two frames of a pair.
    """
    before = np.cumsum(light[: len(light) - apart], axis=0)
    after = light[apart:]
    expected = float(np.sum(after.mean(axis=(1, 2)) * before.mean(axis=(1, 2))))
    if expected <= 0.0:
        return 1.0
    return max(float(np.sum(np.mean(after * before, axis=(1, 2)))) / expected, 1.0)


def _weighted_percentiles(values: FloatArray, weights: FloatArray) -> tuple[float, ...]:
    """Return percentiles; negative weights, and values that noise made negative, count as none."""
    order = np.argsort(values, axis=None)
    cumulative = weights.ravel()[order]
    np.maximum(cumulative, 0.0, out=cumulative)
    np.cumsum(cumulative, out=cumulative)
    if cumulative[-1] <= 0:
        return (0.0,) * len(PERCENTILES)
    places = np.searchsorted(cumulative, np.array(PERCENTILES) / 100 * cumulative[-1])
    found = values.ravel()[order[np.minimum(places, values.size - 1)]]
    return tuple(max(float(v), 0.0) for v in found)


def _kind(density: FloatArray, sigma_px: float) -> Structure:
    """Distinguish lines from spots by the curvature of the map where it is bright."""
    scale = max(1.0, sigma_px)
    yy, yx, xx = (
        ndimage.gaussian_filter(density, scale, order=order) for order in ((2, 0), (1, 1), (0, 2))
    )
    middle, half = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
    across, along = middle - half, middle + half
    weight = np.maximum(-across, 0.0) * np.maximum(density, 0.0)
    total = float(weight.sum())
    if total <= 0:
        return "mixed"
    ratio = np.clip(along / np.where(across < 0, across, -1.0), 0.0, 1.0)
    mean_ratio = float(np.sum(weight * ratio)) / total
    if mean_ratio < RIDGE:
        return "filaments"
    return "clusters" if mean_ratio > SPOT else "mixed"
