"""Declaration of a verb: its arguments, its settings, and its result."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from deep_storm.settings import Settings


class Result(Protocol):
    """Result of a verb.

    One that can be stopped and keeps what was done until then has ``complete`` besides, which is
    False in that case.
    """

    @property
    def written(self) -> tuple[Path, ...]:
        """Files and folders that were written."""

    def summary(self) -> str:
        """Return the lines that are printed for the user."""

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain values, NaN where a number is missing."""


class Shown:
    """A result that shows itself in a notebook as on the command line, without its arrays."""

    def __repr__(self) -> str:
        result: Any = self
        return "\n".join([result.summary(), *(f"Wrote {path}" for path in result.written)])


@dataclass(frozen=True)
class Argument:
    """An argument of a verb that is not a setting.

    Attributes
    ----------
    name
        The function's parameter.
    description
        One line for help texts and dialogs.
    kind
        What the command line makes of the text; a tuple such as ``tuple[Path, Path]`` takes as
        many words.
    option
        The option's name where it differs from the parameter's (``--from``, a keyword in Python).
    writes
        Whether it says where results go. Files that the other arguments name are inputs, which no
        output of the same call may replace.
    formerly
        The name that it had in the version before, which is still taken.
    label
        What a dialog calls it.
    left_out
        Of one that says where results go: whether it may be left out on the command line, where
        nothing else keeps them: that is fine, noted before the work begins, or refused.
    """

    name: str
    description: str
    kind: Any = Path
    option: str | None = None
    writes: bool = False
    formerly: str | None = None
    label: str = ""
    left_out: Literal["fine", "noted", "refused"] = "fine"

    @classmethod
    def from_setting(cls, settings: type[Settings], name: str, kind: Any) -> Argument:
        """Declare a single setting of a class, the others of which the verb chooses itself."""
        field = settings.model_fields[name]
        extra = field.json_schema_extra
        label = extra.get("label") if isinstance(extra, dict) else None
        return cls(name, field.description or "", kind, label=str(label or ""))


@dataclass(frozen=True)
class Verb:
    """Everything that command line, Fiji and Python need to know about a verb.

    Attributes
    ----------
    name, description
        As people type it, and what it does in one line.
    function
        The plain function, which takes settings whole.
    arguments
        What is not a setting.
    settings
        Settings class by the name of its parameter.
    whole
        The parameter whose settings are given as one object or file, not one by one.
    partly
        The parameter whose camera may lack values: the verb finds them out.
    """

    name: str
    description: str
    function: Callable[..., Any]
    arguments: tuple[Argument, ...]
    settings: Mapping[str, type[Settings]]
    whole: str = ""
    partly: str = ""

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The function's parameters; annotations are strings."""
        return inspect.signature(self.function).parameters

    @property
    def fields(self) -> dict[str, str]:
        """Parameter of the settings class that contains a setting, by the setting's name."""
        return dict(self.single_fields())

    def single_fields(self) -> list[tuple[str, str]]:
        """Return each setting that is an option, with its parameter; a name may occur twice."""
        return [
            (field, parameter)
            for parameter, cls in self.settings.items()
            if parameter != self.whole
            for field in cls.model_fields
        ]

    @property
    def former(self) -> dict[str, str]:
        """Present names of arguments and settings, by those of the version before."""
        former = {a.formerly: a.name for a in self.arguments if a.formerly}
        for name, cls in self.settings.items():
            if name != self.whole:
                former |= cls.former_names()
        return former

    def default(self, parameter: str) -> Settings | None:
        """Return the function's default settings; None if it has none."""
        value = self.parameters[parameter].default
        return value if isinstance(value, Settings) else None
