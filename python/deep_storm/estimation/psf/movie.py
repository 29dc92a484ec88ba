"""Measure the PSF on a movie of blinking molecules.

No molecule needs to stand alone, and none needs to be known before: a Gaussian of about the right
width finds most of them, and everything – PSF, molecules, background – is then fitted together
(:mod:`deep_storm.estimation.psf.joint`) in rounds, in which molecules come and go. A few scenes
come first; the PSF that they give finds the molecules of all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, check_maps
from deep_storm.errors import PsfError
from deep_storm.estimation.psf.emitters import OUTSIDE_PX, Emitters
from deep_storm.estimation.psf.joint import step
from deep_storm.estimation.psf.kernels import OF_EMITTER
from deep_storm.estimation.psf.result import DIFFERENT, MeasuredPsf
from deep_storm.estimation.psf.rounds import (
    FIRST_MISFIT,
    Told,
    begin,
    error_by_noise,
    find_emitters,
    fit_round,
    normalize_by_tail,
)
from deep_storm.estimation.psf.scenes import Scenes, read_scenes
from deep_storm.estimation.psf.state import State
from deep_storm.estimation.psf.unknowns import Free, threads
from deep_storm.estimation.psf.width import guess_sigma_px
from deep_storm.io.stacks.frames import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.psf.table import SAMPLES_PER_PX, PsfTable, Source

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FIRST_SCENES = 16
FIRST_EMITTERS, MAX_EMITTERS = 1200, 4500
MAX_SCENES = 400
FIRST_ROUNDS, LAST_ROUNDS = 8, 5
STANDS = 0.004
"""A PSF that changes by less than this (relative RMS) stands."""
MIN_MOLECULES = 60
MAX_UNCERTAINTY = 0.1
"""A shape that is known worse than this is refused."""
SYSTEMATIC = 0.012
"""Relative RMS error that stays however many molecules there are, found on simulations."""
MAX_CROWDING = 1.0
"""Emitters within the area 4πσ² of a PSF: from here on nothing can be told apart."""
MIDDLE = 0.15
"""Pixels with at least this share of a mean molecule's brightest one are in the middle of it."""
MAX_SQUARE = 36.0
SEED = 1
WORK = "measuring the PSF"


class Shape(NamedTuple):
    """The PSF that scenes speak for, and how the fit went."""

    state: State
    told: Told
    rounds: int
    noise: float


def measure_movie(
    stream: FrameStream,
    camera: Camera,
    maps: CameraMaps | None = None,
    localizations: pd.DataFrame | None = None,
    progress: Progress = silent,
) -> MeasuredPsf:
    """Measure the PSF on a movie of blinking molecules.

    Parameters
    ----------
    stream
        The movie, ADU.
    camera, maps
        Its camera.
    localizations
        Where to begin, in nm, frames counted from 0; a third of the rows may be false. They also
        say where the centre of the PSF is. Without them, the centre is where the best Gaussian has
        it.
    progress
        Called with the share that is done; cancels by raising.

    Raises
    ------
    PsfError
        The movie cannot tell: too few molecules, or nothing can be told apart.
    StackError, CameraError
        The movie cannot be read, or the maps do not have its size.
    """
    check_maps(maps, *stream.shape[1:])
    scenes = read_scenes(stream, camera, maps, MAX_SCENES)
    with ThreadPoolExecutor(threads()) as pool:
        shape = fit_scenes(scenes, localizations, pool, progress)
    return _measured(shape, "measured")


def fit_scenes(
    scenes: Scenes,
    localizations: pd.DataFrame | None,
    pool: ThreadPoolExecutor,
    progress: Progress = silent,
) -> Shape:
    """Fit PSF, molecules and background of scenes.

    Parameters
    ----------
    scenes
        Part of a movie.
    localizations, progress
        As in :func:`measure_movie`.
    pool
        Threads.

    Raises
    ------
    PsfError
        The scenes cannot tell.
    """
    total = 2 + FIRST_ROUNDS + LAST_ROUNDS + 2

    def done(count: int) -> None:
        progress(count, total, WORK)

    done(0)
    sigma_px = guess_sigma_px(scenes)
    first = begin(
        scenes.chosen(_spread(len(scenes), FIRST_SCENES)), sigma_px, Emitters.none(), pool
    )
    per_scene = max(len(first.emitters) / len(first.scenes), 1e-3)
    done(1)
    _check_crowding(first)
    few = _spread(len(scenes), math.ceil(FIRST_EMITTERS / per_scene))
    state = _begun(scenes.chosen(few), sigma_px, localizations, pool)
    _check_count(state, len(scenes) / len(few))
    rounds, told = _rounds(state, pool, FIRST_ROUNDS, FIRST_MISFIT, lambda k: done(2 + k))
    many = _spread(len(scenes), math.ceil(MAX_EMITTERS / per_scene))
    if len(many) > len(few):
        more = state.for_scenes(scenes.chosen(many))
        find_emitters(more, pool, told.change)
        more.emitters.begin_here()
        more_rounds, told = _rounds(
            more, pool, LAST_ROUNDS, told.change, lambda k: done(3 + FIRST_ROUNDS + k)
        )
        state, rounds = more, rounds + more_rounds
    error = error_by_noise(state, pool, np.random.default_rng(SEED))
    normalize_by_tail(state, error)
    done(total)
    return Shape(state, told, rounds, error.shape)


