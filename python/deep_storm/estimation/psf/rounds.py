"""From a Gaussian to the PSF: rounds of joint fits, with emitters added and removed."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.psf.emitters import (
    BORN_SIGMAS,
    CORE_SIGMAS,
    Emitters,
    look_for,
    significant,
)
from deep_storm.estimation.psf.joint import Linear, step
from deep_storm.estimation.psf.scenes import Scenes
from deep_storm.estimation.psf.spline import light_beyond, tail_strength
from deep_storm.estimation.psf.state import State
from deep_storm.estimation.psf.unknowns import Free
from deep_storm.psf.table import SAMPLES_PER_PX

FloatArray = npt.NDArray[np.float64]

FIRST_MISFIT = 0.3
"""Relative error of a Gaussian that is only about as wide as the PSF."""
MIN_MISFIT = 0.03
FIRST_THRESHOLD, THRESHOLD = 8.0, 6.0
"""Standard deviations that an emitter must stand out."""
SEARCHES = 4
"""Steps with a given PSF that find the emitters of new scenes."""
NOISY = 6.0
"""A pixel is noisier than the camera says when its squares are so many standard deviations off."""
MIN_SCENES = 8
DRAWS = 3
TAIL_SPREAD, TAIL_BIAS = 0.5, 0.4
"""How far the light beyond the window may be from theory, and from what the window shows."""


@dataclass(frozen=True)
class RoundResult:
    """Outcome of a round.

    Attributes
    ----------
    chi2
        Mean square of the residuals in standard deviations.
    change
        Relative RMS change of the PSF.
    """

    chi2: float
    change: float


def find_emitters(state: State, pool: ThreadPoolExecutor, misfit: float) -> None:
    """Find the emitters of scenes with an approximate PSF, in place."""
    for k in range(SEARCHES):
        revise(state, misfit, THRESHOLD if k else FIRST_THRESHOLD)
        step(state, Free(psf=False), pool)
    give_up(state, misfit)


def fit_round(
    state: State, pool: ThreadPoolExecutor, misfit: float, revised: bool = True
) -> RoundResult:
    """Fit all unknowns once, then add and remove emitters, in place.

    Parameters
    ----------
    state
        What is fitted.
    pool
        Threads.
    misfit
        Relative error that the PSF may have before.
    revised
        Whether emitters may come and go.
    """
    before = state.spline.values(state.coefficients)
    chi2 = step(state, Free(), pool)
    hold(state)
    after = state.spline.values(state.coefficients)
    change = math.sqrt(float(np.sum((after - before) ** 2) / np.sum(after**2)))
    if revised:
        revise(state, min(change, misfit), THRESHOLD)
        find_noisy_pixels(state)
    state.sigma_px = state.gaussian().sigma_px
    return RoundResult(chi2, change)


def hold(state: State) -> None:
    """Fix what the fit cannot determine: the PSF's centre and its total light."""
    x, y = state.emitters.drift_px(state.sigma_px)
    state.emitters.x_px -= x
    state.emitters.y_px -= y
    state.coefficients = state.spline.moved(state.coefficients, x, y)
    state.normalize(1.0 - light_beyond(state.sigma_px, state.spline.radius_px))


def centre(state: State) -> None:
    """Move the centre of the best Gaussian to the emitters' positions, in place."""
    for _ in range(2):
        fit = state.gaussian()
        state.coefficients = state.spline.moved(state.coefficients, -fit.x_px, -fit.y_px)
        state.emitters.x_px += fit.x_px
        state.emitters.y_px += fit.y_px


def revise(state: State, misfit: float, threshold: float) -> None:
    """Remove emitters, and search the residual for others, in place."""
    misfit = max(misfit, MIN_MISFIT)
    give_up(state, misfit)
    light = state.light()
    expected = state.background() + light
    variance = state.noise(expected) + (misfit * light) ** 2
    shares = state.shares(math.ceil(CORE_SIGMAS * state.sigma_px))
    born = look_for(state.residual(expected), variance, shares, threshold)
    born = born.kept(~born.near(state.emitters, BORN_SIGMAS * state.sigma_px))
    state.emitters = state.emitters.with_more(born)


def give_up(state: State, misfit: float) -> None:
    """Remove emitters that are no more than noise, and merge those that are too close."""
    if len(state.emitters):
        kept = significant(state.emitters, state.light(), state.peak, misfit)
        state.emitters = state.emitters.kept(kept).joined(state.sigma_px)


def find_noisy_pixels(state: State) -> None:
    """Raise the variance of pixels that are noisier than the camera says, in place."""
    expected = state.background() + state.light()
    residual = state.residual(expected)
    noise = np.maximum(expected, 0.0) * state.scenes.excess
    known = ~np.isnan(state.scenes.photons)
    for k in range(len(state.variance)):
        own = state.scenes.window == k
        count = known[own].sum(axis=0)
        if own.sum() < MIN_SCENES:
            continue
        squares = (residual[own] ** 2).sum(axis=0) / np.maximum(count, 1)
        usual = (noise[own] * known[own]).sum(axis=0) / np.maximum(count, 1)
        allowed = state.scenes.variance[k]
        limit = (usual + allowed) * (1.0 + NOISY * np.sqrt(2.0 / np.maximum(count, 1)))
        state.variance[k] = np.where(squares > limit, squares - usual, allowed)


class Error(NamedTuple):
    """Error of a PSF by noise.

    Attributes
    ----------
    shape
        Relative RMS error of its shape.
    tail
        Standard deviation of its :func:`tail_strength`.
    """

    shape: float
    tail: float


def error_by_noise(state: State, pool: ThreadPoolExecutor, rng: np.random.Generator) -> Error:
    """Return the error of the PSF by noise.

    The joint problem is solved for noise alone: what it makes of the PSF then is an example of its
    error, with all that is not known of emitters and background in it.
    """
    linear = Linear(state, Free(), pool)
    own = float(np.sum(state.spline.values(state.coefficients) ** 2))
    squares, tails = [], []
    for _ in range(DRAWS):
        values = state.spline.values(linear.solve(linear.noise(rng)).psf)
        squares.append(float(np.sum(values**2)) / own)
        tails.append(tail_strength(values, SAMPLES_PER_PX, state.sigma_px))
    return Error(math.sqrt(float(np.mean(squares))), math.sqrt(float(np.mean(np.square(tails)))))


def normalize_by_tail(state: State, error: Error) -> None:
    """Estimate the light beyond the window from its outer part and theory; normalize in place.

    Each is trusted as far as it is known: theory to half of it (a Gaussian has no tails), the
    outer part to what the background may take away from it and to its noise.
    """
    values = state.spline.values(state.coefficients)
    seen = tail_strength(values, SAMPLES_PER_PX, state.sigma_px)
    known = 1.0 / (TAIL_BIAS**2 + error.tail**2)
    theory = 1.0 / TAIL_SPREAD**2
    strength = max((known * seen + theory) / (known + theory), 0.0)
    state.normalize(1.0 - strength * light_beyond(state.sigma_px, state.spline.radius_px))


def begin(scenes: Scenes, sigma_px: float, emitters: Emitters, pool: ThreadPoolExecutor) -> State:
    """Return the emitters of scenes, found and fitted with a Gaussian PSF."""
    state = State.begun(scenes, sigma_px, emitters)
    find_emitters(state, pool, FIRST_MISFIT)
    return state
