"""A verb as a command: its signature for the parser, and the parsed arguments as keywords.

Settings arrive as text and are checked by their own class, so that a value is refused with the
same words wherever it stands.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from deep_storm.camera import Camera
from deep_storm.settings import (
    Settings,
    choices,
    field_default,
    field_range,
    field_unit,
    members,
)

if TYPE_CHECKING:
    from deep_storm.interface.declaration import Argument, Verb

NAME = "deep-storm"
SHORT = {"output": "-o"}
"""Options that have a short form, the same for every verb."""


def signature_of(verb: Verb) -> inspect.Signature:
    """Return the signature of a verb in the form that the parser takes.

    Every option is None by default, for "not typed"; what the default is then decides the verb.
    """
    arguments = [_argument(verb, argument) for argument in verb.arguments]
    options = [*arguments, *_common(verb), *_settings(verb)]
    options += _former(verb, {option.name: option for option in options})
    return inspect.Signature(sorted(options, key=lambda option: option.kind))


def options_of(verb: Verb, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of a verb from the parsed arguments."""
    options: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or name in ("json", "debug"):
            continue
        if verb.former.get(name, name) in verb.fields and isinstance(value, list):
            # "100 250", "100,250" and "100, 250" are the same to a person
            value = tuple(word for text in value for word in text.split(",") if word.strip())
        options[name] = value
    return options


def describe_setting(cls: type[Settings], name: str, default: Settings | None = None) -> str:
    """Describe a setting in one line: meaning, choices or range with the unit, and default."""
    value = field_default(cls, name) if default is None else getattr(default, name)
    details = [_range(cls, name)]
    if value is False:
        details = []  # a flag: it says that it is so
    elif value not in (..., None, ""):
        details.append(f"default {_shown(value)}")
    known = ", ".join(detail for detail in details if detail)
    return f"{cls.model_fields[name].description}" + (f" [{known}]" if known else "")


def _range(cls: type[Settings], name: str) -> str:
    """Write the choices or the limits of a setting: ``histogram | gaussian``, ``0 to 1``."""
    annotation = cls.model_fields[name].annotation
    if annotation is bool:
        return "true | false"
    if named := choices(annotation):
        return " | ".join(map(str, named))
    limits = {bound: _shown(value) for bound, value in field_range(cls, name).items()}
    signs = {"ge": "≥ ", "gt": "> ", "le": "≤ ", "lt": "< "}
    if {"ge", "le"} <= limits.keys():
        text = f"{limits['ge']} to {limits['le']}"
    else:
        text = ", ".join(f"{signs[bound]}{value}" for bound, value in limits.items())
    unit = field_unit(cls, name)
    return f"{text} {unit}".strip() if unit else text


def _argument(verb: Verb, argument: Argument) -> inspect.Parameter:
    """Return the parameter of an argument that is not a setting."""
    parameter = verb.parameters[argument.name]
    required = parameter.default is inspect.Parameter.empty or argument.left_out == "refused"
    description = argument.description
    kind = str if argument.writes else argument.kind  # a path forgets the "/" of a folder
    if parameter.default not in (None, False, (), inspect.Parameter.empty):
        description += f" [default {_shown(parameter.default)}]"
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        flags = [argument.option or _option(argument.name)]
        flags += [SHORT[argument.name]] if argument.name in SHORT else []
        return _parameter(argument.name, kind, description, flags, required=required)
    return _parameter(argument.name, kind, description, None, required=required)


def _common(verb: Verb) -> Iterator[inspect.Parameter]:
    """Give the options that are the same for all verbs."""
    if verb.settings:
        yield _parameter(
            "config",
            Path,
            "settings file (TOML) with the [sections] below; options override it",
        )
    for name, cls in verb.settings.items():
        if cls is Camera:
            about = "camera file (TOML, with a [camera] section)"
            if name == verb.whole:
                about += ", for tables in px or ADU; default: the protocol beside a table"
            yield _parameter(name, Path, about)
    if "overwrite" in verb.parameters:
        yield _parameter("overwrite", bool, "replace files that exist")
    yield _parameter("json", bool, "print the result as one JSON object, all else on stderr")
    yield _parameter("debug", bool, "show where in the program an error happened")


def _settings(verb: Verb) -> Iterator[inspect.Parameter]:
    """Give an option for each setting, in a group for each class."""
    from cyclopts import Group

    for order, (parameter, cls) in enumerate(verb.settings.items()):
        if parameter == verb.whole:
            continue
        first_line = (inspect.getdoc(cls) or "").partition("\n")[0]
        # its section in a settings file; rich would take the bare brackets for a style
        title = rf"\[{cls.__name__.lower()}]"
        group = Group(title, help=first_line.replace("`", ""), sort_key=10 + order)
        default = verb.default(parameter)
        for field in cls.model_fields:
            info = cls.model_fields[field]
            is_tuple = any(get_origin(member) is tuple for member in members(info.annotation))
            flag = info.annotation is bool and info.default is False
            kind = bool if flag else list[str] if is_tuple else str
            help_text = describe_setting(cls, field, default)
            yield _parameter(field, kind, help_text, group=group)


def _former(verb: Verb, now: Mapping[str, inspect.Parameter]) -> Iterator[inspect.Parameter]:
    """Return the options under their former names, which no help text shows."""
    from cyclopts import Parameter

    for old, name in verb.former.items():
        kind, details = get_args(now[name].annotation)
        hidden = Parameter.combine(details, Parameter(name=[_option(old)], show=False))
        yield now[name].replace(name=old, annotation=Annotated[kind, hidden])


def _parameter(
    name: str,
    kind: Any,
    description: str,
    flags: list[str] | None = None,
    *,
    required: bool = False,
    group: Any = None,
) -> inspect.Parameter:
    """Return one parameter for the parser; without flags and group it is positional."""
    from cyclopts import Parameter

    positional = flags is None and group is None and name not in ("config", "camera")
    positional = positional and kind is not bool
    places = {} if group is None else {"group": group}
    details = Parameter(
        name=None if positional else flags or [_option(name)],
        help=description,
        **places,
        negative=(),
        show_default=False,
        show_choices=False,
        consume_multiple=get_origin(kind) is list and not positional,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.POSITIONAL_ONLY if positional else inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else None,
        annotation=Annotated[kind if required else kind | None, details],
    )


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _shown(value: object) -> str:
    """Write a default as it would be typed."""
    if isinstance(value, tuple):
        return " ".join(map(_shown, value))
    if isinstance(value, (int, float)) and value == int(value) and abs(value) >= 1000:
        return f"{value:,.0f}"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
