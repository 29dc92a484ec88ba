"""Light of emitters spread over pixels with a PSF table.

The table is a cubic B-spline (:mod:`deep_storm.psf.table`), and all pixels around an emitter lie at
the same fraction between its samples: the four weights along each axis are computed once. For each
row of pixels the coefficients' planes and rows are mixed into one row and that with itself, moved
by a sample each time; both run along memory. The pixels are then every ``samples_per_px``-th of it.
For a window it is done with flat arrays and unsigned indices, which begin loops of a few samples
several times faster than views of rows do.

Corner rule: pixel ``i`` reaches from ``i`` to ``i + 1``, so its centre is at the offset
``i + ½ − x`` from the emitter. Pixels whose centre is at an offset in [−radius, radius) along both
axes get light: as many for each emitter, 2 · radius along each axis.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import Index, kernel

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]

TAPS = 4
MIN_CUBIC_PLANES = 6
"""Of coefficients: four planes of values."""
LANES = 8
"""Samples that a processor takes at a time."""
USUAL_SAMPLES = 2
"""Samples per pixel with a loop of its own, in which a step that the compiler knows is faster."""


@kernel(fastmath=True)
def fill_taps(t: float, weights: Float32Array, slopes: Float32Array) -> None:
    """Fill in the four weights of a cubic B-spline at the fraction ``t``, and their slopes."""
    u = 1.0 - t
    weights[0] = u * u * u / 6.0
    weights[1] = (4.0 + t * t * (3.0 * t - 6.0)) / 6.0
    weights[2] = (4.0 + u * u * (3.0 * u - 6.0)) / 6.0
    weights[3] = t * t * t / 6.0
    slopes[0] = -0.5 * u * u
    slopes[1] = t * (1.5 * t - 2.0)
    slopes[2] = -u * (1.5 * u - 2.0)
    slopes[3] = 0.5 * t * t


@kernel(fastmath=True)
def _fill_planes(
    z_nm: float,
    planes: int,
    z0_nm: float,
    dz_nm: float,
    weights: Float32Array,
    slopes: Float32Array,
) -> tuple[int, int]:
    """Fill in the weights and slopes (per nm) of the coefficients' planes that a depth takes.

    Depths beyond the first or last plane are taken as there, with a slope of 0.

    Returns
    -------
    The first of these planes, and their number.
    """
    if planes == 1:
        weights[0] = 1.0
        slopes[0] = 0.0
        return 0, 1
    last = planes - 1.0 if planes < MIN_CUBIC_PLANES else planes - 3.0
    at = (z_nm - z0_nm) / dz_nm
    per_nm = 1.0 / dz_nm if 0.0 <= at <= last else 0.0
    at = min(max(at, 0.0), last)
    first = min(int(at), int(last) - 1)
    if planes < MIN_CUBIC_PLANES:
        weights[0], weights[1] = 1.0 - (at - first), at - first
        slopes[0], slopes[1] = -per_nm, per_nm
        return first, 2
    fill_taps(at - first, weights, slopes)
    for tap in range(TAPS):
        slopes[tap] *= per_nm
    return first, TAPS


@kernel(fastmath=True)
def first_pixel(position_px: float, radius_px: int) -> int:
    """Return the first of the pixels that an emitter's light reaches along an axis."""
    return math.ceil(position_px - 0.5 - radius_px)


@kernel(fastmath=True)
def sample_of(first: int, position_px: float, samples_per_px: int, radius_px: int) -> float:
    """Return where the centre of an emitter's first pixel lies among the samples."""
    at = (first + 0.5 - position_px + radius_px) * samples_per_px
    # Rounding must not lead to the sample after the last one of this pixel.
    return min(max(at, 0.0), samples_per_px - 1e-9)


