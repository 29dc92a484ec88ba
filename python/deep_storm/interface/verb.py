"""Verbs: declared once, and called the same way from Python, the command line and Fiji.

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
``whole="camera"``: it comes as a file or an object, and its fields are no options. One that the
verb can complete from the frames is ``partly="camera"``.

The decorated function takes settings whole or one by one (``render("a.csv", output="a.tif",
pixel_size_nm=5)``), and ``config="matched.toml"``; :mod:`deep_storm.interface.options` tells which
value wins. Its errors name keywords, where those of :func:`call` name options. Heavy modules are
imported inside the function: the declaration is read for ``--help``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from deep_storm.errors import DeepStormError
from deep_storm.folders import at_home
from deep_storm.interface.declaration import Argument, Result, Verb
from deep_storm.interface.docstrings import with_settings
from deep_storm.interface.keywords import in_keywords
from deep_storm.interface.options import bind
from deep_storm.interface.protection import protecting
from deep_storm.settings import Settings

RESERVED = frozenset({"config", "json", "debug", "help", "version"})
"""Options that every verb has on the command line."""

ResultT = TypeVar("ResultT", bound=Result)


def verb(
    description: str,
    *arguments: Argument,
    whole: str = "",
    partly: str = "",
    **settings: type[Settings],
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
    partly
        A camera that may lack values, which the verb finds out; it gets a
        :class:`~deep_storm.camera.PartialCamera` then.
    **settings
        Settings class by the name of its parameter.

    Raises
    ------
    TypeError
        A parameter is not declared or does not exist, or two settings have the same name.
    """

    def declare(function: Callable[..., ResultT]) -> Callable[..., ResultT]:
        name = function.__name__.replace("_", "-")
        declared = Verb(name, description, function, arguments, settings, whole, partly)
        _check(declared)

        @functools.wraps(function)
        def called(*args: Any, **options: Any) -> ResultT:
            try:
                result: ResultT = call(declared, *args, **options)
            except DeepStormError as error:
                error.reword(lambda text: in_keywords(text, declared))
                raise
            return result

        called.__dict__["verb"] = declared
        called.__doc__ = with_settings(declared)
        called.__dict__["__signature__"] = _flat_signature(declared)
        return called

    return declare


def call(declared: Verb, *args: Any, **options: Any) -> Any:
    """Call a verb with settings given whole, one by one or in files."""
    args, options = _at_home(args), _at_home(options)
    direct, settings = bind(declared, options)
    given = dict(zip(declared.parameters, args, strict=False)) | options
    with protecting(declared, given, settings):
        return declared.function(*args, **direct, **settings)


def _at_home(value: Any) -> Any:
    """Return what a caller gave, with the home folder in full wherever a path begins with it."""
    if isinstance(value, str):
        return at_home(value)
    if isinstance(value, Path):
        return at_home(value)
    if type(value) in (list, tuple):
        return type(value)(map(_at_home, value))
    if type(value) is dict:
        return {name: _at_home(one) for name, one in value.items()}
    return value


def verb_of(function: Callable[..., Any]) -> Verb:
    """Return the declaration of a decorated function."""
    declared: Verb = function.__dict__["verb"]
    return declared


def _check(declared: Verb) -> None:
    """Raise TypeError for a faulty declaration: an error in the program."""
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
    for field, parameter in declared.single_fields():
        cls = declared.settings[parameter].__name__
        if field in taken:
            raise TypeError(f"{where}: {cls}.{field} has the same name as one of {taken[field]}")
        taken[field] = cls


def _flat_signature(declared: Verb) -> inspect.Signature:
    """Return the signature for ``help``: settings objects, single settings, and ``config``."""
    parameters = dict(declared.parameters)
    if declared.settings:
        for field in [*declared.fields, "config"]:
            option = inspect.Parameter(field, inspect.Parameter.KEYWORD_ONLY, default=None)
            parameters.setdefault(field, option)
    return inspect.Signature(list(parameters.values()))
