"""Column labels of ThunderSTORM's tables ↔ column names of this program.

A label is ``name [unit]`` or ``name``; the program's name carries the unit (``x [nm]`` is
``x_nm``). Units that ThunderSTORM does not know are dropped, as ThunderSTORM does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from deep_storm.camera import Camera
from deep_storm.errors import TableError

_SUFFIX_OF_UNIT = {
    "um": "um",
    "nm": "nm",
    "px": "px",
    "um^2": "um2",
    "nm^2": "nm2",
    "px^2": "px2",
    "ADU": "adu",
    "photon": "photon",
    "deg": "deg",
    "rad": "rad",
}
_UNIT_OF_SUFFIX = {suffix: unit for unit, suffix in _SUFFIX_OF_UNIT.items()}
_OTHER_SPELLINGS = {"µm": "um", "μm": "um", "photons": "photon", "pixel": "px", "pixels": "px"}

_NAMES = {
    "frame": "frame",
    "x": "x_nm",
    "y": "y_nm",
    "z": "z_nm",
    "sigma": "sigma_nm",
    "sigma1": "sigma1_nm",
    "sigma2": "sigma2_nm",
    "intensity": "intensity_photon",
    "offset": "background_photon",  # of a localization; of a true emitter the camera's baseline
    "bkgstd": "bkgstd_photon",
    "detections": "detections",
    "confidence": "confidence",
    "uncertainty_xy": "uncertainty_xy_nm",
    "uncertainty": "uncertainty_xy_nm",  # v1.3
    "uncertainty_z": "uncertainty_z_nm",
}
_TRUE_NAMES = _NAMES | {"offset": "baseline_photon"}
_LABELS = {"background_photon": "offset [photon]", "baseline_photon": "offset [photon]"}
_REQUIRED = ("frame", "x", "y")


@dataclass(frozen=True)
class Column:
    """A column of a file: its position, label, name here, and conversion."""

    position: int
    label: str
    name: str
    factor: float = 1.0


def label_of(name: str) -> str:
    """Return ThunderSTORM's label of a column name: ``x_nm`` → ``x [nm]``."""
    if name in _LABELS:
        return _LABELS[name]
    stem, _, suffix = name.rpartition("_")
    unit = _UNIT_OF_SUFFIX.get(suffix)
    return f"{stem} [{unit}]" if stem and unit else name


def columns_of(
    labels: list[str], camera: Camera | None, origin: str, *, truth: bool = False
) -> list[Column]:
    """Identify the columns of a file; ``id`` and columns without label are left out.

    Parameters
    ----------
    labels
        Labels without quotes, in the file's order.
    camera
        Converts px and ADU; None when the user gave none.
    origin
        What the table is called in an error.
    truth
        Whether it is a ground truth, whose offset is the camera's baseline.

    Raises
    ------
    TableError
        A required column is missing, two columns mean the same, or a unit does not fit or
        cannot be converted.
    """
    columns = [
        _column(position, label, camera, origin, _TRUE_NAMES if truth else _NAMES)
        for position, label in enumerate(labels)
        if label and _split(label)[0] != "id"
    ]
    names = [column.name for column in columns]
    for column in columns:
        if names.count(column.name) > 1:
            twice = [repr(c.label) for c in columns if c.name == column.name]
            raise TableError(
                f"{origin} has {' and '.join(twice)}, which mean the same",
                "each column once",
                "remove one of them",
            )
    for required in _REQUIRED:
        if _NAMES[required] not in names:
            raise _missing(required, labels, origin)
    return columns


def _split(label: str) -> tuple[str, str | None]:
    """Split ``x [nm]`` into ``x`` and ``nm``; a label without unit has None."""
    match = re.fullmatch(r"\s*(.*?)\s*(?:\[\s*([^\]]*?)\s*\])?\s*", label)
    if match is None:
        return label, None
    unit = match[2]
    return match[1], _OTHER_SPELLINGS.get(unit, unit) if unit is not None else None


def _column(
    position: int, label: str, camera: Camera | None, origin: str, names: Mapping[str, str]
) -> Column:
    stem, unit = _split(label)
    name = names.get(stem)
    if name is None:
        suffix = _SUFFIX_OF_UNIT.get(unit or "")
        return Column(position, label, f"{stem}_{suffix}" if suffix else stem)
    if name.endswith("_nm"):
        target = "nm"
    elif name.endswith("_photon"):
        target = "photon"
    else:
        return Column(position, label, name)
    if unit is None and stem not in _REQUIRED:
        return Column(position, label, stem)  # nobody knows what it counts: kept as it is
    return Column(position, label, name, _factor(unit, target, label, camera, origin))


def _factor(unit: str | None, target: str, label: str, camera: Camera | None, origin: str) -> float:
    """Return the factor from ``unit`` to ``target`` (nm or photon)."""
    if unit == target:
        return 1.0
    if (unit, target) == ("um", "nm"):
        return 1000.0
    if (unit, target) in (("px", "nm"), ("ADU", "photon")):
        if camera is None:
            raise TableError(
                f"{origin} has {label!r}, and no camera was given",
                f"{target}, or a camera to convert from {unit}",
                "give --camera camera.toml, or keep ThunderSTORM's protocol beside the table",
            )
        # ThunderSTORM subtracts the baseline before it fits, so only the scale is converted
        return camera.pixel_size_nm if unit == "px" else camera.photons_per_count
    stem = _split(label)[0]
    choices = "[nm], [um] or [px]" if target == "nm" else "[photon] or [ADU]"
    if unit is None:
        raise TableError(
            f"{origin} has a column {label!r} without a unit",
            f"{stem} with its unit: {choices}",
            f"write the unit into the first line, such as {stem} [{target}], "
            f"or {stem} [px] if the coordinates are in pixels from the corner of the first one "
            "(not from its centre)",
        )
    raise TableError(
        f"{origin} has {label!r} in an unknown unit",
        f"{stem} in {choices}",
        "export the table again in one of these units",
    )


def _missing(required: str, labels: list[str], origin: str) -> TableError:
    wanted = label_of(_NAMES[required])
    meant = _meant(required, [label for label in labels if label])
    advice = f"export the table again with {wanted}"
    if meant is not None:
        unit = "" if wanted == required else f" with its unit, such as {wanted}"
        advice = f"did you mean {meant!r}? Then call it {required}{unit}"
    held = ", ".join(repr(label) for label in labels if label)
    return TableError(
        f"{origin} has no column {wanted!r} (it has {held})",
        "at least frame, x [nm] and y [nm]",
        advice,
    )


def _meant(required: str, labels: list[str]) -> str | None:
    """Guess the intended label: X, xnano or x_px for x; Frame or frames for frame."""
    words = {label: re.split(r"[^a-z]+", label.lower())[0] for label in labels}
    if len(required) == 1:
        return next((label for label, word in words.items() if word[:1] == required), None)
    close = get_close_matches(required, words.values(), n=1)
    return next((label for label, word in words.items() if close and word == close[0]), None)