@kernel(fastmath=True)
def _mix_rows(
    coefficients: Float32Array,
    plane: int,
    weights_z: Float32Array,
    used: int,
    row: int,
    weights_y: Float32Array,
    begin: int,
    end: int,
    out: Float32Array,
) -> None:
    """Mix the rows ``row`` … ``row + 3`` of ``used`` planes from ``plane`` on into one row.

    Samples from ``begin`` to before ``end`` are filled in.
    """
    # Loops from 0 over views: an index that may be negative for all the compiler knows keeps it
    # from taking eight samples at a time.
    samples = end - begin
    mixed = out[begin:end]
    for m in range(samples):
        mixed[m] = 0.0
    for a in range(used):
        w0, w1 = weights_z[a] * weights_y[0], weights_z[a] * weights_y[1]
        w2, w3 = weights_z[a] * weights_y[2], weights_z[a] * weights_y[3]
        c0 = coefficients[plane + a, row, begin:end]
        c1 = coefficients[plane + a, row + 1, begin:end]
        c2 = coefficients[plane + a, row + 2, begin:end]
        c3 = coefficients[plane + a, row + 3, begin:end]
        for m in range(samples):
            mixed[m] += w0 * c0[m] + w1 * c1[m] + w2 * c2[m] + w3 * c3[m]


@kernel(fastmath=True)
def _mix_columns(
    row: Float32Array, weights: Float32Array, begin: int, end: int, out: Float32Array
) -> None:
    """Mix each sample of a row with the three that follow."""
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    here, mixed = row[begin : end + TAPS - 1], out[begin:end]
    for m in range(end - begin):
        mixed[m] = w0 * here[m] + w1 * here[m + 1] + w2 * here[m + 2] + w3 * here[m + 3]


@kernel(fastmath=True)
def add_table_emitters(
    expected: Float32Array,
    frame: npt.NDArray[np.int64],
    x_px: FloatArray,
    y_px: FloatArray,
    z_nm: FloatArray,
    photons: FloatArray,
    coefficients: Float32Array,
    samples_per_px: int,
    radius_px: int,
    z0_nm: float,
    dz_nm: float,
) -> None:
    """Add the light of emitters to frames of expected photons, in place.

    Parameters
    ----------
    expected
        Expected photons, float32 of shape (t, y, x).
    frame
        Index into ``expected`` of each emitter, int64 of shape (n,).
    x_px, y_px
        Positions, float64 of shape (n,): x along columns, corner rule. Emitters may lie outside
        the frame; the light that reaches in is added.
    z_nm
        Depths, float64 of shape (n,); beyond the table's planes the nearest one is taken.
    photons
        Photons of each emitter, float64 of shape (n,).
    coefficients, samples_per_px, radius_px, z0_nm, dz_nm
        Of the :class:`~deep_storm.psf.table.PsfTable`.

    Raises
    ------
    ValueError
        A frame index is not one of ``expected``.
    """
    frames, height, width = expected.shape
    row = np.zeros(coefficients.shape[2] + TAPS, np.float32)
    mixed = np.empty(coefficients.shape[2], np.float32)
    taps = np.empty((3, TAPS), np.float32)
    slopes = np.empty(TAPS, np.float32)
    for k in range(frame.size):
        t = frame[k]
        if t < 0 or t >= frames:
            raise ValueError("frame index of an emitter is outside the stack")
        left, top = first_pixel(x_px[k], radius_px), first_pixel(y_px[k], radius_px)
        begin, end = max(left, 0), min(left + 2 * radius_px, width)
        first, last = max(top, 0), min(top + 2 * radius_px, height)
        if begin >= end or first >= last:
            continue
        at_x = sample_of(left, x_px[k], samples_per_px, radius_px)
        at_y = sample_of(top, y_px[k], samples_per_px, radius_px)
        across, down = int(at_x), int(at_y)
        fill_taps(at_x - across, taps[0], slopes)
        fill_taps(at_y - down, taps[1], slopes)
        plane, used = _fill_planes(z_nm[k], coefficients.shape[0], z0_nm, dz_nm, taps[2], slopes)
        for tap in range(used):
            taps[2, tap] *= np.float32(photons[k])
        start = across + (begin - left) * samples_per_px
        stop = across + (end - 1 - left) * samples_per_px + 1
        for j in range(first, last):
            _mix_rows(
                coefficients, plane, taps[2], used,
                down + (j - top) * samples_per_px, taps[1], start, stop + TAPS - 1, row,
            )  # fmt: skip
            _mix_columns(row, taps[0], start, stop, mixed)
            m = start
            for i in range(begin, end):
                expected[t, j, i] += mixed[m]
                m += samples_per_px


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
    plane, used = _fill_planes(z_nm, coefficients.shape[0], z0_nm, dz_nm, taps[4], taps[5])
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
