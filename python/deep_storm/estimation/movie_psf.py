"""A matched simulation with the PSF measured in the movie, where that is possible."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.errors import PsfError
from deep_storm.estimation.psf.light import MovieLight
from deep_storm.estimation.psf.movie import MAX_SCENES, measure_scenes
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.estimation.psf.scenes import Scenes, read_scenes
from deep_storm.estimation.quantity import Quantity
from deep_storm.estimation.result import Estimate
from deep_storm.estimation.trust import NOT_GAUSSIAN
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.psf.fitting import fit_gaussian
from deep_storm.settings import Background, Emitters, Psf
from deep_storm.words import counted, rounded

MIN_FRAMES = 60
"""A movie shorter than that is not worth the time."""
SIGMA_OF_SHAPE = 1.0 / math.sqrt(2.0)
"""A relative change of sigma changes the shape of a Gaussian by √2 of it (relative RMS)."""
BLINKING = 0.45
"""Relative standard deviation of photons, from which on they are those of molecules that blink."""
BEYOND_ESTIMATE = 1.2
"""On simulations of isolated molecules the estimate with a Gaussian is too low by this factor, when
the light that does not look like one has been added."""
MIN_LIGHT = 0.2
"""The emitters' light stays at least this share of what it was before."""
ERRORS = {"photons": 0.05, "background": 0.05, "density": 0.08}
"""Relative errors that remain with a measured PSF, about; of light beyond the window above all."""
EVEN = 0.25
"""Of the background, uneven, up to which it counts as even: so much of it crowds seem to have."""
KNOWN = 0.15
"""Relative error of its photons up to which an estimate is used beside a fit."""
EXPLAINED = 1.5
"""Mean square of the residuals up to which PSF, emitters and background explain the frames."""


class Attempt(NamedTuple):
    """The PSF of a movie, or why it could not be measured.

    Attributes
    ----------
    found
        None where it was not measured.
    notes
        Sentences: what was found, or why nothing was.
    """

    found: MeasuredPsf | None
    notes: tuple[str, ...] = ()


def scenes_of(
    stream: FrameStream, camera: Camera, used: npt.NDArray[np.bool_] | None = None
) -> Scenes | Attempt:
    """Read what the PSF of a movie is measured in, or tell why it is not measured.

    Parameters
    ----------
    stream, camera
        The movie, in ADU, and its camera; pixels are alike but for the stream's ``noise``.
    used
        Pixels that are measured and lit, ``(y, x)``: all where None.

    Raises
    ------
    StackError
        The movie cannot be read.
    """
    if stream.grows:
        return Attempt(None)
    frames = stream.shape[0]
    if frames < MIN_FRAMES:
        return Attempt(None, (_not_measured(f"{frames} frames, at least {MIN_FRAMES} are needed"),))
    try:
        return read_scenes(stream, camera, stream.noise, MAX_SCENES, used=used)
    except PsfError as error:
        return Attempt(None, (_not_measured(error.received),))


def try_to_measure(scenes: Scenes, progress: Progress = silent) -> Attempt:
    """Measure the PSF in scenes of a movie, if they allow it.

    Parameters
    ----------
    scenes
        As :func:`scenes_of` reads them.
    progress
        Called with the share that is done; cancels by raising.
    """
    try:
        found = measure_scenes(scenes, progress=progress)
    except PsfError as error:
        return Attempt(None, (_not_measured(error.received),))
    shape = "a Gaussian" if found.gaussian_will_do else f"{found.from_gaussian:.0%} off a Gaussian"
    said = (
        f"The PSF was measured on {counted(found.molecules, 'molecule')} of the movie: sigma "
        f"{found.sigma_nm:.0f} nm, {shape}, known to {found.uncertainty:.1%}"
    )
    return Attempt(found, (said, *found.notes))


def _not_measured(why: str) -> str:
    return f"The shape of the PSF was not measured in the movie ({why}): a Gaussian is assumed"


def keeps_estimate(found: MeasuredPsf, estimate: Estimate) -> bool:
    """Whether the light of an estimate with a Gaussian holds beside a measured PSF.

    It does where the PSF is a Gaussian and the background even, as molecules need not be told apart
    for it, and so it is right in crowds, where a fit takes two for one.
    """
    if not found.gaussian_will_do or estimate.photons_error > KNOWN:
        return False
    light = found.light
    uneven = 0.0 if light is None else light.unevenness * found.background + light.haze_photon
    return uneven <= EVEN * found.background


def matched_psf(found: MeasuredPsf, psf: Psf, sigma_error: float = math.inf) -> Psf:
    """Return the settings of a PSF with the width that was measured.

    What makes a Gaussian fit badly has been taken for a spread of widths: how much they spread is
    what the fit with the measured PSF says, or at most what molecules differ from it.

    Parameters
    ----------
    found
        The measured PSF.
    psf
        As estimated with a Gaussian.
    sigma_error
        Relative error of its sigma, where that holds as well: the better known one counts more.
    """
    if found.over_depth is not None and not found.gaussian_will_do:
        over = found.over_depth
        update = {
            "sigma_nm": over.table.effective_sigma_nm,
            "sigma_std_nm": 0.0,
            "depth_std_nm": over.depth_std_nm,
        }
        return psf.model_copy(update={name: rounded(value) for name, value in update.items()})
    spread_nm = psf.sigma_std_nm * found.sigma_nm / psf.sigma_nm
    spread_nm = min(spread_nm, SIGMA_OF_SHAPE * found.difference * found.sigma_nm)
    if found.light is not None:
        spread_nm = found.light.width_std * found.sigma_nm
    own = (SIGMA_OF_SHAPE * found.uncertainty / sigma_error) ** 2
    sigma_nm = (found.sigma_nm + own * psf.sigma_nm) / (1.0 + own)
    update = {"sigma_nm": sigma_nm, "sigma_std_nm": spread_nm}
    return psf.model_copy(update={name: rounded(value) for name, value in update.items()})


