"""From a finished fit to a result, or to the reason why there is none."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.errors import PsfError
from deep_storm.estimation.psf.kernels import OF_EMITTER
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.estimation.psf.rounds import Error
from deep_storm.estimation.psf.scenes import Scenes
from deep_storm.estimation.psf.state import State
from deep_storm.psf.table import SAMPLES_PER_PX, PsfTable, Source

FloatArray = npt.NDArray[np.float64]

MAX_UNCERTAINTY = 0.1
"""A shape that is known worse than this is refused."""
MAX_NEGATIVE = 0.04
"""Noise leaves 1 % of the light below zero; what is no molecule, far more."""
MIDDLE = 0.15
"""Pixels with at least this share of a mean emitter's brightest one are in the middle of it."""
MAX_SQUARE = 36.0
"""Residuals count as at most six standard deviations."""
LEFT_OVER_SIGMAS = 6.0


class Shape(NamedTuple):
    """A finished fit.

    Attributes
    ----------
    state
        PSF, emitters and background.
    chi2
        Mean square of the residuals in standard deviations.
    rounds
        How often everything was fitted.
    error
        What noise does to the PSF.
    """

    state: State
    chi2: float
    rounds: int
    error: Error


def check_known(shape: Shape, uncertainty: float, what: str) -> None:
    """Refuse a shape that is not known well enough.

    Parameters
    ----------
    uncertainty
        Relative RMS error of the shape.
    what
        What it was measured on: ``molecules`` or ``images of beads``.

    Raises
    ------
    PsfError
        It is not; the error says how many more are needed.
    """
    if uncertainty <= MAX_UNCERTAINTY:
        return
    own = shape.state.emitters
    share = uncertainty / MAX_UNCERTAINTY if math.isfinite(uncertainty) else 10.0
    needed = math.ceil(len(own) * share**2 / 10.0) * 10
    raise PsfError(
        f"{len(own)} {what} of {own.photons.mean():.0f} photons determine the shape of the PSF "
        f"only to within {uncertainty:.0%}",
        f"about {needed:,} of them, for {MAX_UNCERTAINTY:.0%}",
        "give more frames" + ("" if "bead" in what else ", or measure the PSF on beads"),
    )


def measured(
    shape: Shape, source: Source, uncertainty: float, notes: tuple[str, ...] = ()
) -> MeasuredPsf:
    """Return the result of a fit.

    Parameters
    ----------
    source
        Where the PSF comes from.
    uncertainty
        Relative RMS error of the shape.
    notes
        What else was found.

    Raises
    ------
    PsfError
        Much of the PSF is negative: it holds something else than molecules.
    """
    state, efficiency = shape.state, shape.state.scenes.efficiency
    values = state.spline.values(state.coefficients)
    _check_positive(values)
    table = PsfTable(
        values[None].astype(np.float32),
        np.zeros(1),
        state.scenes.pixel_size_nm,
        SAMPLES_PER_PX,
        source,
        uncertainty,
    )
    return MeasuredPsf(
        table,
        shape.error.shape,
        len(state.emitters),
        frames_of(state.scenes),
        float(state.seen().photons.mean()) / efficiency,
        state.mean_background() / efficiency,
        float(np.nanmean(state.scenes.photons)) / efficiency,
        shape.chi2,
        differences(state),
        shape.rounds,
        left_over(state),
        notes,
    )


def _check_positive(values: FloatArray) -> None:
    negative = -float(np.minimum(values, 0.0).sum()) / float(values.sum())
    if negative > MAX_NEGATIVE:
        raise PsfError(
            f"a fit with {negative:.0%} of the PSF's light below zero",
            f"at most {MAX_NEGATIVE:.0%}, as noise leaves",
            "something in the movie is not a molecule: measure on frames without it (--frames), or "
            "on beads",
        )


def differences(state: State) -> float:
    """Return the relative RMS difference of molecules' images from the PSF, beyond noise.

    Squares of residuals in the middle of molecules, less those that noise leaves after photons and
    positions have been fitted, are put down to a relative error of the expected light.
    """
    light = state.light()
    expected = state.background() + light
    variance = state.noise(expected)
    middle = np.isfinite(variance) & (light > MIDDLE * state.peak * state.emitters.photons.mean())
    squares = np.minimum(state.residual(expected) ** 2 / variance, MAX_SQUARE)[middle]
    expected_sum = squares.size - OF_EMITTER * len(state.emitters)
    strength = float(np.sum(light[middle] ** 2 / variance[middle]))
    return math.sqrt(max(float(squares.sum()) - expected_sum, 0.0) / max(strength, 1e-12))


def left_over(state: State) -> FloatArray:
    """Return the mean residual around an emitter, as shares of its photons.

    Each emitter's residuals are taken in the pixels around its own one, weighted by its light.

    Returns
    -------
    float64 of shape (n, n), n odd.
    """
    reach = math.ceil(LEFT_OVER_SIGMAS * state.sigma_px)
    edge = 2 * reach + 1
    expected = state.background() + state.light()
    residual = np.pad(state.residual(expected), ((0, 0), (reach, reach), (reach, reach)))
    _, height, width = state.scenes.photons.shape
    own = state.emitters
    column, row = np.floor(own.x_px).astype(np.int64), np.floor(own.y_px).astype(np.int64)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    total = np.zeros((edge, edge))
    for k in np.flatnonzero(inside):
        rows, columns = slice(row[k], row[k] + edge), slice(column[k], column[k] + edge)
        total += residual[own.scene[k], rows, columns]
    mean: FloatArray = total / max(float(own.photons[inside].sum()), 1e-12)
    return mean


def frames_of(scenes: Scenes) -> int:
    """Return the number of different frames that scenes are from."""
    return len(np.unique(scenes.frame))
