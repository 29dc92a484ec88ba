"""A command's values: from its dialog or macro, from further options, from a second dialog.

What a dialog does not show is given in one text (``more``): ``none``, NAME=VALUE pairs, or ``ask``
for a second dialog. Who runs a script from Python may give these by their own names as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from deep_storm.errors import Cancelled, SettingsError
from deep_storm.fiji.imagej.form import Form
from deep_storm.fiji.imagej.host import Host
from deep_storm.fiji.menu.catalog import Command
from deep_storm.fiji.menu.parameters import ASK, MORE, MORE_LABEL, NONE, Parameter

_PAIR = re.compile(r"(\w+)\s*=\s*(\[[^\]]*\]|\"[^\"]*\"|\S+)\s*")
MODULE = "org.scijava.script.ScriptModule"
"""Under this name SciJava gives a script its own module."""


def values_of(host: Host, made: Command, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all parameters of a command as Python objects.

    Raises
    ------
    SettingsError
        A further option is unknown, or its value is none.
    Cancelled
        The second dialog was cancelled.
    """
    values = {p.name: p.read(variables) for p in made.parameters if p.name != MORE}
    if not made.further:
        return values
    given = str(variables.get(MORE, NONE)).strip()
    module = variables.get(MODULE)
    texts: dict[str, Any] = {}
    if given.lower() == ASK:
        texts = _asked(host, made)
        if module is not None:  # what was chosen there is what the macro recorder writes
            module.setInput(MORE, _as_text(texts) or NONE)
    elif given.lower() not in ("", NONE):
        texts = _pairs(given, made)
    for parameter in made.further:
        found = texts.get(parameter.name)
        if found is None and module is not None:
            found = module.getInput(parameter.name)
        values[parameter.name] = _value(parameter, found)
    return values


def _value(parameter: Parameter, given: Any) -> Any:
    """Return a further option as a Python object."""
    try:
        return parameter.read({parameter.name: given})
    except ValueError as error:
        raise SettingsError(
            f"{parameter.name} is {str(given)!r}",
            "a whole number" if parameter.kind == "Integer" else "a number",
            f"correct it in the field {MORE_LABEL!r}",
        ) from error


def _pairs(text: str, made: Command) -> dict[str, str]:
    """Read NAME=VALUE pairs."""
    names = [parameter.name for parameter in made.further]
    pairs = {name: value.strip('[]"') for name, value in _PAIR.findall(text)}
    rest = _PAIR.sub("", text).strip()
    wrong = rest or next((name for name in pairs if name not in names), "")
    if wrong:
        raise SettingsError(
            f"{MORE_LABEL} has {wrong!r}",
            f"none, ask, or NAME=VALUE pairs of {', '.join(names)}",
            _advice(wrong, made),
        )
    return pairs


def _advice(wrong: str, made: Command) -> str:
    """Say what is probably meant by something that is no pair of a further option."""
    for parameter in made.further:
        if parameter.name == wrong:
            value = "true" if parameter.kind == "Boolean" else "VALUE"
            return f"write {wrong}={value}"
    for parameter in made.parameters:
        if parameter.name == wrong:
            return f"that is the field {parameter.label!r}; in a macro it stands by itself"
    close = get_close_matches(wrong, [p.name for p in made.further], n=1)
    return f"did you mean {close[0]}?" if close else "remove it"


def _as_text(texts: Mapping[str, Any]) -> str:
    return " ".join(f"{k}=[{v}]" if " " in str(v) else f"{k}={v}" for k, v in texts.items())


def _asked(host: Host, made: Command) -> dict[str, str]:
    """Ask for the further options in a dialog; return those that were changed."""
    if not host.asks:
        raise SettingsError(
            f"{MORE_LABEL} is 'ask', but there is nobody to ask",
            "none, or NAME=VALUE pairs",
            "write them out in a macro",
        )
    form = Form(f"{made.title}: more options")
    for parameter in made.further:
        _add(form, parameter)
    form.help(f"{made.title}: what the options mean", _explained(made.further))
    if not form.show():
        raise Cancelled(f"{made.title} was stopped")
    texts = {p.name: _read(form, p) for p in made.further}
    defaults = {p.name: p.shown for p in made.further}
    return {name: text for name, text in texts.items() if text != defaults[name]}


def _explained(further: Sequence[Parameter]) -> list[tuple[str, str]]:
    """Return label and meaning of each option; its name is what stands in a macro."""
    return [(f"{p.label}: {p.name}", p.described) for p in further]


def _add(form: Form, parameter: Parameter) -> None:
    name, label, shown = parameter.name, parameter.label, parameter.shown
    if parameter.kind == "Boolean":
        form.box(name, label, shown == "true")
    elif parameter.choices:
        form.choice(name, label, parameter.choices, shown)
    elif parameter.kind == "File" and parameter.style == "directory":
        form.folder(name, label, shown)
    elif parameter.kind == "File":
        form.file(name, label, shown)
    else:
        form.text(name, label, shown)


def _read(form: Form, parameter: Parameter) -> str:
    if parameter.kind == "Boolean":
        return str(form.ticked(parameter.name)).lower()
    if parameter.choices:
        return form.choice_of(parameter.name)
    return form.text_of(parameter.name) or parameter.shown
