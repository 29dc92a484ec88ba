"""Fit the Zernike coefficients of a roughly known pupil to molecules at unknown depths.

Theory knows most of an astigmatic microscope: aperture, wavelength, indices, about how strong the
cylindrical lens is. What it does not know are a few aberrations, and those a movie tells [1]_, as
its molecules lie at many depths: what is alike in one plane is different in another. Molecules that
stand alone are fitted (x, y, z, photons, background), begun at several depths, and in turns with
them the coefficients, by Gauss–Newton steps in which each molecule's own parameters are free
(projected out): a depth that is wrong because of the PSF does not hold the PSF where it is.

What the movie does not tell stays as it was given: each coefficient is known before to
:data:`PRIOR_WAVES`. Which side of the focus is which, and how long a nm along z is, comes from the
given pupil (the sign of its astigmatism, aperture and index), not from the movie.

References
----------
.. [1] F. Xu et al., "Three-dimensional nanoscopy of whole cells and tissues with in situ point
   spread function retrieval", Nature Methods 17, 531 (2020).
   https://doi.org/10.1038/s41592-020-0816-x
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import PsfError
from deep_storm.estimation.pupil.finish import PRIOR_WAVES, STEP_WAVES, Fit, finished
from deep_storm.estimation.pupil.kernels import (
    Spline,
    add_information,
    fit_molecules,
    misfits,
)
from deep_storm.estimation.pupil.molecules import (
    MODES,
    Molecules,
    spline_of,
    waves_of,
    whole_table,
    with_waves,
)
from deep_storm.estimation.pupil.result import FittedPupil
from deep_storm.estimation.pupil.windows import Windows, isolated_windows
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.psf.depth import tells_depth
from deep_storm.psf.table import PsfTable
from deep_storm.robust import robust_std
from deep_storm.settings import TheoryPsf

FloatArray = npt.NDArray[np.float64]

MAX_STEP_WAVES = 0.04
STANDS_WAVES = 0.001
ROUNDS = 12
RESTARTED = (0, 2, 4)
"""Rounds in which molecules are fitted from several depths again."""
STARTS = (-0.8, -0.5, -0.2, 0.2, 0.5, 0.8)
"""Depths that fits begin with, over the farthest."""
ITERATIONS = 12
RADIUS_SIGMAS, MIN_RADIUS_PX = 3.0, 5
MIN_MOLECULES = 100
OUTLIER = 4.0
"""A molecule whose χ² lies so many deviations above the usual one is two of them, or moves."""
WORK = "fitting the pupil"


def fit_pupil(
    stream: FrameStream,
    camera: Camera,
    theory: TheoryPsf,
    span: range,
    maps: CameraMaps | None = None,
    progress: Progress = silent,
) -> FittedPupil:
    """Fit the aberrations of a pupil to a movie.

    Parameters
    ----------
    stream, camera, maps
        The movie, in ADU, and its camera.
    theory
        The pupil as it is roughly known, and the depths to compute.
    span
        Frames to use.
    progress
        Called with the share that is done; cancels by raising.

    Raises
    ------
    PsfError
        The given PSF does not tell depth, or the movie does not tell its aberrations.
    """
    progress(0, ROUNDS + 2, WORK)
    rough = whole_table(theory, camera.pixel_size_nm)
    _check_rough(rough)
    sigma_px = float(np.median(rough.effective_sigmas_nm)) / camera.pixel_size_nm
    sigma_px = min(sigma_px, 1.5 * rough.effective_sigma_nm / camera.pixel_size_nm)
    radius_px = max(math.ceil(RADIUS_SIGMAS * sigma_px), MIN_RADIUS_PX)
    windows = isolated_windows(stream, camera, maps, span, radius_px, sigma_px)
    _check_count(len(windows.photons), windows)
    state = Molecules.begun(windows, camera, radius_px)
    before = waves_of(theory)
    waves = before.copy()
    information = np.zeros((len(MODES), len(MODES)))
    for k in range(ROUNDS):
        progress(1 + k, ROUNDS + 2, WORK)
        table = state.table(with_waves(theory, waves))
        spline = spline_of(table)
        state.p = _fitted(state, spline, k in RESTARTED)
        if k in RESTARTED:
            state = state.kept(_usual(state, spline))
            _check_count(len(state.p), windows)
        gradient, information = _information(state, spline, table, theory, waves)
        step = _step(gradient, information, before - waves)
        waves = waves + step
        if k > max(RESTARTED) and float(np.abs(step).max()) < STANDS_WAVES:
            break
    progress(ROUNDS + 1, ROUNDS + 2, WORK)
    found = with_waves(theory, waves)
    spline = spline_of(state.table(found))
    state.p = _fitted(state, spline, restarted=False)
    chi2 = float(np.median(_chi2(state, spline)))
    at_end = float(np.mean(np.abs(state.p[:, 2]) > 0.98 * spline.z1_nm))
    fit = Fit(theory, found, waves, information + _prior_weight(), chi2, at_end)
    return finished(state, fit, rough, windows)


def _check_rough(rough: PsfTable) -> None:
    if not tells_depth(rough):
        raise PsfError(
            "a PSF that looks the same on both sides of the focus",
            "a pupil with about the astigmatism (or mask) of the microscope",
            "give astigmatism_waves in the section [pupil]",
        )


def _check_count(count: int, windows: Windows) -> None:
    if count >= MIN_MOLECULES:
        return
    raise PsfError(
        f"{count} isolated molecules in {windows.frames} frames ({windows.maxima} maxima)",
        f"at least {MIN_MOLECULES}, preferably 500 or more",
        "give more frames, or a later and sparser part of the movie (--frames)",
    )


def _fitted(state: Molecules, spline: Spline, restarted: bool) -> FloatArray:
    starts = np.array(STARTS) * spline.z1_nm if restarted else np.empty(0)
    p = state.p.copy()
    fit_molecules(state.data, state.rise, p, starts, spline, ITERATIONS, np.empty(len(p)))
    return p


def _chi2(state: Molecules, spline: Spline) -> FloatArray:
    found = np.empty(len(state.p))
    misfits(state.data, state.rise, state.p, spline, state.excess, found)
    return found


def _usual(state: Molecules, spline: Spline) -> npt.NDArray[np.bool_]:
    """Return which molecules are like the others, and in the middle of their windows."""
    chi2 = _chi2(state, spline)
    limit = float(np.median(chi2)) + OUTLIER * robust_std(chi2)
    near = np.abs(state.p[:, :2] - state.data.shape[1] / 2.0).max(axis=1) < 2.0
    usual: npt.NDArray[np.bool_] = (chi2 < limit) & near
    return usual


def _information(
    state: Molecules, spline: Spline, table: PsfTable, theory: TheoryPsf, waves: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return gradient and information of the coefficients, over the variance of the noise."""
    changes = np.empty((len(MODES), *table.coefficients.shape), np.float32)
    for c in range(len(MODES)):
        other = waves.copy()
        other[c] += STEP_WAVES
        changed = state.table(with_waves(theory, other)).coefficients
        changes[c] = (changed - table.coefficients) / STEP_WAVES
    gradient, information = np.zeros(len(MODES)), np.zeros((len(MODES), len(MODES)))
    add_information(state.data, state.rise, state.p, spline, changes, gradient, information)
    return gradient / state.excess, information / state.excess


def _prior_weight() -> FloatArray:
    """Return the information that is there before any molecule is: that of the prior."""
    return np.eye(len(MODES)) / PRIOR_WAVES**2


def _step(gradient: FloatArray, information: FloatArray, back: FloatArray) -> FloatArray:
    weight = _prior_weight()
    step = np.asarray(
        np.linalg.solve(information + weight, gradient + weight @ back), dtype=np.float64
    )
    longest = float(np.abs(step).max())
    return step * (MAX_STEP_WAVES / max(longest, MAX_STEP_WAVES))
