"""Light of one emitter in a window, and how it changes with the emitter's position.

As in :mod:`deep_storm.psf.drawing`, planes are mixed, then rows, then columns, but with flat arrays
and unsigned indices, which begin loops of a few samples several times faster than views of rows do.
Weights and the corner rule: :mod:`deep_storm.psf.taps`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import Index, kernel
from deep_storm.psf.taps import TAPS, fill_planes, fill_taps, first_pixel, sample_of

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]

LANES = 8
"""Samples that a processor takes at a time."""
USUAL_SAMPLES = 2
"""Samples per pixel with a loop of its own, in which a step that the compiler knows is faster."""


@kernel(fastmath=True)
def _clear(out: FloatArray, height: int, width: int) -> None:
    """Set a window to 0; numba takes seconds to compile an assignment of slices."""
    for a in range(out.shape[0]):
        for j in range(height):
            for i in range(width):
                out[a, j, i] = 0.0


@kernel(fastmath=True, error_model="numpy")
def _mix_planes(
    coefficients: Float32Array, plane: int, used: int, taps: Float32Array, window: Any, out: Any
) -> None:
    """Mix ``used`` planes from ``plane`` on, at most four, within some rows and columns.

    Parameters
    ----------
    taps
        Weights of the planes and their slopes, float32 of shape (2, 4); 0 beyond the used ones.
    window
        First row, rows, first column and columns.
    out
        float32, flat: the rows one behind the other with the weights, then, if there is room, with
        the slopes.
    """
    first_row, rows, begin, columns = window
    flat = coefficients.reshape(-1)
    pitch = Index(coefficients.shape[2])
    area = pitch * Index(coefficients.shape[1])
    last = Index(used - 1)
    one, two = min(Index(1), last) * area, min(Index(2), last) * area
    three = min(Index(3), last) * area
    w0, w1, w2, w3 = taps[0, 0], taps[0, 1], taps[0, 2], taps[0, 3]
    s0, s1, s2, s3 = taps[1, 0], taps[1, 1], taps[1, 2], taps[1, 3]
    here = Index(plane) * area + Index(first_row) * pitch + Index(begin)
    width, whole, there = Index(columns), Index(rows * columns), Index(0)
    with_slopes = out.size > rows * columns
    for _ in range(rows):
        if with_slopes:
            for m in range(width):
                n = here + m
                c0, c1, c2, c3 = flat[n], flat[n + one], flat[n + two], flat[n + three]
                out[there + m] = w0 * c0 + w1 * c1 + w2 * c2 + w3 * c3
                out[there + m + whole] = s0 * c0 + s1 * c1 + s2 * c2 + s3 * c3
        else:
            for m in range(width):
                n = here + m
                c0, c1, c2, c3 = flat[n], flat[n + one], flat[n + two], flat[n + three]
                out[there + m] = w0 * c0 + w1 * c1 + w2 * c2 + w3 * c3
        here += pitch
        there += width


@kernel(fastmath=True, error_model="numpy")
def _mix_down(
    planes: Any, weights: Float32Array, samples_per_px: int, columns: int, out: Any
) -> None:
    """Mix each row of samples at a pixel's height with the three that follow.

    ``planes``: flat rows of ``columns``, as of :func:`_mix_planes`; ``out``: flat, a row per pixel.
    """
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    width = Index(columns)
    here, there = Index(0), Index(0)
    for _ in range(out.size // columns):
        for m in range(width):
            n = here + m
            out[there + m] = (
                w0 * planes[n]
                + w1 * planes[n + width]
                + w2 * planes[n + Index(2) * width]
                + w3 * planes[n + Index(3) * width]
            )
        here += Index(samples_per_px) * width
        there += width


@kernel(fastmath=True, error_model="numpy")
def _place(
    rows: Any, weights: Float32Array, samples_per_px: int, columns: int, part: int, window: Any,
    out: Any,
) -> None:  # fmt: skip
    """Mix the samples of every pixel with the three that follow, into a part of ``out``.

    ``rows``: flat, as ``out`` of :func:`_mix_down`; ``window``: first row, rows, first column and
    columns in ``out``.
    """
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    top, height, left, width = window
    here = Index(0)
    first, count, a = Index(left), Index(width), Index(part)
    for j in range(Index(top), Index(top + height)):
        if samples_per_px == USUAL_SAMPLES:
            for i in range(count):
                n = here + Index(USUAL_SAMPLES) * i
                r0, r1, r2, r3 = rows[n], rows[n + Index(1)], rows[n + Index(2)], rows[n + Index(3)]
                out[a, j, first + i] = w0 * r0 + w1 * r1 + w2 * r2 + w3 * r3
        else:
            for i in range(count):
                n = here + Index(samples_per_px) * i
                r0, r1, r2, r3 = rows[n], rows[n + Index(1)], rows[n + Index(2)], rows[n + Index(3)]
                out[a, j, first + i] = w0 * r0 + w1 * r1 + w2 * r2 + w3 * r3
        here += Index(columns)


@kernel(fastmath=True)
def fill_table_window(
    top: int,
    left: int,
    height: int,
    width: int,
    x_px: float,
    y_px: float,
    z_nm: float,
    coefficients: Float32Array,
    samples_per_px: int,
    radius_px: int,
    z0_nm: float,
    dz_nm: float,
    out: FloatArray,
) -> None:
    """Fill in what an emitter of one photon sends into a window, and how that changes.

    Parameters
    ----------
    top, left, height, width
        First pixel and size of the window.
    x_px, y_px, z_nm
        Position of the emitter (corner rule) and its depth.
    coefficients, samples_per_px, radius_px, z0_nm, dz_nm
        Of the :class:`~deep_storm.psf.table.PsfTable`.
    out
        float64 of shape (1 or 4, at least height, at least width): the share of each pixel and,
        if there is room, its derivatives by the emitter's x, y (per px) and z (per nm). 0 where
        the table does not reach.
    """
    parts = out.shape[0]
    first_column, first_row = first_pixel(x_px, radius_px), first_pixel(y_px, radius_px)
    begin, end = max(first_column, left), min(first_column + 2 * radius_px, left + width)
    first, last = max(first_row, top), min(first_row + 2 * radius_px, top + height)
    if begin > left or end < left + width or first > top or last < top + height:
        _clear(out, height, width)
    if begin >= end or first >= last:
        return
    at_x = sample_of(first_column, x_px, samples_per_px, radius_px)
    at_y = sample_of(first_row, y_px, samples_per_px, radius_px)
    across, down = int(at_x), int(at_y)
    taps = np.zeros((6, TAPS), np.float32)
    fill_taps(at_x - across, taps[0], taps[1])
    fill_taps(at_y - down, taps[2], taps[3])
    plane, used = fill_planes(z_nm, coefficients.shape[0], z0_nm, dz_nm, taps[4], taps[5])
    for tap in range(TAPS):
        taps[1, tap] *= -samples_per_px
        taps[3, tap] *= -samples_per_px
    start = across + (begin - first_column) * samples_per_px
    columns = (end - 1 - begin) * samples_per_px + TAPS
    # Whole vectors, if the table has so many columns.
    columns = min(-(-columns // LANES) * LANES, coefficients.shape[2] - start)
    line, lines = down + (first - first_row) * samples_per_px, (last - 1 - first) * samples_per_px
    whole, size = (lines + TAPS) * columns, (last - first) * columns
    planes = np.empty(min(parts, 2) * whole, np.float32)
    rows = np.empty(size, np.float32)
    place = first - top, last - first, begin - left, end - begin
    step = samples_per_px
    _mix_planes(coefficients, plane, used, taps[4:], (line, lines + TAPS, start, columns), planes)
    # The share, and its derivatives by x, y and z; each loop stands once, to be compiled once.
    for part in range(parts):
        if part != 1:
            mixed = planes[whole:] if part == 3 else planes[:whole]
            _mix_down(mixed, taps[3 if part == 2 else 2], step, columns, rows)
        _place(rows, taps[1 if part == 1 else 0], step, columns, part, place, out)
