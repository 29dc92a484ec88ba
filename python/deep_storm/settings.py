"""Settings: each parameter of the product declared once.

A settings class per step: frozen, unknown keys refused, each field with range, default, unit
and a one-line description. The command line's options, Fiji's dialogs, the documentation's
tables and the TOML files are all made from these classes, so a parameter has the same name, unit
and default everywhere.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticUndefined

from deep_storm.errors import SettingsError

SettingsT = TypeVar("SettingsT", bound="Settings")


def setting(
    default: Any,
    description: str,
    *,
    unit: str | None = None,
    example: Any = None,
    **constraints: Any,
) -> Any:
    """Declare a field of a settings class.

    Parameters
    ----------
    default
        The default, or ``...`` when the user must give a value.
    description
        One line for help texts, dialogs and documentation.
    unit
        Unit as shown to the user; the field's name carries it too.
    example
        A plausible value, shown where there is no default.
    **constraints
        ``gt``, ``ge``, ``lt``, ``le``, ``pattern`` … as pydantic takes them.
    """
    extra = {"unit": unit, "example": example}
    return Field(default, description=description, json_schema_extra=extra, **constraints)


class Settings(BaseModel):
    """Base of all settings classes: frozen, misspelt keys refused, defaults checked too."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @classmethod
    def parse(cls: type[SettingsT], values: dict[str, Any], origin: str = "") -> SettingsT:
        """Make settings from plain values; a problem becomes one clear sentence.

        Parameters
        ----------
        values
            Field names and values.
        origin
            Where the values come from (a file's name), for the error.

        Raises
        ------
        SettingsError
            A value is missing, unknown, of the wrong type or out of range.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _sentence_from(error, cls, origin) from error


def first_problem(error: ValidationError) -> ErrorDetails:
    """Return the problem to speak of: a misspelt setting is why another one is missing."""
    problems = error.errors()
    return next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])


def _sentence_from(error: ValidationError, cls: type[Settings], origin: str) -> SettingsError:
    """Turn the first problem that pydantic found into received / expected / what to do."""
    from difflib import get_close_matches

    first = first_problem(error)
    name = str(first["loc"][0]) if first["loc"] else cls.__name__
    where = f" in {origin}" if origin else ""
    if first["type"] == "extra_forbidden":
        close = get_close_matches(name, cls.model_fields, n=1)
        advice = f"did you mean {close[0]!r}?" if close else "remove it"
        return SettingsError(
            f"unknown setting {name!r}{where}",
            f"one of {', '.join(cls.model_fields)}",
            advice,
        )
    field = cls.model_fields.get(name)
    expected = describe_range(cls, name) if field is not None else first["msg"]
    if first["type"] == "missing":
        option = "--" + name.replace("_", "-")
        section = cls.__name__.lower()
        return SettingsError(
            f"{name} is missing{where}",
            expected,
            f"give {option} or put {name} under [{section}] in the --config file",
        )
    if field is None:
        return SettingsError(f"{cls.__name__.lower()} settings{where}: {first['msg']}")
    return SettingsError(
        f"{name} is {first.get('input')!r}{where}", expected, f"change {name} ({field.description})"
    )


def field_range(cls: type[Settings], name: str) -> dict[str, float]:
    """Return the numeric constraints (``gt``, ``ge``, ``lt``, ``le``) of a field."""
    found: dict[str, float] = {}
    for constraint in cls.model_fields[name].metadata:
        for bound in ("gt", "ge", "lt", "le"):
            value = getattr(constraint, bound, None)
            if value is not None:
                found[bound] = value
    return found


def field_unit(cls: type[Settings], name: str) -> str | None:
    """Return the unit of a field, or None when it has none."""
    extra = cls.model_fields[name].json_schema_extra
    unit = extra.get("unit") if isinstance(extra, dict) else None
    return str(unit) if unit else None


def field_default(cls: type[Settings], name: str) -> Any:
    """Return the default of a field, or ``...`` when the user must give a value."""
    default = cls.model_fields[name].default
    return ... if default is PydanticUndefined else default


def describe_range(cls: type[Settings], name: str) -> str:
    """Say in words what a field accepts: ``a number from 1 to 64 (nm)``."""
    from typing import get_args, get_origin

    annotation = cls.model_fields[name].annotation
    members = [a for a in get_args(annotation) if a not in (type(None), ...)] or [annotation]
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(repr(a) for a in get_args(annotation))
    if any(get_origin(m) is Literal for m in members):
        choices = [repr(a) for m in members if get_origin(m) is Literal for a in get_args(m)]
        return "one of " + ", ".join(choices)
    kind = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    text = " or ".join(kind.get(m, str(m)) for m in members if m is not None)
    limits = field_range(cls, name)
    words = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}
    if "ge" in limits and "le" in limits:
        text += f" from {limits['ge']:g} to {limits['le']:g}"
    else:
        text += "".join(f" {words[k]} {v:g}" for k, v in limits.items())
    unit = field_unit(cls, name)
    return f"{text} ({unit})" if unit else text


class Psf(Settings):
    """The point spread function: an integrated Gaussian."""

    sigma_nm: float = setting(
        ...,
        "standard deviation of the PSF; 0.21 × wavelength / NA is a good start",
        unit="nm",
        example=130.0,
        ge=20,
        le=2000,
    )
    sigma_std_nm: float = setting(
        10.0, "spread of the PSF sigma from emitter to emitter", unit="nm", ge=0, le=500
    )


class Emitters(Settings):
    """How many emitters there are, where, and how bright."""

    density_per_um2: float = setting(
        ..., "emitters per µm² per frame", unit="per µm²", example=2.0, gt=0, le=100
    )
    density_std_per_um2: float = setting(
        0.0, "spread of the density from frame to frame", unit="per µm²", ge=0, le=100
    )
    intensity_photon: float = setting(
        ...,
        "mean photons of an emitter in one frame",
        unit="photon",
        example=1500.0,
        gt=0,
        le=1e6,
    )
    intensity_std_photon: float = setting(
        300.0, "spread of the photons from emitter to emitter", unit="photon", ge=0, le=1e6
    )
    spread: Literal["uniform", "normal"] = setting(
        "uniform",
        "how sigma and photons spread: uniform as in ThunderSTORM's generator, or normal "
        "(cut at a fifth of the mean)",
    )
    structure: str = setting(
        "uniform",
        "where emitters are: uniform, filaments, clusters, mixed (all three), or a mask image",
        example="uniform",
    )


class Background(Settings):
    """Light that does not come from emitters."""

    background_photon: float = setting(
        ..., "mean photons per pixel without emitters", unit="photon", example=10.0, ge=0, le=1e5
    )
    background_std_photon: float = setting(
        0.0, "spread of the background from frame to frame", unit="photon", ge=0, le=1e5
    )


class Simulation(Settings):
    """Size and seed of a simulated stack."""

    frames: int = setting(100, "number of frames", unit="frames", ge=1, le=10_000_000)
    width_px: int = setting(64, "frame width", unit="px", ge=4, le=8192)
    height_px: int = setting(64, "frame height", unit="px", ge=4, le=8192)
    seed: int = setting(1, "same seed, same frames", ge=0, le=2**31 - 1)


class Network(Settings):
    """Which network, and how fine its image is."""

    network: Literal["native", "classic"] = setting(
        "native",
        "native (U-Net on the camera grid) or classic (the published Deep-STORM network)",
    )
    upsampling: int = setting(
        8,
        "super-resolution pixels along one camera pixel; native takes any whole number, "
        "classic is trained for it",
        ge=1,
        le=64,
    )


class Training(Settings):
    """How a network is trained."""

    minutes: float = setting(
        10.0,
        "time budget; the schedule is laid out to end within it",
        unit="minutes",
        gt=0,
        le=100_000,
    )
    steps: int | None = setting(
        None,
        "exact number of training steps, instead of what fits into the minutes (to repeat a run)",
        ge=1,
        le=10_000_000,
    )
    epochs: int = setting(100, "most passes over the patches", unit="epochs", ge=1, le=100_000)
    batch: int | None = setting(
        None,
        "patches per training step; default: 32 (native), 16 (classic)",
        unit="patches",
        ge=1,
        le=4096,
    )
    patch_size_px: int | None = setting(
        None,
        "edge of a training patch, a multiple of 8; default: 32 (native), 24 (classic)",
        unit="px",
        ge=16,
        le=512,
        multiple_of=8,
    )
    patches_per_frame: int = setting(
        8, "random patches from each frame of an imported simulation", ge=1, le=10_000
    )
    most_patches: int = setting(
        10_000, "patches in one epoch, at most", unit="patches", ge=1, le=10_000_000
    )
    validation_share: float = setting(
        0.2, "share of an imported simulation's frames kept for validation", ge=0.02, le=0.9
    )
    learning_rate: float | None = setting(
        None, "peak learning rate; default: what suits the network", gt=0, le=1
    )
    schedule: Literal["cosine", "constant", "plateau"] = setting(
        "cosine",
        "learning rate: cosine to zero, constant, or halved when validation stops improving",
    )
    patience_epochs: int = setting(
        15,
        "stop after this many epochs without a better validation loss",
        unit="epochs",
        ge=1,
        le=100_000,
    )
    seed: int = setting(1, "same seed, same training data and weights", ge=0, le=2**31 - 1)


class Device(Settings):
    """Where TensorFlow computes."""

    device: str = setting(
        "auto", "auto, cpu or gpu:N (as doctor lists them)", pattern=r"^(auto|cpu|gpu(:\d+)?)$"
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto", "auto takes bfloat16 where a probe shows that the processor has it"
    )


class Reconstruction(Settings):
    """How a stack is turned into localizations and an image."""

    threshold: float | None = setting(
        None, "least confidence of a localization; default: the one stored in the model", ge=0, le=1
    )
    upsampling: int | None = setting(
        None,
        "super-resolution pixels along one camera pixel; default: the model's",
        ge=1,
        le=64,
    )
    frames: str | None = setting(
        None,
        "frames to use, 1-based and inclusive, as FIRST:LAST; default: all",
        pattern=r"^\d*:\d*$|^\d+$",
        example="1:30",
    )
    chunk_frames: int | None = setting(
        None,
        "frames in memory at a time; default: from the free memory",
        unit="frames",
        ge=1,
        le=1_000_000,
    )
    tile_px: int | None = setting(
        None,
        "edge of the tiles that a large frame is cut into; default: from the free memory",
        unit="px",
        ge=16,
        le=8192,
    )


class Rendering(Settings):
    """How a table is drawn as an image."""

    method: Literal["histogram", "gaussian"] = setting(
        "gaussian",
        "histogram (one count per localization) or gaussian (each as wide as its uncertainty)",
    )
    pixel_size_nm: float = setting(10.0, "pixel size of the image", unit="nm", gt=0, le=10_000)
    sigma_nm: float | None = setting(
        None,
        "same width for every localization; default: its own uncertainty",
        unit="nm",
        gt=0,
        le=10_000,
    )


class Evaluation(Settings):
    """How a table is compared with the truth."""

    tolerance_nm: tuple[float, ...] = setting(
        (100.0, 250.0), "largest distance of a match", unit="nm"
    )
    border_nm: float = setting(
        0.0, "width of the border that is left out on all sides", unit="nm", ge=0, le=1e6
    )
    frames: str | None = setting(
        None,
        "frames to use, 1-based and inclusive, as FIRST:LAST; default: those of both tables",
        pattern=r"^\d*:\d*$|^\d+$",
        example="1:30",
    )
