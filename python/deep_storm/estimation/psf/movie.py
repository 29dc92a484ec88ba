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
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, check_maps
from deep_storm.errors import PsfError
from deep_storm.estimation.psf.emitters import OUTSIDE_PX, Emitters
from deep_storm.estimation.psf.field import ALIKE, over_field
from deep_storm.estimation.psf.finish import Shape, check_known, frames_of, measured
from deep_storm.estimation.psf.joint import step
from deep_storm.estimation.psf.light import light_of
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.estimation.psf.retrieval import retrieve
from deep_storm.estimation.psf.rounds import (
    FIRST_MISFIT,
    RoundResult,
    begin,
    centre,
    error_by_noise,
    find_emitters,
    fit_round,
    normalize_by_tail,
)
from deep_storm.estimation.psf.scenes import Scenes, read_scenes
from deep_storm.estimation.psf.state import State
from deep_storm.estimation.psf.unknowns import Free, pool_of_threads
from deep_storm.estimation.psf.width import blinking, guess_sigma_px
from deep_storm.io.stacks.frames import FrameStream, select_frames
from deep_storm.progress import Progress, silent
from deep_storm.settings import PsfMeasurement

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FIRST_SCENES = 16
FIRST_MOLECULES = 1200
MAX_SCENES = 400
FIRST_ROUNDS, LAST_ROUNDS = 8, 6
STANDS = 0.003
"""A PSF that changes by less than this (relative RMS) stands."""
MIN_MOLECULES = 60
SYSTEMATIC = 0.008
"""Relative RMS error that stays however many molecules there are, found on simulations."""
SYSTEMATIC_ON_STRUCTURES = 0.03
"""The same on structures, where molecules that cannot be told apart are taken for one: on simulated
filaments 0.02 to 0.05."""
IN_CROWDS = 0.03
"""The same elsewhere, for each other molecule within three sigma squared: those that are not told
apart make the PSF wider. On simulations of 4 to 6 molecules per µm² 0.02 to 0.06."""
MAX_CROWDING = 1.0
"""Emitters within the area 4πσ² of a PSF: from here on nothing can be told apart."""
SEED = 1
WORK = "measuring the PSF"


