"""A smooth drift curve through measured points; the data determine how smooth.

A constant, a straight line and smoothing splines of rising flexibility are compared by Akaike's
criterion for small samples [1]_, each axis by itself. So noise does not become drift: where there
is none, the constant wins and nothing is moved.

References
----------
.. [1] C. M. Hurvich, J. S. Simonoff and C.-L. Tsai, "Smoothing parameter selection in nonparametric
   regression using an improved Akaike information criterion", Journal of the Royal Statistical
   Society B 60, 271 (1998). https://doi.org/10.1111/1467-9868.00125
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.io.tables.drift_files import Drift

FloatArray = npt.NDArray[np.float64]

MIN_POINTS = 5
_STIFFNESS = 10.0 ** np.arange(-8.0, 2.0, 0.25)


class Smoothed(NamedTuple):
    """A drift and its error.

    Attributes
    ----------
    drift
        0 in the first frame.
    scatter_nm
        Standard deviation of the measurements around the curve, along one axis.
    error_nm
        Standard error of the curve, along one axis, if measurements err independently.
    freedom
        Parameters of the curve, x and y; 1 is a constant: no drift.
    """

    drift: Drift
    scatter_nm: float
    error_nm: float
    freedom: tuple[float, float]


def smooth_drift(
    frame: FloatArray, measured_nm: FloatArray, first_frame: int, last_frame: int
) -> Smoothed:
    """Fit a smooth curve to measured drifts.

    Parameters
    ----------
    frame
        (n,) frames of the measurements, rising, at least :data:`MIN_POINTS`.
    measured_nm
        (n, 2) drift at these frames.
    first_frame, last_frame
        Where the curve begins and ends; beyond the measurements it goes on straight.
    """
    fits = [_best(frame, measured_nm[:, axis]) for axis in (0, 1)]
    x, y = (_pieces(frame, fit.values, first_frame, last_frame) for fit in fits)
    start = np.array([x[1][0, 0], y[1][0, 0]])
    x[1][:, 0] -= start[0]
    y[1][:, 0] -= start[1]
    n = len(frame)
    variances = [fit.squares / max(n - fit.freedom, 1.0) for fit in fits]
    errors = [v * fit.freedom / n for v, fit in zip(variances, fits, strict=True)]
    drift = Drift(x[0], x[1], y[1], frame, measured_nm - start)
    return Smoothed(
        drift,
        float(np.sqrt(np.mean(variances))),
        float(np.sqrt(np.mean(errors))),
        (fits[0].freedom, fits[1].freedom),
    )


class _Fit(NamedTuple):
    values: FloatArray
    freedom: float
    squares: float
    criterion: float


def _best(frame: FloatArray, measured: FloatArray) -> _Fit:
    """Return the fit with the best Akaike information criterion."""
    n = len(frame)
    best: _Fit | None = None
    for values, freedom in _candidates(frame, measured):
        squares = float(((measured - values) ** 2).sum())
        criterion = n * np.log(squares / n + 1e-6) + n * (n + freedom) / (n - freedom - 2)
        if best is None or criterion < best.criterion:
            best = _Fit(values, freedom, squares, criterion)
    if best is None:
        raise ValueError(f"{n} points are too few")
    return best


def _candidates(frame: FloatArray, measured: FloatArray) -> Iterator[tuple[FloatArray, float]]:
    n = len(frame)
    yield np.full(n, measured.mean()), 1.0
    yield np.polynomial.Polynomial.fit(frame, measured, 1)(frame), 2.0
    values, vectors = np.linalg.eigh(_roughness((frame - frame[0]) / (frame[-1] - frame[0])))
    parts = vectors.T @ measured
    for stiffness in _STIFFNESS:
        shrink = 1 / (1 + stiffness * np.clip(values, 0, None))
        freedom = float(shrink.sum())
        if freedom < n - 2.5:
            yield vectors @ (shrink * parts), freedom


def _roughness(place: FloatArray) -> FloatArray:
    """Return K with zᵀKz the integral of the squared second derivative of z's natural spline."""
    n, step = len(place), np.diff(place)
    second, gram = np.zeros((n, n - 2)), np.zeros((n - 2, n - 2))
    for k in range(n - 2):
        left, right = 1 / step[k], 1 / step[k + 1]
        second[k : k + 3, k] = left, -left - right, right
        gram[k, k] = (step[k] + step[k + 1]) / 3
        if k + 1 < n - 2:
            gram[k, k + 1] = gram[k + 1, k] = step[k + 1] / 6
    result: FloatArray = second @ np.linalg.solve(gram, second.T)
    return (result + result.T) / 2


def _pieces(
    frame: FloatArray, values: FloatArray, first: int, last: int
) -> tuple[FloatArray, FloatArray]:
    """Return knots and coefficients of the natural spline, extrapolated linearly to the limits."""
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(frame, values, bc_type="natural")
    knots, pieces = [*frame], [*np.asarray(spline.c).T[:, ::-1]]
    slopes = spline(frame[[0, -1]], 1)
    if first < frame[0]:
        start = values[0] - slopes[0] * (frame[0] - first)
        knots.insert(0, float(first))
        pieces.insert(0, np.array([start, slopes[0], 0.0, 0.0]))
    if last > frame[-1]:
        knots.append(float(last))
        pieces.append(np.array([values[-1], slopes[1], 0.0, 0.0]))
    return np.array(knots), np.array(pieces)
