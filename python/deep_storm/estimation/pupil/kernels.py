"""Compiled: a molecule fitted with a PSF over depth, and what it says about the PSF.

A molecule has five parameters: x, y (px from the window's corner), z (nm), photons, background.
The variance of a pixel is ``F·mean + r²``; data and mean are raised by ``r²/F``, so that it is
proportional to the mean.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel
from deep_storm.psf.cholesky import decompose, solve
from deep_storm.psf.window import fill_table_window

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]

OWN = 5
MIN_MEAN = 0.05
LONGEST_PX, LONGEST_NM = 0.6, 150.0
HALVINGS = 4
CONVERGED = 1e-3
DAMPING = 1e-6


class Spline(NamedTuple):
    """A PSF table as kernels take it; see :class:`~deep_storm.psf.table.PsfTable`."""

    coefficients: Float32Array
    samples_per_px: int
    radius_px: int
    z0_nm: float
    dz_nm: float
    z1_nm: float


@kernel(fastmath=True)
def _expect(
    data: FloatArray, rise: FloatArray, p: FloatArray, psf: Spline, light: FloatArray,
    mean: FloatArray,
) -> float:  # fmt: skip
    """Fill in light, its slopes and the raised mean of a window; return the log likelihood."""
    size = data.shape[0]
    fill_table_window(
        0, 0, size, size, p[0], p[1], p[2], psf.coefficients, psf.samples_per_px, psf.radius_px,
        psf.z0_nm, psf.dz_nm, light,
    )  # fmt: skip
    value = 0.0
    for j in range(size):
        for i in range(size):
            m = max(p[3] * light[0, j, i] + p[4] + rise[j, i], MIN_MEAN)
            mean[j, i] = m
            value += (data[j, i] + rise[j, i]) * math.log(m) - m
    return value


@kernel(fastmath=True)
def _slopes(light: FloatArray, mean: FloatArray, p: FloatArray, out: FloatArray) -> None:
    """Fill in the slopes of the mean by the five parameters over its root, (5, pixels)."""
    size = mean.shape[0]
    for j in range(size):
        for i in range(size):
            n = j * size + i
            root = 1.0 / math.sqrt(mean[j, i])
            for a in range(3):
                out[a, n] = p[3] * light[1 + a, j, i] * root
            out[3, n] = light[0, j, i] * root
            out[4, n] = root


@kernel(fastmath=True)
def _normal(slopes: FloatArray, pull: FloatArray, matrix: FloatArray, gradient: FloatArray) -> None:
    """Fill in the normal equations of some slopes, a little damped."""
    for a in range(slopes.shape[0]):
        total = 0.0
        for n in range(pull.size):
            total += slopes[a, n] * pull[n]
        gradient[a] = total
        for b in range(a + 1):
            total = 0.0
            for n in range(pull.size):
                total += slopes[a, n] * slopes[b, n]
            matrix[a, b] = total
            matrix[b, a] = total
        matrix[a, a] *= 1.0 + DAMPING
        matrix[a, a] += 1e-12


@kernel(fastmath=True)
def _pulls(data: FloatArray, rise: FloatArray, mean: FloatArray, out: FloatArray) -> None:
    """Fill in the residuals over the root of the mean."""
    size = mean.shape[0]
    for j in range(size):
        for i in range(size):
            off = data[j, i] + rise[j, i] - mean[j, i]
            out[j * size + i] = off / math.sqrt(mean[j, i])


@kernel(fastmath=True)
def _fit(data: FloatArray, rise: FloatArray, p: FloatArray, psf: Spline, iterations: int) -> float:
    """Fit a molecule, in place; return the log likelihood."""
    size = data.shape[0]
    light, mean = np.empty((4, size, size)), np.empty((size, size))
    slopes, pull = np.empty((OWN, size * size)), np.empty(size * size)
    matrix, step = np.empty((OWN, OWN)), np.empty(OWN)
    value = _expect(data, rise, p, psf, light, mean)
    for _ in range(iterations):
        _slopes(light, mean, p, slopes)
        _pulls(data, rise, mean, pull)
        _normal(slopes, pull, matrix, step)
        decompose(matrix)
        solve(matrix, step)
        start = p.copy()
        share = 1.0
        new = value
        for _ in range(HALVINGS):
            for a in range(2):
                p[a] = start[a] + share * min(max(step[a], -LONGEST_PX), LONGEST_PX)
                p[a] = min(max(p[a], 1.0), size - 1.0)
            p[2] = start[2] + share * min(max(step[2], -LONGEST_NM), LONGEST_NM)
            p[2] = min(max(p[2], psf.z0_nm), psf.z1_nm)
            p[3] = max(start[3] + share * step[3], 1.0)
            p[4] = max(start[4] + share * step[4], 0.0)
            new = _expect(data, rise, p, psf, light, mean)
            if new >= value:
                break
            share *= 0.3
        if new < value:
            for a in range(OWN):
                p[a] = start[a]
            return value
        gained, value = new - value, new
        if gained < CONVERGED:
            break
    return value


@kernel(fastmath=True)
def fit_molecules(
    data: FloatArray, rise: FloatArray, p: FloatArray, starts_nm: FloatArray, psf: Spline,
    iterations: int, likelihood: FloatArray,
) -> None:  # fmt: skip
    """Fit molecules, from where they are and from some depths; the best is kept, in place.

    Parameters
    ----------
    data, rise
        ``(n, k, k)``.
    p
        ``(n, 5)``.
    starts_nm
        Depths that fits begin with, beside the present one.
    likelihood
        ``(n,)``: filled in.
    """
    for m in range(data.shape[0]):
        best = p[m].copy()
        most = _fit(data[m], rise[m], best, psf, iterations)
        for k in range(starts_nm.size):
            tried = p[m].copy()
            tried[2] = starts_nm[k]
            value = _fit(data[m], rise[m], tried, psf, iterations)
            if value > most:
                most = value
                best = tried
        for a in range(OWN):
            p[m, a] = best[a]
        likelihood[m] = most


@kernel(fastmath=True)
def misfits(
    data: FloatArray, rise: FloatArray, p: FloatArray, psf: Spline, excess: float, out: FloatArray
) -> None:
    """Fill in the mean square of each molecule's residuals, in standard deviations of the noise."""
    size = data.shape[1]
    light, mean = np.empty((4, size, size)), np.empty((size, size))
    for m in range(data.shape[0]):
        _expect(data[m], rise[m], p[m], psf, light, mean)
        total = 0.0
        for j in range(size):
            for i in range(size):
                off = data[m, j, i] + rise[m, j, i] - mean[j, i]
                total += off * off / mean[j, i]
        out[m] = total / excess / (size * size - OWN)


