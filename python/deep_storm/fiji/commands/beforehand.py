"""What can be seen to be wrong before a worker is started for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deep_storm.errors import ModelError, SettingsError
from deep_storm.fiji.menu.parameters import CURRENT, GENERAL, NONE
from deep_storm.interface.declaration import Verb
from deep_storm.io.model_folder import CARD_FILE
from deep_storm.postprocessing.formula import parse
from deep_storm.settings import Filtering

_COMPARED = ("truth", "true_image", "wide_field")


def check_without_worker(values: Mapping[str, Any], verb: Verb, labels: Mapping[str, str]) -> None:
    """Complain at once about what needs no worker to be seen.

    Parameters
    ----------
    values
        Of the command's parameters.
    verb
        What it calls.
    labels
        Of its fields, by name.

    Raises
    ------
    ModelError, SettingsError, FormulaError
        The model's folder is none, there is no condition to filter by, the formula cannot be read,
        or there is nothing to compare with.
    """
    for name in ("model", "from_model"):
        folder = values.get(name)
        if isinstance(folder, Path) and str(folder) not in (GENERAL, NONE, CURRENT):
            _check_model(folder, labels[name])
    if verb.name == "filter":
        _check_filter(values, labels)
    if verb.name == "evaluate":
        _check_evaluate(values, labels)


def _check_model(folder: Path, label: str) -> None:
    place = folder.parent if folder.suffix == ".npz" else folder
    if not (place / CARD_FILE).is_file():
        received = f"{folder} is not a model folder"
        raise ModelError(
            received if folder.exists() else f"there is no model folder {folder}",
            f"a folder that Train Model... wrote (it holds {CARD_FILE})",
            f"choose it in the field {label!r}, or take {GENERAL}, which needs no training",
        )


def _check_filter(values: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    # what has a value by default says how a condition is meant, and is none itself
    ranges = [name for name, field in Filtering.model_fields.items() if not field.default]
    if not any(values.get(name) for name in ("formula", "config", *ranges)):
        raise SettingsError(
            "there is no condition: every row would be kept",
            "a formula, or a range such as 0.8: for the confidence",
            f"fill in the field {labels['formula']!r} or one of the ranges",
        )
    if values.get("formula"):
        parse(str(values["formula"]))


def _check_evaluate(values: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    image_alone = values.get("results") is None
    if image_alone and not any(values.get(name) for name in _COMPARED):
        raise SettingsError(
            "there is nothing to compare with",
            "a ground truth, a true image or a wide-field image",
            f"choose one in the fields {', '.join(repr(labels[n]) for n in _COMPARED)}",
        )
