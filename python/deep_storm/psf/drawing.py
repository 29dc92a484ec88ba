"""Light of emitters added to frames, with a PSF table.

For each row of pixels the coefficients' planes and rows are mixed into one row and that with
itself, moved by a sample each time; both run along memory. The pixels are then every
``samples_per_px``-th of it. Weights and the corner rule: :mod:`deep_storm.psf.taps`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel
from deep_storm.psf.taps import TAPS, fill_planes, fill_taps, first_pixel, sample_of

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]


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
        plane, used = fill_planes(z_nm[k], coefficients.shape[0], z0_nm, dz_nm, taps[2], slopes)
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