@kernel(fastmath=True)
def _project(slopes: FloatArray, factor: FloatArray, by: FloatArray) -> None:
    """Leave of changes what the molecule's own parameters could not bring about."""
    share = np.empty(OWN)
    for c in range(by.shape[0]):
        for a in range(OWN):
            share[a] = 0.0
            for n in range(by.shape[1]):
                share[a] += slopes[a, n] * by[c, n]
        solve(factor, share)
        for a in range(OWN):
            for n in range(by.shape[1]):
                by[c, n] -= share[a] * slopes[a, n]


@kernel(fastmath=True)
def _add_up(
    by: FloatArray, pull: FloatArray, gradient: FloatArray, information: FloatArray
) -> None:
    """Add gradient and information of a molecule."""
    for c in range(by.shape[0]):
        for n in range(pull.size):
            gradient[c] += by[c, n] * pull[n]
        for d in range(c + 1):
            total = 0.0
            for n in range(pull.size):
                total += by[c, n] * by[d, n]
            information[c, d] += total
            if d != c:
                information[d, c] += total


@kernel(fastmath=True)
def add_information(
    data: FloatArray, rise: FloatArray, p: FloatArray, psf: Spline, changes: Float32Array,
    gradient: FloatArray, information: FloatArray,
) -> None:  # fmt: skip
    """Add what molecules say about the coefficients of a pupil, their own parameters left free.

    Parameters
    ----------
    data, rise, p
        Of fitted molecules.
    psf
        The PSF.
    changes
        Change of its spline by each coefficient, ``(c, …)``.
    gradient, information
        ``(c,)``, ``(c, c)``: added to.
    """
    count, size = changes.shape[0], data.shape[1]
    light, mean = np.empty((4, size, size)), np.empty((size, size))
    change = np.empty((1, size, size))
    slopes = np.empty((OWN, size * size))
    by, pull = np.empty((count, size * size)), np.empty(size * size)
    matrix, right = np.empty((OWN, OWN)), np.empty(OWN)
    for m in range(data.shape[0]):
        _expect(data[m], rise[m], p[m], psf, light, mean)
        _slopes(light, mean, p[m], slopes)
        for c in range(count):
            fill_table_window(
                0, 0, size, size, p[m, 0], p[m, 1], p[m, 2], changes[c], psf.samples_per_px,
                psf.radius_px, psf.z0_nm, psf.dz_nm, change,
            )  # fmt: skip
            for j in range(size):
                for i in range(size):
                    by[c, j * size + i] = p[m, 3] * change[0, j, i] / math.sqrt(mean[j, i])
        _pulls(data[m], rise[m], mean, pull)
        _normal(slopes, pull, matrix, right)
        decompose(matrix)
        _project(slopes, matrix, by)
        _add_up(by, pull, gradient, information)
