"""One parameter of a command: a line of a script's header, and its value back from Java.

SciJava makes a dialog from lines such as::

    #@ Double (label="Threshold", min="0.0", max="1.0", value="0.5", persistKey="…") threshold

Four words stand for a value, because ImageJ's macro recorder drops empty values and a command with
a missing value opens a dialog. Each has one meaning: ``auto`` (the program decides), ``none`` (no
such thing), ``all`` (no limit) and ``current`` (the active image or table, the camera entered).

A header is ASCII: Java before 18 reads a script in the system's own encoding.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from deep_storm.interface.declaration import Argument, Verb
from deep_storm.settings import Psf, Settings, field_default, field_range, field_unit

AUTO, NONE, ALL, CURRENT = "auto", "none", "all", "current"
GENERAL = "general"
MORE = "more"
"""The parameter for what a dialog does not show: ``none``, ``ask``, or NAME=VALUE pairs."""
ASK = "ask"
LISTED = ("model", "from_model", "camera")
"""Parameters that take ``ask``, for a list after OK (:mod:`deep_storm.fiji.lists`)."""
IMAGES = ("stack", "image")
"""Arguments of verbs that may be the image in front."""
_WORDS = {
    "auto": "the program decides",
    "none": "not used",
    "all": "no limit",
    "current": "the active one",
}
_ASCII = {"µ": "u", "²": "^2", "×": "x", "–": "-", "±": "+-", "≥": ">=", "≤": "<=", "σ": "sigma"}
_UNITS_SAID = ("photon/ADU",)
"""Units that the label says in words."""
_COUNTED = ("blocks", "epochs", "frames", "localizations", "minutes", "patches")
"""What these settings count stands in their names and is no unit to be taken off."""
_ABBREVIATIONS = {"adu": "ADU", "em": "EM", "frc": "FRC", "psf": "PSF", "roi": "ROI"}
_SAVED = ("output", "save_training_set")
_FORGOTTEN = frozenset({*_SAVED, "overwrite", "resume", "frames", "frame"})
"""Remembered from the last time, these would overwrite a result or leave frames out."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a command.

    Attributes
    ----------
    name
        The script's variable and the key in a macro.
    kind
        SciJava's type: ``Boolean``, ``Integer``, ``Double``, ``String`` or ``File``.
    label, description
        In the dialog.
    value
        What stands there first; also one of the words above.
    minimum, maximum
        Limits of a number.
    choices
        All values of a choice.
    style
        How a file is chosen: ``open``, ``save`` or ``directory``.
    remember
        Whether the dialog offers the value of the last time.
    many
        Whether the text is a list of values.
    needed
        Whether it is a file without which the command does nothing: with windows it is asked for
        after OK where none is given.
    """

    name: str
    kind: str
    label: str
    description: str
    value: str | float | bool
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    style: str = ""
    remember: bool = True
    many: bool = False
    needed: bool = False

    @property
    def is_share(self) -> bool:
        """Whether it is a number from 0 to 1, for which there is a slider."""
        return self.kind == "Double" and (self.minimum, self.maximum) == (0.0, 1.0)

    @property
    def saves(self) -> bool:
        """Whether it names a file or folder that is written."""
        return self.name in _SAVED

    def line(self, command: str) -> str:
        """Return the line of the header."""
        attributes: dict[str, str] = {"label": self.label, "description": self._described()}
        if self.minimum is not None:
            attributes["min"] = _number(self.minimum)
        if self.maximum is not None:
            attributes["max"] = _number(self.maximum)
        attributes["value"] = _shown(self.value)
        style = self._style()
        if style:
            attributes["style"] = style
        if self.kind == "Double":
            step = 0.05 if self.is_share else _step(float(self.value))
            attributes["stepSize"] = _number(step)
        words = [f'{key}="{_quotable(text)}"' for key, text in attributes.items()]
        if self.choices:
            words.append("choices={" + ", ".join(f'"{c}"' for c in self.choices) + "}")
        if self.kind == "File":
            words.append("required=false")
        if self.remember:
            words.append(f'persistKey="deepstorm.{command}.{self.name}"')
        else:
            words.append("persist=false")
        return f"#@ {self.kind} ({', '.join(words)}) {self.name}"

    @property
    def shown(self) -> str:
        """Its default as it stands in a field."""
        return _shown(self.value)

    def in_macro(self) -> str:
        """Return the parameter with its default as ImageJ's macro recorder writes it."""
        text = self.shown
        return f"{self.name}=[{text}]" if " " in text else f"{self.name}={text}"

    def read(self, variables: Mapping[str, Any]) -> Any:
        """Return the value that a script got, as Python has it; None where a word stands.

        ``current`` is returned as it is.
        """
        given = variables.get(self.name)
        value = self.value if given is None else given
        if self.kind == "Boolean":
            return str(value).lower() == "true"
        if self.kind == "Integer":
            return int(value)
        if self.kind == "Double":
            return float(value)
        text = str(value).strip()
        if text.lower() == NONE and self.kind == "File" and self.value == AUTO:
            return NONE  # the verb itself knows what "none" means
        if text.lower() in ("", AUTO, NONE, ALL):
            return None
        if text.lower() == CURRENT:
            return CURRENT
        if self.many:
            return tuple(word for word in text.replace(",", " ").split() if word)
        return Path(text) if self.kind == "File" else text

    def _described(self) -> str:
        text = self.description
        if self.value in (AUTO, ALL, NONE):
            text = re.sub(r"; default: (all$)?", f"; {self.value} = ", text)
            text = text.removesuffix(f"; {self.value} = ")
        meaning = _WORDS.get(str(self.value)) if self.kind in ("File", "String") else None
        if self.kind == "File" and self.value == NONE:
            meaning = "no file"
        if self.needed:
            meaning = "asked for after OK"
        if meaning and not re.search(rf"\b{self.value}\b", text):
            text += f"; {self.value} = {meaning}"
        first = re.split(r"[ ,:;]", text, maxsplit=1)[0]
        as_it_is = first in (*self.choices, self.value) or not first[1:].islower()
        return text if as_it_is else text[:1].upper() + text[1:]

    def _style(self) -> str:
        if self.kind == "Double":
            slider = "slider," if self.is_share else ""
            return f"{slider}format:0.######"
        return self.style


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
    described = made.description + (f" ({_range_in_words(limits)})" if limits else "")
    return replace(made, label=label_of_setting(cls, name), description=_ascii(described))


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


