"""Verbs: declared once, and called alike from Python, the command line and Fiji.

A verb is a function in a module of its own, and the declaration above it is all that every door
is made from::

    @verb(
        "draw a localization table as an image",
        Argument("table", "localization table (CSV)"),
        Argument("output", "the image to write (.tif)", writes=True),
        settings=Rendering,
    )
    def render(
        table: Path | pd.DataFrame,
        *,
        output: Path,
        settings: Rendering = Rendering(),
        overwrite: bool = False,
        progress: Progress = silent,
    ) -> RenderResult: ...

The description comes first; then each argument that is not a setting; then, by the name of its
parameter, each settings class that the verb takes. Positional parameters are positional in the
shell too, the others are options (``overwrite`` and ``progress`` need no declaration). A settings
parameter whose default is None is given only when somebody gave a value for it; one without a
default is always made, and complains about what is missing. A camera that only converts units is
``whole="camera"``: it comes as a file or an object, and its fields are no options.

The decorated function takes settings whole or one by one (``render("a.csv", output="a.tif",
pixel_size_nm=5)``), and ``config="matched.toml"``; :mod:`deep_storm.interface.options` tells which
value wins. Heavy modules are imported inside the function: the declaration is read for ``--help``.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

from deep_storm.camera import Camera
from deep_storm.interface.options import Options, collect_settings
from deep_storm.interface.protection import inputs_of
from deep_storm.io.guard import reading
from deep_storm.settings import (
    Background,
    Clustering,
    Device,
    DriftCorrection,
    Duplicates,
    Emitters,
    Evaluation,
    Filtering,
    KnownCamera,
    Measurement,
    Merging,
    Network,
    Optics,
    Psf,
    Reconstruction,
    Rendering,
    Settings,
    Simulation,
    Training,
    Watching,
)

NAMES: tuple[str, ...] = (
    "measure-background",
    "estimate",
    "simulate",
    "import-simulation",
    "train",
    "preview",
    "reconstruct",
    "filter",
    "correct-drift",
    "merge",
    "remove-duplicates",
    "cluster",
    "render",
    "evaluate",
    "report",
    "benchmark",
    "doctor",
    "demo",
    "fiji",
)
"""All verbs, in the order in which they are listed."""

MODULES = {
    "benchmark": "deep_storm.machine.benchmark",
    "doctor": "deep_storm.machine.doctor",
    "fiji": "deep_storm.fiji.setup.verb",
}
"""Modules of the verbs that do not live in the one of their name in :mod:`deep_storm.verbs`."""

CLASSES: tuple[type[Settings], ...] = (
    Camera,
    Psf,
    Emitters,
    Background,
    Measurement,
    KnownCamera,
    Optics,
    Simulation,
    Network,
    Training,
    Device,
    Reconstruction,
    Watching,
    Filtering,
    DriftCorrection,
    Merging,
    Duplicates,
    Clustering,
    Rendering,
    Evaluation,
)
"""All settings classes; a configuration file has a section of each one's lower-case name."""

RECORD_SECTIONS: tuple[str, ...] = ("run", "inputs", "outputs", "versions", "timings", "results")
"""Sections of a run record, which is a configuration file too; nobody takes settings from them."""

RESERVED = frozenset({"config", "json", "debug", "help", "version"})
"""Options that every verb has on the command line."""

