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
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import PsfError
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
from deep_storm.estimation.pupil.result import Coefficient, FittedPupil
from deep_storm.estimation.pupil.windows import Windows, isolated_windows
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.psf.depth import tells_depth
from deep_storm.psf.elliptical import fitted_widths
from deep_storm.psf.table import PsfTable
from deep_storm.settings import TheoryPsf

FloatArray = npt.NDArray[np.float64]

PRIOR_WAVES = 0.1
"""Standard deviation, in wavelengths rms, of a coefficient before the movie is seen."""
STEP_WAVES = 0.004
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
MIN_DEPTH_STD_NM = 80.0
MAX_CHI2 = 1.5
OUTLIER = 4.0
"""A molecule whose χ² lies so many deviations above the usual one is two of them, or moves."""
MAX_UNCERTAINTY = 0.1
MAX_AT_END = 0.2
TOLD = 0.5
"""A coefficient of which the movie leaves more than this share of the error before is not told."""
SYSTEMATIC, OF_MISFIT = 0.01, 0.2
"""Relative error that stays, and that goes with what the fit leaves over (χ² − 1), by neighbours
above all; both found on simulation."""
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
    return _finished(state, theory, rough, waves, information, windows)


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
    middle = float(np.median(chi2))
    spread = float(np.median(np.abs(chi2 - middle))) / 0.6745
    near = np.abs(state.p[:, :2] - state.data.shape[1] / 2.0).max(axis=1) < 2.0
    usual: npt.NDArray[np.bool_] = (chi2 < middle + OUTLIER * spread) & near
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


def _step(gradient: FloatArray, information: FloatArray, back: FloatArray) -> FloatArray:
    weight = np.eye(len(MODES)) / PRIOR_WAVES**2
    step = np.asarray(
        np.linalg.solve(information + weight, gradient + weight @ back), dtype=np.float64
    )
    longest = float(np.abs(step).max())
    return step * (MAX_STEP_WAVES / max(longest, MAX_STEP_WAVES))


def _finished(
    state: Molecules,
    theory: TheoryPsf,
    rough: PsfTable,
    waves: FloatArray,
    information: FloatArray,
    windows: Windows,
) -> FittedPupil:
    """Make the PSF of the coefficients, and say how sure it is.

    Raises
    ------
    PsfError
        It is not sure enough.
    """
    found = with_waves(theory, waves)
    spline = spline_of(state.table(found))
    state.p = _fitted(state, spline, restarted=False)
    chi2 = float(np.median(_chi2(state, spline)))
    z_nm = state.p[:, 2]
    at_end = float(np.mean(np.abs(z_nm) > 0.98 * spline.z1_nm))
    _check_told(chi2, float(np.std(z_nm)), at_end, theory)
    weight = np.eye(len(MODES)) / PRIOR_WAVES**2
    covariance = np.asarray(np.linalg.inv(information + weight), np.float64) * max(chi2, 1.0)
    errors = np.minimum(np.sqrt(np.diag(covariance)), PRIOR_WAVES)
    depths = np.quantile(z_nm, np.linspace(0.05, 0.95, 9)).astype(np.float64)
    table = whole_table(found, state.pixel_size_nm)
    by_noise = _error_of(state, found, covariance, depths)
    uncertainty = math.hypot(by_noise, SYSTEMATIC, OF_MISFIT * max(chi2 - 1.0, 0.0))
    if uncertainty > MAX_UNCERTAINTY:
        raise PsfError(
            f"{len(z_nm)} molecules determine the PSF over depth only to within {uncertainty:.0%}",
            f"enough light for {MAX_UNCERTAINTY:.0%}",
            "give more frames, or calibrate the PSF on beads (calibrate-psf)",
        )
    before = waves_of(theory)
    return FittedPupil(
        table=replace(table, uncertainty=uncertainty),
        theory=found,
        coefficients=tuple(
            Coefficient(
                j,
                float(before[k]),
                float(waves[k]),
                float(errors[k]),
                bool(errors[k] < TOLD * PRIOR_WAVES),
            )
            for k, j in enumerate(MODES)
        ),
        given=rough,
        change=_difference(table, rough, depths),
        molecules=len(z_nm),
        frames=windows.frames,
        depth_std_nm=float(np.std(z_nm)),
        depths_nm=z_nm.copy(),
        photons=float(np.median(state.p[:, 3])),
        background=float(np.median(state.p[:, 4])),
        chi2=chi2,
        widths=fitted_widths(table),
    )


def _check_told(chi2: float, depth_std_nm: float, at_end: float, theory: TheoryPsf) -> None:
    """Refuse molecules that do not tell the pupil."""
    if chi2 > MAX_CHI2:
        raise PsfError(
            f"molecules that no aberrations of this pupil can explain: χ² = {chi2:.2f}",
            f"about 1, at most {MAX_CHI2:g}",
            "check numerical_aperture, wavelength_nm, the indices and the camera's photons per "
            "ADU, or calibrate the PSF on beads (calibrate-psf)",
        )
    if depth_std_nm < MIN_DEPTH_STD_NM:
        raise PsfError(
            f"molecules that lie within ± {depth_std_nm:.0f} nm of one depth",
            f"depths that differ by more than ± {MIN_DEPTH_STD_NM:.0f} nm: one plane says nothing "
            "about the others",
            "use a thicker part of the sample, or calibrate the PSF on beads (calibrate-psf)",
        )
    if at_end > MAX_AT_END:
        raise PsfError(
            f"{at_end:.0%} of the molecules lie at the ends of ± {theory.z_reach_nm:g} nm",
            "depths that hold nearly all of them",
            "raise z_reach_nm in the section [pupil], or correct its astigmatism",
        )


def _error_of(
    state: Molecules, theory: TheoryPsf, covariance: FloatArray, depths_nm: FloatArray
) -> float:
    """Return the relative RMS error of a PSF at some depths, by that of its coefficients."""
    waves = waves_of(theory)
    own = state.table(theory)
    here = np.stack([own.plane(float(z)) for z in depths_nm]).ravel()
    changes = []
    for c in range(len(MODES)):
        other = waves.copy()
        other[c] += STEP_WAVES
        changed = state.table(with_waves(theory, other))
        there = np.stack([changed.plane(float(z)) for z in depths_nm]).ravel()
        changes.append((there - here) / STEP_WAVES)
    every = np.stack(changes)
    # A shift along z is no error of the shape: where the focus is, is found anew.
    step_nm = 10.0
    deeper = np.stack([own.plane(float(z) + step_nm) for z in depths_nm]).ravel() - here
    every -= np.outer(every @ deeper / (deeper @ deeper), deeper)
    return math.sqrt(float(np.sum((covariance @ every) * every)) / float(here @ here))


def _difference(table: PsfTable, other: PsfTable, depths_nm: FloatArray) -> float:
    """Return the relative RMS difference of two PSFs at some depths."""
    pair = [np.stack([t.plane(float(z)) for z in depths_nm]) for t in (table, other)]
    return float(np.linalg.norm(pair[0] - pair[1]) / np.linalg.norm(pair[0]))
