"""Loops over emitters and pixels: how expected photons follow from a PSF and emitters.

A PSF that is being measured is a cubic B-spline whose coefficients ``(edge, edge)`` lie ``knots``
to a pixel, with one coefficient more than the window on each side:
``edge = 2 · radius · knots + 3`` (see :mod:`deep_storm.psf.table`). Expected photons are linear in
the coefficients, and all pixels around an emitter lie at the same fraction between knots.

``spread`` applies the derivatives of the expected photons by coefficients and emitters to a change
of these, ``gather`` their transpose to an image of residuals.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel
from deep_storm.psf.kernels import TAPS, fill_taps, first_pixel, sample_of

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

OF_EMITTER = 3
"""Unknowns of an emitter: photons, x, y."""


class Placed(NamedTuple):
    """Emitters of some scenes, and where each lies in frame and spline.

    Attributes
    ----------
    scene
        Scene of each, int64 of shape (n,), ascending.
    photons
        float64 of shape (n,).
    corner
        First row and column of its window in the scene, int64 of shape (n, 2); may be negative.
    knot
        First row and column of the coefficients that the first pixel takes, int64 (n, 2).
    taps
        Weights of the four coefficients along y and x, float64 of shape (n, 2, 4).
    window
        Share of the photons, and its derivatives by x and y times photons, float32 of shape
        (n, 3, 2 · radius, 2 · radius).
    """

    scene: Integers
    photons: FloatArray
    corner: Integers
    knot: Integers
    taps: FloatArray
    window: Float32Array


def place(
    scene: Integers,
    x_px: FloatArray,
    y_px: FloatArray,
    photons: FloatArray,
    coefficients: FloatArray,
    radius_px: int,
    knots: int,
) -> Placed:
    """Return emitters with their windows, for a PSF of these coefficients."""
    count = scene.size
    placed = Placed(
        scene,
        photons,
        np.empty((count, 2), np.int64),
        np.empty((count, 2), np.int64),
        np.empty((count, 2, TAPS)),
        np.empty((count, OF_EMITTER, 2 * radius_px, 2 * radius_px), np.float32),
    )
    _fill_windows(placed, x_px, y_px, coefficients, radius_px, knots)
    return placed


@kernel(fastmath=True)
def _fill_windows(
    placed: Placed,
    x_px: FloatArray,
    y_px: FloatArray,
    coefficients: FloatArray,
    radius_px: int,
    knots: int,
) -> None:
    size = 2 * radius_px
    weights, slopes = np.empty((2, TAPS), np.float32), np.empty((2, TAPS), np.float32)
    row, steep = np.empty(coefficients.shape[1]), np.empty(coefficients.shape[1])
    for k in range(placed.scene.size):
        for axis in range(2):
            position = y_px[k] if axis == 0 else x_px[k]
            first = first_pixel(position, radius_px)
            at = sample_of(first, position, knots, radius_px)
            placed.corner[k, axis], placed.knot[k, axis] = first, int(at)
            fill_taps(at - int(at), weights[axis], slopes[axis])
            for tap in range(TAPS):
                placed.taps[k, axis, tap] = weights[axis, tap]
        photons, top, left = placed.photons[k], placed.knot[k, 0], placed.knot[k, 1]
        for j in range(size):
            for m in range(row.size):
                value, slope = 0.0, 0.0
                for tap in range(TAPS):
                    coefficient = coefficients[top + j * knots + tap, m]
                    value += weights[0, tap] * coefficient
                    slope += slopes[0, tap] * coefficient
                row[m], steep[m] = value, slope
            for i in range(size):
                m = left + i * knots
                value, by_x, by_y = 0.0, 0.0, 0.0
                for tap in range(TAPS):
                    value += weights[1, tap] * row[m + tap]
                    by_x += slopes[1, tap] * row[m + tap]
                    by_y += weights[1, tap] * steep[m + tap]
                placed.window[k, 0, j, i] = value
                placed.window[k, 1, j, i] = -by_x * knots * photons
                placed.window[k, 2, j, i] = -by_y * knots * photons


@kernel(fastmath=True)
def add_light(placed: Placed, expected: FloatArray) -> None:
    """Add the light of emitters to scenes of expected photons (s, y, x), in place."""
    _, height, width = expected.shape
    size = placed.window.shape[2]
    for k in range(placed.scene.size):
        s, top, left = placed.scene[k], placed.corner[k, 0], placed.corner[k, 1]
        for j in range(max(0, -top), min(size, height - top)):
            for i in range(max(0, -left), min(size, width - left)):
                light = placed.photons[k] * placed.window[k, 0, j, i]
                expected[s, top + j, left + i] += light


@kernel(fastmath=True)
def spread(
    placed: Placed, coefficients: FloatArray, emitters: FloatArray, knots: int, image: FloatArray
) -> None:
    """Add what a small change does to the expected photons.

    Parameters
    ----------
    placed
        The emitters.
    coefficients
        Change of the PSF's coefficients, float64 of shape (edge, edge).
    emitters
        Change of photons, x and y of each emitter, float64 of shape (n, 3).
    knots
        Knots per pixel.
    image
        Scenes (s, y, x); changed in place.
    """
    _, height, width = image.shape
    size = placed.window.shape[2]
    row = np.empty(coefficients.shape[1])
    for k in range(placed.scene.size):
        s, top, left = placed.scene[k], placed.corner[k, 0], placed.corner[k, 1]
        down, across = placed.knot[k, 0], placed.knot[k, 1]
        taps, window, photons = placed.taps[k], placed.window[k], placed.photons[k]
        for j in range(max(0, -top), min(size, height - top)):
            line = down + j * knots
            for m in range(row.size):
                row[m] = (
                    taps[0, 0] * coefficients[line, m]
                    + taps[0, 1] * coefficients[line + 1, m]
                    + taps[0, 2] * coefficients[line + 2, m]
                    + taps[0, 3] * coefficients[line + 3, m]
                )
            for i in range(max(0, -left), min(size, width - left)):
                m = across + i * knots
                share = (
                    taps[1, 0] * row[m]
                    + taps[1, 1] * row[m + 1]
                    + taps[1, 2] * row[m + 2]
                    + taps[1, 3] * row[m + 3]
                )
                image[s, top + j, left + i] += (
                    photons * share
                    + emitters[k, 0] * window[0, j, i]
                    + emitters[k, 1] * window[1, j, i]
                    + emitters[k, 2] * window[2, j, i]
                )


@kernel(fastmath=True)
def gather(
    placed: Placed, image: FloatArray, knots: int, coefficients: FloatArray, emitters: FloatArray
) -> None:
    """Apply the transpose of :func:`spread` to scenes (s, y, x).

    Parameters
    ----------
    placed, image, knots
        As in :func:`spread`; the image is read.
    coefficients
        Float64 of shape (edge, edge), added to.
    emitters
        Float64 of shape (n, 3), filled in.
    """
    _, height, width = image.shape
    size = placed.window.shape[2]
    row = np.empty(coefficients.shape[1])
    for k in range(placed.scene.size):
        s, top, left = placed.scene[k], placed.corner[k, 0], placed.corner[k, 1]
        down, across = placed.knot[k, 0], placed.knot[k, 1]
        taps, window = placed.taps[k], placed.window[k]
        photons, by_x, by_y = 0.0, 0.0, 0.0
        for j in range(max(0, -top), min(size, height - top)):
            row[:] = 0.0
            for i in range(max(0, -left), min(size, width - left)):
                value = image[s, top + j, left + i]
                photons += value * window[0, j, i]
                by_x += value * window[1, j, i]
                by_y += value * window[2, j, i]
                value *= placed.photons[k]
                m = across + i * knots
                for tap in range(TAPS):
                    row[m + tap] += taps[1, tap] * value
            for tap in range(TAPS):
                for m in range(row.size):
                    coefficients[down + j * knots + tap, m] += taps[0, tap] * row[m]
        emitters[k, 0], emitters[k, 1], emitters[k, 2] = photons, by_x, by_y


@kernel(fastmath=True)
def add_psf_information(
    placed: Placed, first: int, stop: int, weight: FloatArray, knots: int, half: FloatArray
) -> None:
    """Add one half of the information matrix of the PSF's coefficients, in place.

    Parameters
    ----------
    placed
        The emitters.
    first, stop
        Which of them: all those of a single scene.
    weight
        Inverse variance of each pixel of that scene, float64 of shape (y, x).
    knots
        Knots per pixel.
    half
        Float64 of shape (edge², edge²); the matrix is this and its transpose.
    """
    height, width = weight.shape
    edge = round(half.shape[0] ** 0.5)
    inside = np.empty(stop - first, np.int64)
    base = np.empty(stop - first, np.int64)
    shares = np.empty((stop - first, TAPS, TAPS))
    for k in range(first, stop):
        for a in range(TAPS):
            for b in range(TAPS):
                share = placed.taps[k, 0, a] * placed.taps[k, 1, b]
                shares[k - first, a, b] = placed.photons[k] * share
    for j in range(height):
        for i in range(width):
            count = _find_inside(placed, first, stop, j, i, knots, edge, inside, base)
            for n in range(count):
                own = shares[inside[n]]
                for a in range(TAPS):
                    for b in range(TAPS):
                        value = weight[j, i] * own[a, b]
                        line = half[base[n] + a * edge + b]
                        _add_block(line, base[n], edge, 0.5 * value, own)
                        for other in range(n + 1, count):
                            _add_block(line, base[other], edge, value, shares[inside[other]])


@kernel(fastmath=True)
def _find_inside(
    placed: Placed,
    first: int,
    stop: int,
    row: int,
    column: int,
    knots: int,
    edge: int,
    inside: Integers,
    base: Integers,
) -> int:
    """Fill in which windows cover a pixel, and their first coefficients; return their number."""
    size = placed.window.shape[2]
    count = 0
    for k in range(first, stop):
        down, across = row - placed.corner[k, 0], column - placed.corner[k, 1]
        if 0 <= down < size and 0 <= across < size:
            inside[count] = k - first
            line = placed.knot[k, 0] + down * knots
            base[count] = line * edge + placed.knot[k, 1] + across * knots
            count += 1
    return count


@kernel(fastmath=True, inline="always")
def _add_block(line: FloatArray, base: int, edge: int, factor: float, block: FloatArray) -> None:
    """Add a block of 4 × 4 coefficients to a line of the matrix."""
    for c in range(TAPS):
        for d in range(TAPS):
            line[base + c * edge + d] += factor * block[c, d]