ResultT = TypeVar("ResultT", bound="Result")


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
    """

    name: str
    description: str
    kind: Any = Path
    option: str | None = None
    writes: bool = False


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
    """

    name: str
    description: str
    function: Callable[..., Any]
    arguments: tuple[Argument, ...]
    settings: Mapping[str, type[Settings]]
    whole: str = ""

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The function's parameters; annotations are text."""
        return inspect.signature(self.function).parameters

    @property
    def fields(self) -> dict[str, str]:
        """Parameter of the settings class that holds a setting, by the setting's name."""
        return dict(_single_fields(self))

    def default(self, parameter: str) -> Settings | None:
        """Return the settings that the function takes by default; None when it has none."""
        value = self.parameters[parameter].default
        return value if isinstance(value, Settings) else None

    def bind(self, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Settings]]:
        """Return the function's plain arguments and its settings objects from keywords."""
        known = {c.__name__.lower() for c in CLASSES} | set(RECORD_SECTIONS)
        split = Options.split(self, options)
        return split.direct, collect_settings(self, split, known)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function with settings given whole, one by one or in files."""
        direct, settings = self.bind(options)
        given = dict(zip(self.parameters, args, strict=False)) | options
        with self.protecting(given, settings):
            return self.function(*args, **direct, **settings)

    def protecting(
        self, given: Mapping[str, Any], settings: Mapping[str, Settings]
    ) -> AbstractContextManager[None]:
        """Protect the files that a call reads, while it lasts; see :meth:`bind`."""
        inputs = chain(inputs_of(self, given), inputs_of(self, settings))
        return reading(inputs)


def verb(
    description: str, *arguments: Argument, whole: str = "", **settings: type[Settings]
) -> Callable[[Callable[..., ResultT]], Callable[..., ResultT]]:
    """Declare a function as a verb; see the module's description.

    Parameters
    ----------
    description
        What the verb does, in one line.
    *arguments
        The parameters that are not settings.
    whole
        A settings parameter that is given as one object or file, not field by field.
    **settings
        Settings class by the name of its parameter.

    Raises
    ------
    TypeError
        A parameter is not declared or does not exist, or two settings have the same name.
    """

    def declare(function: Callable[..., ResultT]) -> Callable[..., ResultT]:
        name = function.__name__.replace("_", "-")
        declared = Verb(name, description, function, arguments, settings, whole)
        _check(declared)

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> ResultT:
            result: ResultT = declared(*args, **options)
            return result

        call.__dict__["verb"] = declared
        call.__dict__["__signature__"] = _flat_signature(declared)
        return call

    return declare


def load(name: str) -> Verb:
    """Import a verb's module and return its declaration.

    Parameters
    ----------
    name
        One of :data:`NAMES`.
    """
    function_name = name.replace("-", "_")
    module = MODULES.get(name, f"deep_storm.verbs.{function_name}")
    function = getattr(importlib.import_module(module), function_name)
    return verb_of(function)


def verb_of(function: Callable[..., Any]) -> Verb:
    """Return the declaration of a decorated function."""
    declared: Verb = function.__dict__["verb"]
    return declared


def _check(declared: Verb) -> None:
    """Raise TypeError when a declaration cannot work: a mistake of the programmer."""
    where = f"verb {declared.name}"
    names = [a.name for a in declared.arguments]
    found = set(names) | set(declared.settings) | {"overwrite", "progress"}
    unknown = set(names) | set(declared.settings)
    parameters = declared.parameters
    if missing := set(parameters) - found:
        raise TypeError(f"{where} does not declare {', '.join(sorted(missing))}")
    if strange := unknown - set(parameters):
        raise TypeError(f"{where} declares {', '.join(sorted(strange))}, not a parameter of it")
    if any(a.name == "output" and not a.writes for a in declared.arguments):
        raise TypeError(f"{where} does not declare that it writes its output")
    taken = dict.fromkeys([*names, *RESERVED, "overwrite", "progress"], where)
    for field, parameter in _single_fields(declared):
        cls = declared.settings[parameter].__name__
        if field in taken:
            raise TypeError(f"{where}: {cls}.{field} has the same name as one of {taken[field]}")
        taken[field] = cls


def _single_fields(declared: Verb) -> list[tuple[str, str]]:
    """Return each setting that is an option, with its parameter; one name may come twice."""
    return [
        (field, parameter)
        for parameter, cls in declared.settings.items()
        if parameter != declared.whole
        for field in cls.model_fields
    ]


def _flat_signature(declared: Verb) -> inspect.Signature:
    """Return the signature that ``help`` shows: settings whole, one by one, and ``config``."""
    parameters = dict(declared.parameters)
    if declared.settings:
        for field in [*declared.fields, "config"]:
            option = inspect.Parameter(field, inspect.Parameter.KEYWORD_ONLY, default=None)
            parameters.setdefault(field, option)
    return inspect.Signature(list(parameters.values()))
