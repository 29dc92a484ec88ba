"""The PSF of a fitted pupil, and whether the movie is sure enough of it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.errors import PsfError
from deep_storm.estimation.pupil.molecules import (
    MODES,
    Molecules,
    waves_of,
    whole_table,
    with_waves,
)
from deep_storm.estimation.pupil.result import Coefficient, FittedPupil
from deep_storm.estimation.pupil.windows import Windows
from deep_storm.psf.elliptical import fitted_widths
from deep_storm.psf.table import PsfTable
from deep_storm.settings import TheoryPsf

FloatArray = npt.NDArray[np.float64]

PRIOR_WAVES = 0.1
"""Standard deviation, in wavelengths rms, of a coefficient before the movie is seen."""
STEP_WAVES = 0.004
"""Change of a coefficient by which the PSF's change is found."""
MIN_DEPTH_STD_NM = 80.0
MAX_CHI2 = 1.5
MAX_UNCERTAINTY = 0.1
MAX_AT_END = 0.2
TOLD = 0.5
"""A coefficient whose error the movie does not make smaller than this share is not determined."""
SYSTEMATIC, OF_MISFIT = 0.01, 0.2
"""Relative error that stays, and that goes with what the fit leaves over (χ² − 1), by neighbours
above all; both found on simulation."""


class Fit(NamedTuple):
    """Where the rounds of a fit ended.

    Attributes
    ----------
    given, found
        The pupil as it was roughly known, and with the coefficients found.
    waves
        These coefficients, (modes,) wavelengths rms.
    information
        About them, that of the prior included, (modes, modes).
    chi2
        Reduced χ² of the usual molecule.
    at_end
        Share of the molecules that lie at the ends of the depths.
    """

    given: TheoryPsf
    found: TheoryPsf
    waves: FloatArray
    information: FloatArray
    chi2: float
    at_end: float


def finished(state: Molecules, fit: Fit, rough: PsfTable, windows: Windows) -> FittedPupil:
    """Make the PSF of the coefficients, and say how sure it is.

    Parameters
    ----------
    state
        The molecules, fitted with the pupil found.
    fit
        The pupil.
    rough
        The PSF of the pupil given.
    windows
        Where the molecules come from.

    Raises
    ------
    PsfError
        It is not sure enough.
    """
    z_nm = state.p[:, 2]
    _check_told(fit.chi2, float(np.std(z_nm)), fit.at_end, fit.given)
    covariance = np.asarray(np.linalg.inv(fit.information), np.float64) * max(fit.chi2, 1.0)
    depths = np.quantile(z_nm, np.linspace(0.05, 0.95, 9)).astype(np.float64)
    table = whole_table(fit.found, state.pixel_size_nm)
    by_noise = _error_of(state, fit.found, covariance, depths)
    uncertainty = math.hypot(by_noise, SYSTEMATIC, OF_MISFIT * max(fit.chi2 - 1.0, 0.0))
    _check_sure(uncertainty, len(z_nm))
    return FittedPupil(
        table=replace(table, uncertainty=uncertainty),
        theory=fit.found,
        coefficients=_coefficients(waves_of(fit.given), fit.waves, covariance),
        given=rough,
        change=_difference(table, rough, depths),
        molecules=len(z_nm),
        frames=windows.frames,
        depth_std_nm=float(np.std(z_nm)),
        depths_nm=z_nm.copy(),
        photons=float(np.median(state.p[:, 3])),
        background=float(np.median(state.p[:, 4])),
        chi2=fit.chi2,
        widths=fitted_widths(table),
    )


def _coefficients(
    before: FloatArray, waves: FloatArray, covariance: FloatArray
) -> tuple[Coefficient, ...]:
    """Return each aberration as it was given and as it was found, with its error."""
    errors = np.minimum(np.sqrt(np.diag(covariance)), PRIOR_WAVES)
    return tuple(
        Coefficient(
            j,
            float(before[k]),
            float(waves[k]),
            float(errors[k]),
            bool(errors[k] < TOLD * PRIOR_WAVES),
        )
        for k, j in enumerate(MODES)
    )


def _check_sure(uncertainty: float, molecules: int) -> None:
    """Refuse a PSF that is not known well enough."""
    if uncertainty > MAX_UNCERTAINTY:
        raise PsfError(
            f"{molecules} molecules determine the PSF over depth only to within {uncertainty:.0%}",
            f"enough light for {MAX_UNCERTAINTY:.0%}",
            "give more frames, or calibrate the PSF on beads (calibrate-psf)",
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
