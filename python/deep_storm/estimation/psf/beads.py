"""Measure the PSF on images of beads, in focus.

Beads are isolated emitters and shine in every frame; the same joint fit as for molecules
gives the PSF. Frames may show them at slightly different places (drift, stage steps): that helps,
because the pixels then sample the PSF more finely.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, check_maps, photons_from
from deep_storm.errors import PsfError
from deep_storm.estimation.psf.bead_search import (
    APART,
    Beads,
    find_beads,
    saturated_beads,
    smooth_background,
    too_close,
)
from deep_storm.estimation.psf.emitters import Emitters
from deep_storm.estimation.psf.finish import Shape, check_known, measured
from deep_storm.estimation.psf.joint import step
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.estimation.psf.retrieval import retrieve
from deep_storm.estimation.psf.rounds import centre, error_by_noise, fit_round, normalize_by_tail
from deep_storm.estimation.psf.scenes import Scenes, Window, read_variance
from deep_storm.estimation.psf.spline import Spline
from deep_storm.estimation.psf.state import State
from deep_storm.estimation.psf.unknowns import Free, pool_of_threads
from deep_storm.estimation.psf.width import guess_sigma_px
from deep_storm.estimation.sampling import check_values
from deep_storm.io.stacks.frames import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.words import counted

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_FRAMES, MAX_BEADS = 20, 60
MIN_BEADS = 3
"""Fewer do not tell what is the PSF and what is one bead."""
MARGIN_PX = 3
FOCUS = 0.75
"""Where beads are less sharp than this share of the sharpest frame, focus has changed."""
FIRST_MISFIT, MIN_MISFIT = 0.3, 0.01
STEPS, ROUNDS = 4, 10
STANDS = 0.002
"""A PSF that changes by less than this (relative RMS) stands."""
SYSTEMATIC = 0.01
"""Relative RMS error that stays however many beads there are."""
SEED = 1


def measure_beads(
    stream: FrameStream,
    camera: Camera,
    maps: CameraMaps | None = None,
    span: tuple[int, int] | None = None,
    progress: Progress = silent,
) -> MeasuredPsf:
    """Measure the PSF on images of beads.

    Parameters
    ----------
    stream
        Frames in ADU, all in focus.
    camera, maps
        Their camera.
    span
        First frame and the one after the last, counted from 0; default: all.
    progress
        Called with the share that is done; cancels by raising.

    Raises
    ------
    PsfError
        There are no beads, they are too close or saturated, focus changes from frame to frame, or
        they are too few.
    StackError, CameraError
        The stack cannot be read, or the maps do not have its size.
    """
    check_maps(maps, *stream.shape[1:])
    values, numbers = _read(stream, span or (0, stream.shape[0]))
    photons = np.stack([photons_from(v[None], camera, maps)[0] for v in values])
    photons = photons.astype(np.float64) * camera.quantum_efficiency
    mean = photons.mean(axis=0)
    mean -= smooth_background(mean)
    sigma_px = guess_sigma_px((mean - np.median(mean))[None])
    if sigma_px is None:
        raise PsfError("no beads in the images", "beads that stand out", "give images of beads")
    spline = Spline.for_sigma(sigma_px, min(mean.shape))
    beads = _suitable(mean, values, sigma_px, spline.radius_px)
    scenes = _scenes(photons, numbers, beads, spline.radius_px, camera, maps)
    _check_focus(scenes, sigma_px)
    with pool_of_threads() as pool:
        shape = _fit(scenes, sigma_px, pool, progress)
    found = measured(shape, "beads", 0.0)
    uncertainty = math.hypot(
        shape.error.shape, SYSTEMATIC, found.difference / math.sqrt(len(scenes.windows))
    )
    check_known(shape, uncertainty, "images of beads")
    note = f"{counted(len(scenes.windows), 'bead')} in {counted(len(numbers), 'frame')}"
    found = measured(shape, "beads", uncertainty, (note,))
    origin_px = retrieve(found.table, 0.0).origin_px
    return found if origin_px is None else found.moved(*origin_px)


def _read(stream: FrameStream, span: tuple[int, int]) -> tuple[npt.NDArray[np.generic], Integers]:
    first, stop = span
    count = min(stop - first, MAX_FRAMES)
    numbers = np.unique(np.linspace(first, stop - 1, count).round()).astype(np.int64)
    frames = []
    for number in numbers.tolist():
        values = stream.read(number, number + 1)
        check_values(values, stream.name, number)
        frames.append(values[0])
    return np.stack(frames), numbers


def _suitable(
    mean: FloatArray, values: npt.NDArray[np.generic], sigma_px: float, radius_px: int
) -> Beads:
    """Return the beads that are isolated and not saturated.

    Raises
    ------
    PsfError
        There are too few of them.
    """
    beads = find_beads(mean, sigma_px)
    height, width = mean.shape
    reach = radius_px + MARGIN_PX
    inside = (beads.row >= reach) & (beads.row < height - reach)
    inside &= (beads.column >= reach) & (beads.column < width - reach)
    close = too_close(beads, APART * radius_px)
    saturated = saturated_beads(beads, values, sigma_px)
    good = inside & ~close & ~saturated
    if good.sum() >= MIN_BEADS:
        return beads.chosen(np.flatnonzero(good)[:MAX_BEADS])
    reasons = [
        f"{count} {why}"
        for count, why in (
            (int(saturated.sum()), "saturated"),
            (int((close & ~saturated).sum()), f"closer together than {APART * radius_px:.0f} px"),
            (int((~inside & ~close & ~saturated).sum()), f"closer than {reach} px to the edge"),
            (int(good.sum()), "of use"),
        )
        if count
    ]
    raise PsfError(
        f"{counted(beads.row.size, 'bead')}: {', '.join(reasons) or 'none stands out'}",
        f"at least {MIN_BEADS} beads that are isolated and not saturated",
        "expose for a shorter time, dilute the beads, or give another field",
    )


def _scenes(
    photons: FloatArray,
    numbers: Integers,
    beads: Beads,
    radius_px: int,
    camera: Camera,
    maps: CameraMaps | None,
) -> Scenes:
    """Cut out each bead in each frame."""
    reach = radius_px + MARGIN_PX
    edge = 2 * reach + 1
    windows = tuple(
        Window(int(row) - reach, int(column) - reach, edge, edge)
        for row, column in zip(beads.row, beads.column, strict=True)
    )
    frames = len(numbers)
    cut = [w.cut(photons[t]) for w in windows for t in range(frames)]
    window = np.repeat(np.arange(len(windows)), frames)
    return Scenes(
        np.stack(cut),
        np.tile(numbers, len(windows)),
        window,
        window,
        windows,
        read_variance(windows, camera, maps),
        camera.excess_noise_factor,
        camera.pixel_size_nm,
        camera.quantum_efficiency,
    )


def _check_focus(scenes: Scenes, sigma_px: float) -> None:
    """Refuse frames in which the beads are less sharp than in others.

    Raises
    ------
    PsfError
        Focus changes: a z-stack, for instance.
    """
    light = scenes.photons - np.median(scenes.photons, axis=(1, 2), keepdims=True)
    blurred = gaussian_filter(light, (0, 0.5 * sigma_px, 0.5 * sigma_px))
    sharpness = blurred.max(axis=(1, 2)) / np.maximum(light.sum(axis=(1, 2)), 1e-9)
    numbers = np.unique(scenes.frame)
    of_frame = np.array([np.median(sharpness[scenes.frame == number]) for number in numbers])
    best, worst = int(of_frame.argmax()), int(of_frame.argmin())
    if of_frame[worst] < FOCUS * of_frame[best]:
        raise PsfError(
            f"beads that are {1 - of_frame[worst] / of_frame[best]:.0%} less sharp in frame "
            f"{numbers[worst] + 1} than in frame {numbers[best] + 1}",
            "frames that are all in focus",
            f"give the frames around {numbers[best] + 1} alone (--frames)",
        )


def _fit(scenes: Scenes, sigma_px: float, pool: ThreadPoolExecutor, progress: Progress) -> Shape:
    done = _frames_done(progress)
    done(0)
    state = State.begun(scenes, sigma_px, _emitters(scenes), blinking=False)
    state.misfit = FIRST_MISFIT
    for _ in range(STEPS):
        step(state, Free(psf=False), pool)
    state.emitters.begin_here()
    done(1)
    for k in range(ROUNDS):
        last = fit_round(state, pool, 1.0, revised=False)
        state.misfit = min(state.misfit, max(MIN_MISFIT, last.change))
        done(2 + k)
        if last.change < STANDS and state.misfit == MIN_MISFIT:
            break
    error = error_by_noise(state, pool, np.random.default_rng(SEED))
    normalize_by_tail(state, error)
    centre(state)
    done(ROUNDS + 2)
    return Shape(state, last.chi2, k + 1, error)


def _frames_done(progress: Progress) -> Callable[[int], None]:
    def done(count: int) -> None:
        progress(count, ROUNDS + 2, "measuring the PSF on beads")

    return done


def _emitters(scenes: Scenes) -> Emitters:
    """Return one emitter in the middle of each scene."""
    count, (height, width) = len(scenes), scenes.size_px
    light = scenes.photons - np.median(scenes.photons, axis=(1, 2), keepdims=True)
    photons = np.maximum(light.sum(axis=(1, 2)), 1.0)
    scene = np.arange(count, dtype=np.int64)
    return Emitters.at(scene, np.full(count, width / 2.0), np.full(count, height / 2.0), photons)
