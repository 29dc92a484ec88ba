"""Models as verbs take them: a folder, a bundled name, or one in memory; adapted to a movie.

A model that was trained for one experiment knows its camera, PSF, emitters and background; what is
given beside it may only repeat that. The general model knows none of them: the camera must be
given, and what else is not given is estimated from the stack.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deep_storm.camera import Camera, PartialCamera
from deep_storm.errors import CameraError, SettingsError
from deep_storm.estimation import estimate_stack
from deep_storm.estimation.movie_psf import keeps_estimate, matched_light, matched_psf
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.inputs.brightness import photons_error, with_matched_brightness
from deep_storm.inputs.certainty import check_known, unsure
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.learnt import calibrated
from deep_storm.inputs.measured import measured_psf
from deep_storm.inputs.psf import psf_with_table
from deep_storm.model import Model
from deep_storm.networks.precision import learning_dtype
from deep_storm.progress import Progress, silent
from deep_storm.settings import Device, Psf, Settings
from deep_storm.training.adaptation import outside
from deep_storm.training.session import Molecules
from deep_storm.words import WARNING, rounded

if TYPE_CHECKING:
    from deep_storm.estimation.result import Estimate
    from deep_storm.inputs.movie import Movie


class ReadyModel(NamedTuple):
    """A model that is ready for a stack, and the assumptions made.

    ``mixed``: whether molecules of the movie differ from its PSF, and from one another.
    ``over_field``: whether its PSF changes over the field.
    ``estimated``: what was estimated from the movie, of ``psf``, ``emitters``, ``background``.
    """

    model: Model
    notes: tuple[str, ...] = ()
    mixed: bool = False
    estimated: tuple[str, ...] = ()
    over_field: bool = False


def load_model(model: Path | str | Model, device: Device = Device()) -> Model:
    """Load a model for a device, unless it is one in memory already.

    Raises
    ------
    ModelError
        The folder is no model.
    """
    return model if isinstance(model, Model) else Model.load(model, device=device)


def ready_model(
    model: Path | str | Model,
    expected: Expected,
    movie: Movie | None = None,
    measure_psf: bool = False,
    progress: Progress = silent,
    device: Device = Device(),
) -> ReadyModel:
    """Load a model and condition it on the experiment.

    Parameters
    ----------
    model
        Model folder, ``general``, or a model in memory.
    expected
        What is known of the experiment.
    movie
        The frames, to estimate what is not known, and their camera.
    measure_psf
        Whether to measure the shape of the PSF too (some seconds), where it is not given.
    progress
        Of that measurement.
    device
        Where and how precisely the network will compute.

    Raises
    ------
    ModelError
        The folder is no model.
    CameraError, SettingsError
        Something contradicts what the model was trained for, or the camera is missing.
    """
    trained = replace(load_model(model, device), precision=learning_dtype(device))
    if trained.card.general:
        return _conditioned(trained, expected, movie, progress if measure_psf else None)
    for name, given in vars(expected).items():
        if isinstance(given, Psf):
            given = _of_the_file(given, trained)
        if isinstance(given, Settings):
            _check_same(name, given, getattr(trained.card, name))
    return ReadyModel(trained)


def camera_for(model: Model, expected: Expected) -> Camera | PartialCamera:
    """Return the camera of the frames: the one given, or the one that the model was trained for.

    Raises
    ------
    CameraError
        What is given contradicts the camera that the model was trained for.
    """
    given = PartialCamera({}) if expected.camera is None else expected.camera
    if model.card.general or isinstance(given, Camera):
        return given
    own = model.card.camera
    _check_same("camera", own.model_copy(update=dict(given.values)), own)
    return own


def _of_the_file(given: Psf, model: Model) -> Psf:
    """Return PSF settings whose file is the PSF that the model was trained for.

    Raises
    ------
    SettingsError
        It is another one.
    """
    if not given.psf_file:
        return given
    table, own = psf_with_table(given, model.card.camera)[1], model.table
    if table is None or own is None or not own.is_like(table):
        raise SettingsError(
            f"{given.psf_file} is not the PSF that the model was trained for",
            "that PSF, or none",
            "leave --psf-file out, or train a model for this PSF, or use --model general",
        )
    return given.model_copy(update={"sigma_nm": model.card.psf.sigma_nm})


def _check_same(name: str, given: Settings, own: Settings) -> None:
    # Where the PSF's file lay does not matter: the model folder has its own copy.
    differing = [
        f
        for f in type(own).model_fields
        if f != "psf_file" and getattr(given, f) != getattr(own, f)
    ]
    if not differing:
        return
    field = differing[0]
    error = CameraError if name == "camera" else SettingsError
    raise error(
        f"the {name} given has {field} {_plain(given, field)}, the model was trained for "
        f"{_plain(own, field)}",
        f"the {name} that the model was trained for",
        f"leave it out, or train a model for this {name}, or use --model general",
    )


def _plain(settings: Settings, field: str) -> str:
    """Return a setting without digits that say nothing."""
    value = getattr(settings, field)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _conditioned(
    model: Model, expected: Expected, movie: Movie | None, measuring: Progress | None
) -> ReadyModel:
    """Condition a general model on the experiment; estimate what is not given.

    ``measuring``: progress of measuring the PSF, where that is wanted.
    """
    molecules, estimate = _molecules(expected, movie)
    if movie is not None:
        molecules = replace(molecules, maps=movie.frames.noise)
    seen = _Seen(molecules, None)
    if estimate is not None and molecules.table is None:
        seen = _Seen(molecules, photons_error(estimate, molecules.shape_known))
    if measuring is not None and movie is not None and estimate and not molecules.shape_known:
        seen = _measured(molecules, estimate, expected, movie, measuring)
    molecules, said = seen.molecules, seen.said
    if movie is not None and expected.emitters is None:
        known = expected.background is not None
        molecules, more = with_matched_brightness(
            model, molecules, movie.frames, known, seen.photons_error
        )
        said = (*said, *more)
    if estimate is not None:
        measured = molecules.shape_known and expected.psf is None
        check_known(estimate, molecules, model.card.domain, measured, expected)
    notes = [_numbers(molecules, "as given" if estimate is None else "estimated from the stack")]
    if model.card.domain is not None:
        notes += [f"{WARNING}{sentence}" for sentence in outside(model.card.domain, molecules)]
    learnt = calibrated(model, molecules)
    kept = learnt.said("Threshold and confidence were")
    parts = ("psf", "emitters", "background")
    estimated = tuple(name for name in parts if getattr(expected, name) is None)
    notes += [*said, *kept]
    return ReadyModel(learnt.value, tuple(notes), seen.mixed, estimated, seen.over_field)


def _numbers(molecules: Molecules, source: str) -> str:
    """Return the numbers that a general model is given, in a sentence."""
    emitters = molecules.emitters
    return (
        f"The general model was given ({source}): PSF sigma {molecules.psf.sigma_nm:.4g} nm, "
        f"{rounded(emitters.intensity_photon, 4):g} ± "
        f"{rounded(emitters.intensity_std_photon, 3):g} photons, "
        f"background {molecules.background.background_photon:.3g}, "
        f"{emitters.density_per_um2:.3g} emitters per µm²"
    )


class _Seen(NamedTuple):
    """Molecules as a movie shows them.

    ``photons_error``: relative, where an estimate without fits has found them; None: a fit has.
    ``said``: about the PSF. ``mixed``, ``over_field``: as of :class:`ReadyModel`.
    """

    molecules: Molecules
    photons_error: float | None
    said: tuple[str, ...] = ()
    mixed: bool = False
    over_field: bool = False


def _measured(
    molecules: Molecules, estimate: Estimate, expected: Expected, movie: Movie, progress: Progress
) -> _Seen:
    """Measure the PSF in the movie, and return the molecules with it, where that is possible."""
    found, said = measured_psf(movie.frames, molecules.camera, progress, movie.used)
    if found is None:
        return _Seen(molecules, photons_error(estimate, shape_known=False), said)
    holds = keeps_estimate(found, estimate) and not unsure(estimate)
    molecules = _with_psf(molecules, expected, found, estimate if holds else None)
    error = estimate.photons_error if holds else None
    return _Seen(molecules, error, said, found.is_mixed, found.over_field.changes)


def _with_psf(
    molecules: Molecules, expected: Expected, found: MeasuredPsf, kept: Estimate | None
) -> Molecules:
    """Return the molecules with the PSF, and the light, that were measured in the movie.

    ``kept``: the estimate with a Gaussian, where that is right, whose light stays.
    """
    changed: dict[str, Any] = {
        "psf": matched_psf(found, molecules.psf, kept.sigma_error if kept else math.inf),
        "table": None if found.gaussian_will_do else found.matched_table,
        "shape_known": True,
    }
    if not kept:
        parts = molecules.camera, molecules.emitters, molecules.background
        light = matched_light(found, *parts)
        for name, own in zip(("emitters", "background"), light, strict=True):
            if getattr(expected, name) is None:
                changed[name] = own
    return replace(molecules, **changed)


def _molecules(expected: Expected, movie: Movie | None) -> tuple[Molecules, Estimate | None]:
    """Collect given settings and estimate the rest; return the estimate too, if one was made."""
    camera = expected.camera if movie is None else movie.camera
    if not isinstance(camera, Camera):
        raise CameraError(
            "the general model without a camera",
            "the camera that took the stack",
            "give --camera camera.toml, or train a model",
        )
    parts: dict[str, Any] = {k: v for k, v in vars(expected).items() if k != "camera"}
    missing = [name for name, value in parts.items() if value is None]
    estimate = None
    if missing:
        if movie is None:
            raise SettingsError(
                f"the general model without {', '.join(missing)}",
                "PSF, emitters and background",
                "give them with --config matched.toml, as `deep-storm estimate` writes it",
            )
        estimate = estimate_stack(movie.frames, camera, examination=movie.examination)
        parts |= {name: getattr(estimate, name) for name in missing}
    parts["psf"], table = psf_with_table(parts["psf"], camera)
    known = "psf" not in missing or table is not None
    return Molecules(camera, **parts, table=table, shape_known=known), estimate
