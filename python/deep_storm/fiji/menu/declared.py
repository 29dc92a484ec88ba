"""Parameters made from what is declared once: settings, and arguments of verbs."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin

from deep_storm.fiji.menu.labels import (
    ascii_text,
    label_of,
    label_of_setting,
    range_in_words,
    shown_text,
)
from deep_storm.fiji.menu.parameters import (
    ALL,
    AUTO,
    CURRENT,
    GENERAL,
    IMAGES,
    MORE,
    MORE_LABEL,
    NONE,
    SAVED,
    Parameter,
)
from deep_storm.interface.declaration import Argument, Verb
from deep_storm.settings import Settings, choices, field_default, field_range, members

_FORGOTTEN = frozenset({*SAVED, "overwrite", "resume", "frames", "frame"})
"""Remembered from the last time, these would overwrite a result or leave frames out."""


def from_setting(
    cls: type[Settings], name: str, default: Settings | None = None, *, value: Any = None
) -> Parameter:
    """Make a parameter from a setting: its range, choices, unit and default.

    Parameters
    ----------
    cls, name
        Settings class and field.
    default
        The settings that the verb takes by default.
    value
        What stands in the dialog first, where the setting has no default.
    """
    field = cls.model_fields[name]
    fallback = field_default(cls, name) if default is None else getattr(default, name)
    if fallback is ...:
        extra = field.json_schema_extra
        example = extra.get("example") if isinstance(extra, dict) else None
        fallback = example if value is None else value
    made = _typed(name, field.annotation, fallback, field.description or name)
    limits = field_range(cls, name)
    if made.kind in ("Integer", "Double"):
        step = 1 if made.kind == "Integer" else 0
        low = limits.get("ge", limits["gt"] + step if "gt" in limits else None)
        high = limits.get("le", limits["lt"] - step if "lt" in limits else None)
        made = replace(made, minimum=low, maximum=high)
    described = made.description + (f" ({range_in_words(limits)})" if limits else "")
    return replace(made, label=label_of_setting(cls, name), description=ascii_text(described))


def from_argument(verb: Verb, argument: Argument) -> tuple[Parameter, ...]:
    """Make parameters from an argument of a verb that is not a setting.

    Paths become fields with a Browse button; a pair of paths becomes two of them.
    """
    default = verb.parameters[argument.name].default
    fallback = None if default is inspect.Parameter.empty else default
    label = argument.label or label_of(argument.name)
    if get_origin(argument.kind) is tuple and set(get_args(argument.kind)) == {Path}:
        words = [w.strip() for w in argument.description.partition(":")[2].split(" and ")]
        return tuple(
            replace(_file(name, text), label=f"{label}: {text.partition('(')[0].strip()}")
            for name, text in zip(pair_names(argument), words, strict=True)
        )
    if argument.kind in (Path, list[Path]):
        made = _file(argument.name, argument.description)
        needed = default is inspect.Parameter.empty and made.value == NONE
        return (replace(made, needed=needed, label=label),)
    made = _typed(argument.name, argument.kind, fallback, argument.description)
    return (replace(made, label=label),)


def more_of(further: tuple[Parameter, ...]) -> Parameter:
    """Make the parameter that stands for all that a dialog does not show."""
    names = ", ".join(parameter.name for parameter in further)
    about = (
        f"none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: {names}"
    )
    return Parameter(MORE, "String", MORE_LABEL, about, NONE, remember=False)


def pair_names(argument: Argument) -> tuple[str, ...]:
    """Name the fields of several paths: ``simulation``, "…: stack (TIFF) and truth" → two names."""
    words = argument.description.partition(":")[2].split(" and ")
    stems = [word.partition("(")[0].strip().replace(" ", "_") for word in words]
    return tuple(f"{argument.name}_{stem}" for stem in stems)


def _file(name: str, description: str) -> Parameter:
    """Make a field for a path; how it is chosen shows in its name and description."""
    if "folder" in description or "model" in name:
        style = "directory"
    else:
        style = "save" if name in SAVED else "open"
    in_front = name in IMAGES or description.startswith("localization table")
    value = CURRENT if in_front else NONE
    if "; default: " in description:
        value = AUTO
    elif "or general: " in description:
        value = GENERAL
    return Parameter(
        name,
        "File",
        label_of(name),
        ascii_text(description),
        value,
        style=style,
        remember=name not in _FORGOTTEN and not in_front,
    )


def _typed(name: str, annotation: Any, fallback: Any, description: str) -> Parameter:
    """Make a parameter from a Python type."""
    kinds = members(annotation)
    nothing = ALL if description.endswith("; default: all") else AUTO
    if "; default: " not in description or re.search("; default: (unknown|only )", description):
        nothing = NONE
    made = Parameter(
        name,
        "String",
        label_of(name),
        ascii_text(description),
        nothing if fallback is None else fallback,
        remember=name not in _FORGOTTEN,
    )
    if named := tuple(map(str, choices(annotation))):
        return replace(made, choices=((nothing,) if fallback is None else ()) + named)
    if any(get_origin(m) in (tuple, list) for m in kinds):
        shown = nothing if fallback is None else " ".join(map(shown_text, fallback))
        return replace(made, value=shown, many=True)
    if fallback is None:
        return made
    for kind, java in ((bool, "Boolean"), (int, "Integer"), (float, "Double")):
        if kinds == (kind,):
            return replace(made, kind=java)
    return made
