"""Lists to choose from: models that were found, cameras that were saved under a name.

SciJava reads a script's header once, so that the choices of its dialog are the same for ever. A
field for a model or a camera takes ``ask`` instead: after OK a dialog of our own has a drop-down
list of what is there at that moment. The macro recorder writes what was chosen.
"""

from __future__ import annotations

from typing import Any

from deep_storm.errors import Cancelled, SettingsError
from deep_storm.fiji.camera import saved_cameras
from deep_storm.fiji.imagej.form import Form
from deep_storm.fiji.imagej.host import Host
from deep_storm.fiji.imagej.java import java_class
from deep_storm.fiji.menu.catalog import Command
from deep_storm.fiji.menu.parameters import ASK, AUTO, CURRENT, LISTED, NONE, Parameter
from deep_storm.fiji.models import known_models


def ask_for_listed(host: Host, made: Command, values: dict[str, Any], module: Any) -> None:
    """Let the user choose where a field says ``ask``.

    Parameters
    ----------
    host
        ImageJ.
    made
        The command.
    values
        Of its parameters; what was chosen is put in.
    module
        SciJava's, of the script, if there is one.

    Raises
    ------
    SettingsError
        Nobody can be asked.
    Cancelled
        The dialog was cancelled.
    """
    asked = [p for p in made.everything if p.name in LISTED and str(values[p.name]) == ASK]
    if not asked:
        return
    if not host.asks:
        raise SettingsError(
            f"{asked[0].label} is 'ask', but there is nobody to ask",
            ", ".join(_choices(host, asked[0])),
            "write it out in a macro",
        )
    form = Form(f"{made.title}: choose")
    for parameter in asked:
        choices = _choices(host, parameter)
        form.choice(parameter.name, parameter.label, choices, choices[0])
    if not form.show():
        raise Cancelled(f"{made.title} was stopped")
    for parameter in asked:
        text = form.choice_of(parameter.name)
        values[parameter.name] = parameter.read({parameter.name: text})
        if module is not None and parameter in made.parameters:
            module.setInput(parameter.name, java_class("java.io.File")(text))


def _choices(host: Host, parameter: Parameter) -> tuple[str, ...]:
    """Return what a field can be, what it is without a choice first."""
    if parameter.name == "camera":
        words = [parameter.shown, CURRENT, NONE, *([AUTO] if parameter.value == AUTO else [])]
        return tuple(dict.fromkeys([*words, *saved_cameras(host)]))
    models = known_models(host)
    return models if parameter.shown in models else (parameter.shown, *models)
