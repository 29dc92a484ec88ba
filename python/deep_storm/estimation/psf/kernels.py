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
from deep_storm.psf.taps import TAPS, fill_taps, first_pixel, sample_of

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


def spread(
    placed: Placed,
    coefficients: FloatArray | None,
    emitters: FloatArray,
    knots: int,
    image: FloatArray,
) -> None:
    """Add what a small change does to the expected photons.

    Parameters
    ----------
    placed
        The emitters.
    coefficients
        Change of the PSF's coefficients, float64 of shape (edge, edge); None: it stays.
    emitters
        Change of photons, x and y of each emitter, float64 of shape (n, 3).
    knots
        Knots per pixel.
    image
        Scenes (s, y, x); changed in place.
    """
    if coefficients is None:
        _spread_emitters(placed, emitters, image)
    else:
        _spread(placed, _by_phase(coefficients, knots), emitters, image)


def gather(
    placed: Placed,
    image: FloatArray,
    knots: int,
    coefficients: FloatArray | None,
    emitters: FloatArray,
) -> None:
    """Apply the transpose of :func:`spread` to scenes (s, y, x).

    Parameters
    ----------
    placed, image, knots
        As in :func:`spread`; the image is read.
    coefficients
        Float64 of shape (edge, edge), added to; None: not wanted.
    emitters
        Float64 of shape (n, 3), filled in.
    """
    _gather_emitters(placed, image, emitters)
    if coefficients is None:
        return
    phases = _by_phase(np.zeros_like(coefficients), knots)
    _gather(placed, image, phases)
    for p in range(knots):
        for q in range(knots):
            own = coefficients[p::knots, q::knots]
            own += phases[p, q, : own.shape[0], : own.shape[1]]


def _by_phase(coefficients: FloatArray, knots: int) -> FloatArray:
    """Return coefficients (p, q, row, column): every ``knots``-th from row p and column q on.

    What the pixels of a row take lies one behind the other there.
    """
    edge = -(-len(coefficients) // knots)
    phases = np.zeros((knots, knots, edge, edge))
    for p in range(knots):
        for q in range(knots):
            own = coefficients[p::knots, q::knots]
            phases[p, q, : own.shape[0], : own.shape[1]] = own
    return phases


@kernel(fastmath=True)
def _spread(placed: Placed, phases: FloatArray, emitters: FloatArray, image: FloatArray) -> None:
    _, height, width = image.shape
    size, knots, length = placed.window.shape[2], phases.shape[0], phases.shape[3]
    rows = np.empty((knots, length))
    for k in range(placed.scene.size):
        s, top, left = placed.scene[k], placed.corner[k, 0], placed.corner[k, 1]
        down, across = placed.knot[k, 0], placed.knot[k, 1]
        t0, t1, t2, t3 = placed.taps[k, 0] * placed.photons[k]
        x0, x1, x2, x3 = placed.taps[k, 1]
        light, by_x, by_y = emitters[k]
        first, end = max(0, -left), min(size, width - left)
        for j in range(max(0, -top), min(size, height - top)):
            for q in range(knots):
                row = rows[q]
                c0 = phases[down % knots, q, down // knots + j]
                c1 = phases[(down + 1) % knots, q, (down + 1) // knots + j]
                c2 = phases[(down + 2) % knots, q, (down + 2) // knots + j]
                c3 = phases[(down + 3) % knots, q, (down + 3) // knots + j]
                for m in range(length):
                    row[m] = t0 * c0[m] + t1 * c1[m] + t2 * c2[m] + t3 * c3[m]
            r0 = rows[across % knots, across // knots + first :]
            r1 = rows[(across + 1) % knots, (across + 1) // knots + first :]
            r2 = rows[(across + 2) % knots, (across + 2) // knots + first :]
            r3 = rows[(across + 3) % knots, (across + 3) // knots + first :]
            w0 = placed.window[k, 0, j, first:end]
            w1 = placed.window[k, 1, j, first:end]
            w2 = placed.window[k, 2, j, first:end]
            out = image[s, top + j, left + first : left + end]
            for i in range(end - first):
                out[i] += (
                    x0 * r0[i]
                    + x1 * r1[i]
                    + x2 * r2[i]
                    + x3 * r3[i]
                    + light * w0[i]
                    + by_x * w1[i]
                    + by_y * w2[i]
                )


@kernel(fastmath=True)
def _spread_emitters(placed: Placed, emitters: FloatArray, image: FloatArray) -> None:
    _, height, width = image.shape
    size = placed.window.shape[2]
    for k in range(placed.scene.size):
        s, top, left = placed.scene[k], placed.corner[k, 0], placed.corner[k, 1]
        light, by_x, by_y = emitters[k]
        first, end = max(0, -left), min(size, width - left)
        for j in range(max(0, -top), min(size, height - top)):
            w0 = placed.window[k, 0, j, first:end]
            w1 = placed.window[k, 1, j, first:end]
            w2 = placed.window[k, 2, j, first:end]
            out = image[s, top + j, left + first : left + end]
            for i in range(end - first):
                out[i] += light * w0[i] + by_x * w1[i] + by_y * w2[i]


@kernel(fastmath=True)
def _gather_emitters(placed: Placed, image: FloatArray, emitters: FloatArray) -> None:
    _, height, width = image.shape
    size = placed.window.shape[2]
    for k in range(placed.scene.size):
        s, top, left = placed.scene[k], placed.corner[k, 0], placed.corner[k, 1]
        first, end = max(0, -left), min(size, width - left)
        light, by_x, by_y = 0.0, 0.0, 0.0
        for j in range(max(0, -top), min(size, height - top)):
            w0 = placed.window[k, 0, j, first:end]
            w1 = placed.window[k, 1, j, first:end]
            w2 = placed.window[k, 2, j, first:end]
            values = image[s, top + j, left + first : left + end]
            for i in range(end - first):
                light += values[i] * w0[i]
                by_x += values[i] * w1[i]
                by_y += values[i] * w2[i]
        emitters[k, 0], emitters[k, 1], emitters[k, 2] = light, by_x, by_y


@kernel(fastmath=True)
def _gather(placed: Placed, image: FloatArray, phases: FloatArray) -> None:
    _, height, width = image.shape
    size, knots, length = placed.window.shape[2], phases.shape[0], phases.shape[3]
    rows = np.empty((knots, length))
    for k in range(placed.scene.size):
        s, top, left = placed.scene[k], placed.corner[k, 0], placed.corner[k, 1]
        down, across = placed.knot[k, 0], placed.knot[k, 1]
        first, end = max(0, -left), min(size, width - left)
        for j in range(max(0, -top), min(size, height - top)):
            values = image[s, top + j, left + first : left + end]
            rows[:] = 0.0
            for tap in range(TAPS):
                share = placed.taps[k, 1, tap] * placed.photons[k]
                row = rows[(across + tap) % knots, (across + tap) // knots + first :]
                for i in range(end - first):
                    row[i] += share * values[i]
            for tap in range(TAPS):
                share = placed.taps[k, 0, tap]
                line, phase = (down + tap) // knots + j, (down + tap) % knots
                for q in range(knots):
                    own, row = phases[phase, q, line], rows[q]
                    for m in range(length):
                        own[m] += share * row[m]
