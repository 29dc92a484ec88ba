"""Models as verbs take them: a folder, a bundled name, or one in memory; told what to expect.

A model that was trained for one experiment knows its camera, PSF, emitters and background; what is
given beside it may only repeat that. The general model knows none of them: the camera must be
given, and what else is not given is estimated from the stack.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, SettingsError
from deep_storm.inputs.psf import psf_with_table
from deep_storm.settings import Background, Emitters, Psf, Settings

if TYPE_CHECKING:
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.model import Model
    from deep_storm.training.session import Molecules


@dataclass(frozen=True)
class Expected:
    """What the user says about the experiment; None where nothing is said."""

    camera: Camera | None = None
    psf: Psf | None = None
    emitters: Emitters | None = None
    background: Background | None = None


class ReadyModel(NamedTuple):
    """A model that is ready for a stack, and what was assumed for that."""

    model: Model
    notes: tuple[str, ...] = ()


def load_model(model: Path | str | Model) -> Model:
    """Load a model, unless it is one in memory.

    Raises
    ------
    ModelError
        The folder is no model.
    """
    from deep_storm.model import Model

    return model if isinstance(model, Model) else Model.load(model)


def ready_model(
    model: Path | str | Model, expected: Expected, stream: FrameStream | None = None
) -> ReadyModel:
    """Load a model and tell it what to expect.

    Parameters
    ----------
    model
        Model folder, ``general``, or a model in memory.
    expected
        What is known of the experiment.
    stream
        The frames, to estimate what is not known.

    Raises
    ------
    ModelError
        The folder is no model.
    CameraError, SettingsError
        Something contradicts what the model was trained for, or the camera is missing.
    """
    trained = load_model(model)
    if trained.card.general:
        return _told(trained, expected, stream)
    for name, given in vars(expected).items():
        if given is not None:
            _check_same(name, given, getattr(trained.card, name))
    return ReadyModel(trained)


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
        f"the {name} given has {field} {getattr(given, field)}, the model was trained for "
        f"{getattr(own, field)}",
        f"the {name} that the model was trained for",
        f"leave it out, or train a model for this {name}, or use --model general",
    )


def _told(model: Model, expected: Expected, stream: FrameStream | None) -> ReadyModel:
    """Tell a general model what to expect; estimate what nobody says."""
    from deep_storm.training.adaptation import adapted, outside

    molecules, estimated = _molecules(expected, stream)
    where = "estimated from the stack" if estimated else "as given"
    emitters = molecules.emitters
    notes = [
        f"The general model was told ({where}): PSF sigma {molecules.psf.sigma_nm:.4g} nm, "
        f"{emitters.intensity_photon:.4g} ± {emitters.intensity_std_photon:.3g} photons, "
        f"background {molecules.background.background_photon:.3g}, "
        f"{emitters.density_per_um2:.3g} emitters per µm²"
    ]
    if model.card.domain is not None:
        notes += [f"Warning: {sentence}" for sentence in outside(model.card.domain, molecules)]
    return ReadyModel(adapted(model, molecules), tuple(notes))


def _molecules(expected: Expected, stream: FrameStream | None) -> tuple[Molecules, bool]:
    from deep_storm.training.session import Molecules

    if expected.camera is None:
        raise CameraError(
            "the general model without a camera",
            "the camera that took the stack",
            "give --camera camera.toml, or train a model",
        )
    parts: dict[str, Any] = {k: v for k, v in vars(expected).items() if k != "camera"}
    missing = [name for name, value in parts.items() if value is None]
    if missing and stream is None:
        raise SettingsError(
            f"the general model without {', '.join(missing)}",
            "PSF, emitters and background",
            "give them with --config matched.toml, as `deep-storm estimate` writes it",
        )
    if missing and stream is not None:
        from deep_storm.estimation import estimate_stack

        found = estimate_stack(stream, expected.camera)
        parts |= {name: getattr(found, name) for name in missing}
    parts["psf"], table = psf_with_table(parts["psf"], expected.camera)
    known = "psf" not in missing or table is not None
    molecules = Molecules(expected.camera, **parts, table=table, shape_known=known)
    return molecules, bool(missing)
