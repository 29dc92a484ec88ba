"""What a verb declares: its arguments, its settings, and what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from deep_storm.settings import Settings


class Result(Protocol):
    """What a verb returns.

    One that can be stopped and keeps what was done until then has ``complete`` besides, which is
    False in that case.
    """

    @property
    def written(self) -> tuple[Path, ...]:
        """Files and folders that were written."""

    def summary(self) -> str:
        """Return the lines that a person reads."""

    def to_json(self) -> dict[str, Any]:
        """Return the result in numbers and words, NaN where there is none."""


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
    """

    name: str
    description: str
    kind: Any = Path
    option: str | None = None
    writes: bool = False
    formerly: str | None = None
    label: str = ""


@dataclass(frozen=True)
class Verb:
    """All that a door has to know about a verb.

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
        """The function's parameters; annotations are text."""
        return inspect.signature(self.function).parameters

    @property
    def fields(self) -> dict[str, str]:
        """Parameter of the settings class that holds a setting, by the setting's name."""
        return dict(self.single_fields())

    def single_fields(self) -> list[tuple[str, str]]:
        """Return each setting that is an option, with its parameter; one name may come twice."""
        return [
            (field, parameter)
            for parameter, cls in self.settings.items()
            if parameter != self.whole
            for field in cls.model_fields
        ]

    @property
    def former(self) -> dict[str, str]:
        """The name of an argument or setting, by the one that it had in the version before."""
        former = {a.formerly: a.name for a in self.arguments if a.formerly}
        for name, cls in self.settings.items():
            if name != self.whole:
                former |= cls.former_names()
        return former

    def default(self, parameter: str) -> Settings | None:
        """Return the settings that the function takes by default; None when it has none."""
        value = self.parameters[parameter].default
        return value if isinstance(value, Settings) else None
