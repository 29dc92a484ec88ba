"""One parameter of a command: a line of a script's header, and its value back from Java.

SciJava makes a dialog from lines such as::

    #@ Double (label="Threshold", min="0.0", max="1.0", value="0.5", persistKey="…") threshold

Four words stand for a value, because ImageJ's macro recorder drops empty values and a command with
a missing value opens a dialog. Each has one meaning: ``auto`` (the program decides), ``none`` (no
such thing), ``all`` (no limit) and ``current`` (the active image or table, the camera entered).

A header is ASCII: Java before 18 reads a script in the system's own encoding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep_storm.fiji.menu.labels import number_text, quotable, shown_text, spinner_step
from deep_storm.folders import at_home

AUTO, NONE, ALL, CURRENT = "auto", "none", "all", "current"
GENERAL = "general"
MORE = "more"
"""The parameter for what a dialog does not show: ``none``, ``ask``, or NAME=VALUE pairs."""
MORE_LABEL = "More options"
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
SAVED = ("output", "save_training_set")
_METHODS = ("dbscan", "hdbscan", "markers", "shifted-histogram")
"""Choices of another field, for which a parameter is: they are written as they are chosen."""


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
        return self.name in SAVED

    def line(self, command: str) -> str:
        """Return the line of the header."""
        attributes: dict[str, str] = {"label": self.label, "description": self.described}
        if self.minimum is not None:
            attributes["min"] = number_text(self.minimum)
        if self.maximum is not None:
            attributes["max"] = number_text(self.maximum)
        attributes["value"] = shown_text(self.value)
        style = self._style()
        if style:
            attributes["style"] = style
        if self.kind == "Double":
            step = 0.05 if self.is_share else spinner_step(float(self.value))
            attributes["stepSize"] = number_text(step)
        words = [f'{key}="{quotable(text)}"' for key, text in attributes.items()]
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
        return shown_text(self.value)

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
        if self.kind != "File":
            return text
        path = at_home(Path(text))
        # Fiji's own folder is nobody's: what is told afterwards must say where the files are.
        return path.absolute() if self.saves else path

    @property
    def described(self) -> str:
        """What it means, with the meaning of the word that stands there first."""
        text = self.description
        if self.kind == "File":  # of Java, which forgets a slash at the end
            text = text.replace("a folder (results/)", "a folder that exists")
        text = text.replace("(doctor lists them)", "(Check Installation... lists them)")
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
        as_it_is |= text[len(first) :].startswith(":") and first in _METHODS
        return text if as_it_is else text[:1].upper() + text[1:]

    def _style(self) -> str:
        if self.kind == "Double":
            slider = "slider," if self.is_share else ""
            return f"{slider}format:0.######"
        return self.style