def label_of_setting(cls: type[Settings], name: str) -> str:
    """Return what a dialog calls a setting: its declared label, with the unit where it is none."""
    extra = cls.model_fields[name].json_schema_extra
    declared = extra.get("label") if isinstance(extra, dict) else None
    unit = _ascii(field_unit(cls, name) or "")
    if not declared:
        return label_of(f"psf_{name}" if cls is Psf else name, unit or None)
    label = _ascii(str(declared))
    said = not unit or unit in _UNITS_SAID or unit.rstrip("s") in label.lower()
    return label if said else f"{label} ({unit})"


def more_of(further: tuple[Parameter, ...]) -> Parameter:
    """Make the parameter that stands for all that a dialog does not show."""
    names = ", ".join(parameter.name for parameter in further)
    about = (
        f"none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: {names}"
    )
    return Parameter(MORE, "String", "More options", about, NONE, remember=False)


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
        style = "save" if name in _SAVED else "open"
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
        _ascii(description),
        value,
        style=style,
        remember=name not in _FORGOTTEN and not in_front,
    )


def _typed(name: str, annotation: Any, fallback: Any, description: str) -> Parameter:
    """Make a parameter from a Python type."""
    members = _members(annotation)
    kinds = [m for m in members if m is not type(None)]
    nothing = ALL if description.endswith("; default: all") else AUTO
    if "; default: " not in description or re.search("; default: (unknown|only )", description):
        nothing = NONE
    made = Parameter(
        name,
        "String",
        label_of(name),
        _ascii(description),
        nothing if fallback is None else fallback,
        remember=name not in _FORGOTTEN,
    )
    choices = tuple(str(c) for m in kinds if get_origin(m) is Literal for c in get_args(m))
    if choices:
        return replace(made, choices=((nothing,) if fallback is None else ()) + choices)
    if any(get_origin(m) in (tuple, list) for m in kinds):
        shown = nothing if fallback is None else " ".join(map(_shown, fallback))
        return replace(made, value=shown, many=True)
    if fallback is None:
        return made
    for kind, java in ((bool, "Boolean"), (int, "Integer"), (float, "Double")):
        if kinds == [kind]:
            return replace(made, kind=java)
    return made


def label_of(name: str, unit: str | None = None) -> str:
    """Write a name as a dialog has it: ``sigma_nm``, ``nm`` → ``Sigma (nm)``."""
    stem = name
    if unit and unit not in _COUNTED:
        plain = _ascii(unit).lower().replace("^", "").replace(" ", "_").replace("/", "_per_")
        stem = name.removesuffix("_" + plain)
    words = stem.replace("_", " ").strip()
    words = " ".join(_ABBREVIATIONS.get(word, word) for word in words.split())
    label = words[:1].upper() + words[1:]
    return f"{label} ({_ascii(unit)})" if unit and not words.endswith(_ascii(unit)) else label


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def _range_in_words(limits: Mapping[str, float]) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    if {"ge", "le"} <= limits.keys():
        return f"{_number(limits['ge'])} to {_number(limits['le'])}"
    return ", ".join(f"{words[k]} {_number(v)}" for k, v in limits.items())


def _number(value: float) -> str:
    """Write a number without exponent, which not every reader of headers knows."""
    return str(int(value)) if float(value).is_integer() else f"{value:.10f}".rstrip("0")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _number(value) if isinstance(value, (int, float)) else _ascii(str(value))


def _step(value: float) -> float:
    """Return a step for a spinner: a tenth of the value's power of ten."""
    magnitude = abs(value)
    step = 0.1
    while magnitude >= 100 * step:
        step *= 10
    return round(step, 6)


def _ascii(text: str) -> str:
    for character, plain in _ASCII.items():
        text = text.replace(character, plain)
    return text.encode("ascii", errors="replace").decode("ascii")


def _quotable(text: str) -> str:
    return _ascii(text).replace("\\", "/").replace('"', "'")