def _spread(count: int, wanted: int) -> Integers:
    """Return ``wanted`` of ``count`` numbers, evenly spread; all where there are no more."""
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).round()).astype(np.int64)


def _begun(
    scenes: Scenes,
    sigma_px: float,
    localizations: pd.DataFrame | None,
    pool: ThreadPoolExecutor,
) -> State:
    """Return a state with emitters, whose places now say where the PSF's centre is."""
    if localizations is None:
        state = begin(scenes, sigma_px, Emitters.none(), pool)
        state.emitters.begin_here()
        return state
    state = State.begun(scenes, sigma_px, _emitters_of(localizations, scenes))
    step(state, Free(psf=False, positions=False), pool)
    return state


def _emitters_of(localizations: pd.DataFrame, scenes: Scenes) -> Emitters:
    """Return the localizations that lie in scenes."""
    parts = []
    for s, (frame, window) in enumerate(zip(scenes.frame, scenes.window, strict=True)):
        rows = localizations[localizations["frame"] == frame]
        own = scenes.windows[window]
        x = rows["x_nm"].to_numpy(np.float64) / scenes.pixel_size_nm - own.left
        y = rows["y_nm"].to_numpy(np.float64) / scenes.pixel_size_nm - own.top
        inside = (x > -OUTSIDE_PX) & (x < own.width + OUTSIDE_PX)
        inside &= (y > -OUTSIDE_PX) & (y < own.height + OUTSIDE_PX)
        photons = rows["intensity_photon"].to_numpy(np.float64) * scenes.efficiency
        scene = np.full(int(inside.sum()), s, np.int64)
        light = np.maximum(photons[inside], 1.0)
        parts.append(Emitters.at(scene, x[inside], y[inside], light))
    result = Emitters.none()
    for part in parts:
        result = result.with_more(part)
    return result


def _rounds(
    state: State, pool: ThreadPoolExecutor, most: int, misfit: float, done: Callable[[int], None]
) -> tuple[int, Told]:
    """Fit in rounds until the PSF stands; return how many there were, and how the last one went."""
    told = Told(math.inf, misfit, 0, 0)
    for k in range(most):
        told = fit_round(state, pool, told.change)
        done(k)
        if told.change < STANDS:
            break
    return k + 1, told


def _check_crowding(state: State) -> None:
    height, width = state.scenes.size_px
    per_px = len(state.emitters) / (len(state.scenes) * height * width)
    if per_px * 4.0 * math.pi * state.sigma_px**2 > MAX_CROWDING:
        density = per_px / (state.scenes.pixel_size_nm / 1000.0) ** 2
        raise PsfError(
            f"every pixel of the movie blinks: about {density:.2g} molecules per µm² and frame",
            "molecules that can be told apart",
            "measure the PSF on a later, sparser part of the movie, or on beads",
        )


def _check_count(state: State, share: float) -> None:
    """Refuse a movie with far too few molecules; ``share`` of them is in the state."""
    count = len(state.emitters)
    if count * share < MIN_MOLECULES:
        raise PsfError(
            f"{count} molecules in {_frames(state.scenes)} frames",
            f"at least {MIN_MOLECULES}, better 1,000 or more",
            "give more frames of the movie, check the camera's photons per ADU, or measure the "
            "PSF on beads",
        )


def _measured(shape: Shape, source: Source) -> MeasuredPsf:
    """Return the result of a fit.

    Raises
    ------
    PsfError
        The shape is not known well enough.
    """
    state, noise = shape.state, shape.noise
    uncertainty = math.hypot(noise, SYSTEMATIC)
    count = len(state.emitters)
    if not uncertainty <= MAX_UNCERTAINTY:
        needed = count * (uncertainty / MAX_UNCERTAINTY) ** 2
        raise PsfError(
            f"{count} molecules of {state.emitters.photons.mean():.0f} photons tell the PSF's "
            f"shape only to {uncertainty:.0%}",
            f"about {math.ceil(needed / 100) * 100:,} such molecules for {MAX_UNCERTAINTY:.0%}",
            "give more frames, or measure the PSF on beads",
        )
    efficiency = state.scenes.efficiency
    values = state.spline.values(state.coefficients)
    table = PsfTable(
        values[None].astype(np.float32),
        np.zeros(1),
        state.scenes.pixel_size_nm,
        SAMPLES_PER_PX,
        source,
        uncertainty,
    )
    difference = differences(state)
    notes: tuple[str, ...] = ()
    if difference > DIFFERENT:
        notes = (
            f"Molecules differ from the PSF by {difference:.0%} (relative RMS), for instance "
            "because they lie at different depths: this is their mean PSF, which is what a 2D "
            "analysis needs",
        )
    return MeasuredPsf(
        table,
        noise,
        count,
        _frames(state.scenes),
        float(state.emitters.photons.mean()) / efficiency,
        float(state.views.mean()) / efficiency,
        shape.told.chi2,
        difference,
        shape.rounds,
        notes,
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


def _frames(scenes: Scenes) -> int:
    return len(np.unique(scenes.frame))