def measure_movie(
    stream: FrameStream,
    camera: Camera,
    maps: CameraMaps | None = None,
    localizations: pd.DataFrame | None = None,
    settings: PsfMeasurement = PsfMeasurement(),
    progress: Progress = silent,
    used: npt.NDArray[np.bool_] | None = None,
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
        say where the centre of the PSF is. Without them, the centre is where the pupil has it that
        explains the PSF, or else the best Gaussian.
    settings
        Which frames, and how many molecules.
    progress
        Called with the share that is done; cancels by raising.
    used
        Pixels that are measured and lit, bool (y, x); default: all.

    Raises
    ------
    PsfError
        The movie cannot tell: too few molecules, or nothing can be told apart.
    StackError, CameraError
        The movie cannot be read, or the maps do not have its size.
    """
    check_maps(maps, *stream.shape[1:])
    span = select_frames(stream, settings.frames)
    scenes = read_scenes(stream, camera, maps, MAX_SCENES, span, used)
    return measure_scenes(scenes, localizations, settings, progress)


def measure_scenes(
    scenes: Scenes,
    localizations: pd.DataFrame | None = None,
    settings: PsfMeasurement = PsfMeasurement(),
    progress: Progress = silent,
) -> MeasuredPsf:
    """Measure the PSF on scenes of a movie that were read.

    Parameters
    ----------
    scenes
        As :func:`~deep_storm.estimation.psf.scenes.read_scenes` reads them.
    localizations, settings, progress
        As in :func:`measure_movie`.

    Raises
    ------
    PsfError
        The scenes cannot tell.
    """
    with pool_of_threads() as pool:
        shape = fit_scenes(scenes, localizations, pool, settings.max_molecules, progress)
    uncertainty = math.hypot(shape.error.shape, SYSTEMATIC)
    check_known(shape, uncertainty, "molecules")
    light = light_of(shape.state)
    # On structures, crowds that cannot be told apart leave something over here and nothing there.
    parts = over_field(shape.state) if light.structure == "uniform" else ALIKE
    found = replace(measured(shape, "measured", uncertainty), light=light, over_field=parts)
    if not found.gaussian_will_do:
        pupil = retrieve(found.table, light.width_std)
        found = replace(found, over_depth=pupil.over_depth)
        if localizations is None and pupil.origin_px is not None:
            found = found.moved(*pupil.origin_px)
    found = found.known_to(math.hypot(uncertainty, _by_crowding(shape.state, light.structure)))
    return replace(found, notes=(*found.notes, *_notes(found)))


def _by_crowding(state: State, structure: str) -> float:
    """Return the relative RMS error of the shape by molecules that are not told apart."""
    if structure != "uniform":
        return SYSTEMATIC_ON_STRUCTURES
    others = _per_px(state) * math.pi * (3.0 * state.sigma_px) ** 2
    return IN_CROWDS * others**2


def _notes(found: MeasuredPsf) -> tuple[str, ...]:
    """Return how molecules differ from the PSF, in sentences."""
    notes: tuple[str, ...] = ()
    why = "for instance because they lie at different depths, or are fixed and do not rotate"
    if found.over_depth is not None:
        notes = (
            f"Molecules lie at different depths: ± {found.over_depth.depth_std_nm:.0f} nm (with "
            "an objective of numerical aperture 1.4) explain their PSF and how its width differs",
        )
        why = "beyond what depths explain, for instance because they are fixed and do not rotate"
    if found.over_field.changes:
        notes = (*notes, found.over_field.sentence())
    if not found.is_mixed:
        return notes
    return (
        *notes,
        f"Molecules differ from the PSF by {found.unexplained:.0%} (relative RMS), {why}: it is "
        "their mean, and one that differs strongly may be found twice",
    )


def fit_scenes(
    scenes: Scenes,
    localizations: pd.DataFrame | None,
    pool: ThreadPoolExecutor,
    max_molecules: int,
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
    max_molecules
        About how many are fitted in the end.

    Raises
    ------
    PsfError
        The scenes cannot tell.
    """
    total = FIRST_ROUNDS + LAST_ROUNDS + 3

    def done(count: int) -> None:
        progress(count, total, WORK)

    done(0)
    sigma_px = _first_sigma(scenes)
    glance = scenes.chosen(_spread(len(scenes), FIRST_SCENES))
    first = begin(glance, sigma_px, Emitters.none(), pool)
    _check_crowding(first)
    done(1)
    per_scene = max(len(first.emitters) / len(glance), 1e-3)
    few = _spread(len(scenes), math.ceil(FIRST_MOLECULES / per_scene))
    state = _begun(scenes.chosen(few), sigma_px, localizations, pool)
    _check_count(state, len(scenes) / len(few))
    rounds, last = _rounds(state, pool, FIRST_ROUNDS, FIRST_MISFIT, lambda k: done(2 + k))
    many = _spread(len(scenes), math.ceil(max_molecules / per_scene))
    if len(many) > len(few):
        state = state.for_scenes(scenes.chosen(many))
        find_emitters(state, pool, last.change)
        state.emitters.begin_here()
        more, last = _rounds(
            state, pool, LAST_ROUNDS, last.change, lambda k: done(2 + FIRST_ROUNDS + k)
        )
        rounds += more
    error = error_by_noise(state, pool, np.random.default_rng(SEED))
    normalize_by_tail(state, error)
    if localizations is None:
        centre(state)
    done(total)
    return Shape(state, last.chi2, rounds, error)


def _first_sigma(scenes: Scenes) -> float:
    """Return a first guess of the PSF's standard deviation, in px."""
    sigma_px = guess_sigma_px(blinking(scenes))
    if sigma_px is None:
        raise PsfError(
            "neighbouring pixels of the movie are not correlated",
            "molecules that blink",
            "give a movie of blinking molecules and its camera's photons per ADU, or images of "
            "beads (--beads)",
        )
    return sigma_px


def _spread(count: int, wanted: int) -> Integers:
    """Return ``wanted`` of ``count`` indices, evenly spaced; all where there are no more."""
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).round()).astype(np.int64)


def _begun(
    scenes: Scenes,
    sigma_px: float,
    localizations: pd.DataFrame | None,
    pool: ThreadPoolExecutor,
) -> State:
    """Return a state with emitters, whose present positions define the PSF's centre."""
    if localizations is None:
        state = begin(scenes, sigma_px, Emitters.none(), pool)
        state.emitters.begin_here()
        return state
    state = State.begun(scenes, sigma_px, _emitters_of(localizations, scenes))
    step(state, Free(psf=False, positions=False), pool)
    return state


def _emitters_of(localizations: pd.DataFrame, scenes: Scenes) -> Emitters:
    """Return the localizations that lie in the scenes."""
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
) -> tuple[int, RoundResult]:
    """Fit in rounds until the PSF has converged; return their number and the last one's outcome."""
    last = RoundResult(math.inf, misfit)
    for k in range(most):
        last = fit_round(state, pool, last.change)
        done(k)
        if last.change < STANDS:
            break
    return k + 1, last


def _check_crowding(state: State) -> None:
    per_px = _per_px(state)
    if per_px * 4.0 * math.pi * state.sigma_px**2 > MAX_CROWDING:
        density = per_px / (state.scenes.pixel_size_nm / 1000.0) ** 2
        raise PsfError(
            f"every pixel of the movie blinks: about {density:.2g} molecules per µm² and frame",
            "molecules that can be told apart",
            "measure the PSF on a later, sparser part of the movie, or on beads",
        )


def _per_px(state: State) -> float:
    """Return the molecules per pixel and frame that were found."""
    height, width = state.scenes.size_px
    return len(state.emitters) / (len(state.scenes) * height * width)


def _check_count(state: State, share: float) -> None:
    """Refuse a movie with far too few molecules; ``share`` of them is in the state."""
    count = len(state.emitters)
    if count * share < MIN_MOLECULES:
        raise PsfError(
            f"{count} molecules in {frames_of(state.scenes)} frames",
            f"at least {MIN_MOLECULES}, preferably 1,000 or more",
            "give more frames of the movie, check the camera's photons per ADU, or measure the "
            "PSF on beads",
        )