def matched_light(
    found: MeasuredPsf, camera: Camera, emitters: Emitters, background: Background
) -> tuple[Emitters, Background]:
    """Return emitters and background whose light is that of the measurement.

    Rings and tails hold light that a Gaussian leaves to the background. All that is not background
    is the emitters' light, also of those that were not found; of it, a part lies beyond the
    table's window and was background to the fit. Photons that differ much from frame to frame are
    those of molecules that blink: their distribution has a tail. How bright a molecule is, is what
    the fit says, but on a structure no more than what was estimated with a Gaussian allows.

    Parameters
    ----------
    found
        The measured PSF, with photons and background.
    camera
        Of the movie.
    emitters, background
        As estimated with a Gaussian.
    """
    area_um2 = camera.pixel_area_um2
    light = max(found.level - found.background, 0.0) / max(found.light_within, 0.5)
    least = MIN_LIGHT * emitters.density_per_um2 * emitters.intensity_photon * area_um2
    light = max(light, min(least, found.level))
    haze, uneven, changes = 0.0, 0.0, 0.0
    structure, filaments = emitters.structure, emitters.filament_um_per_um2
    if found.light is not None:
        structure, filaments = _structure(found.light, structure)
    photons = found.photons
    if structure != "uniform":
        photons = min(photons, _most_photons(found, emitters))
    spread = emitters.intensity_std_photon * photons / emitters.intensity_photon
    rest = max(found.level - light, 0.0)
    if found.light is not None:
        spread = found.light.photons_std * photons / found.photons
        uneven = min(found.light.unevenness, 1.0)
        haze = min(found.light.haze_photon, rest)
        changes = found.light.changes
    blinks = spread > BLINKING * photons
    own = {
        "intensity_photon": rounded(photons),
        "intensity_std_photon": rounded(spread, 3),
        "density_per_um2": rounded(light / photons / area_um2),
        "spread": "gamma" if blinks else emitters.spread,
        "structure": structure,
        "filament_um_per_um2": rounded(filaments, 2),
    }
    under = {
        "background_photon": rounded(rest - haze),
        "background_std_photon": rounded(
            max(changes * (rest - haze), background.background_std_photon), 3
        ),
        "unevenness": rounded(uneven, 3),
        "haze_per_um2": rounded(haze / photons / area_um2, 3),
    }
    return emitters.model_copy(update=own), background.model_copy(update=under)


def _structure(light: MovieLight, estimated: str) -> tuple[str, float]:
    """Return what molecules lie on and the length of filaments in an area; 0 where there are none.

    Whether they lie on anything, the fit knows, which tells the background apart. On what, the
    estimate sees better: it looks at the whole field in many frames.
    """
    structured = light.structure != "uniform"
    kind = estimated if structured and estimated != "uniform" else light.structure
    return kind, light.filament_um_per_um2 if kind == "filaments" else 0.0


def _most_photons(found: MeasuredPsf, emitters: Emitters) -> float:
    """Return the largest photon count of a molecule, by the estimate with a Gaussian.

    The joint fit takes molecules that it cannot tell apart for bright ones: on simulated filaments
    by 10 to 40 %, on uniform movies by less than 10 %. The estimate does not, but knows only the
    part of the light that looks like a Gaussian.
    """
    part = fit_gaussian(found.table.values[0], found.table.samples_per_px).share
    return BEYOND_ESTIMATE * emitters.intensity_photon / part


def with_psf(estimate: Estimate, attempt: Attempt) -> Estimate:
    """Return an estimate with the measured PSF, and with the photons that belong to it.

    Where a Gaussian will do, and the background is even, the numbers stay as they are.
    """
    found = attempt.found
    if found is None or keeps_estimate(found, estimate):
        return replace(estimate.with_notes(*attempt.notes), shape=found)
    emitters, background = matched_light(
        found, estimate.camera, estimate.emitters, estimate.background
    )
    psf = matched_psf(found, estimate.psf)
    values = {
        "sigma": psf.sigma_nm,
        "photons": emitters.intensity_photon,
        "background": background.background_photon,
        "density": emitters.density_per_um2,
    }
    errors = {"sigma": SIGMA_OF_SHAPE * found.uncertainty, **ERRORS}
    quantities = dict(estimate.quantities)
    for name, value in values.items():
        own = quantities[name]
        spread = own.spread and own.spread * value / own.value
        if name == "sigma":
            spread = psf.sigma_std_nm
        quantities[name] = Quantity(
            value, own.unit, errors[name] * value, spread, own.samples, own.lower_limit
        )
    quantities["sigma"] = replace(quantities["sigma"], samples=found.molecules)
    quantities["photons"] = replace(quantities["photons"], samples=found.molecules)
    explained = found.chi2 < EXPLAINED
    warnings = [w for w in estimate.warnings if not (explained and w.startswith(NOT_GAUSSIAN))]
    changed = replace(
        estimate,
        psf=psf,
        emitters=emitters,
        background=background,
        quantities=quantities,
        warnings=tuple(warnings),
        shape=found,
    )
    return changed.with_notes(*attempt.notes)
