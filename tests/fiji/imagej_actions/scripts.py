"""Run our scripts, and look into the process that they run in."""

from __future__ import annotations

import importlib
import logging
import re
import sys
import time
from pathlib import Path

import jpype

from deep_storm.fiji import runner

from . import session
from .images import describe_image, describe_overlay, make_image
from .session import KEPT, STATUS, asked, java, plain, plain_host
from .tables import describe_table

ENDED = {}
"""With which status a command ended, by its key."""


def use(host):
    """Take note of the host that is running."""
    session.HOST = host
    runner.LOGGER.addHandler(EndedHandler())
    runner.LOGGER.setLevel(logging.INFO)


@asked
def run(script, image=None, wait=True, **inputs):
    """Run a script to its end; returns its outputs as plain data."""
    forget_inputs(script)
    values = java("java.util.HashMap")()
    for name, value in inputs.items():
        values.put(name, value)
    imp = None
    if image is not None:
        imp = KEPT.get(image) if isinstance(image, str) else make_image(**image)
        KEPT["last"] = imp
        values.put("image", imp)
    began = time.monotonic()
    module = session.HOST.scripts.run(java("java.io.File")(script), True, values).get()
    outputs = {str(e.getKey()): e.getValue() for e in module.getOutputs().entrySet()}
    language = module.getInfo().getLanguage().getLanguageName()
    data = {"status": status_of(script, outputs), "language": str(language)}
    data["seconds"] = (began, time.monotonic())
    data["inputs"] = {str(e.getKey()): str(e.getValue()) for e in module.getInputs().entrySet()}
    if outputs.get("result_image") is not None:
        data["image"] = describe_image(outputs["result_image"])
    if outputs.get("result_table") is not None:
        data["table"] = describe_table(outputs["result_table"])
    if imp is not None:
        data["overlay"] = describe_overlay(imp)
    return data


def status_of(script, outputs):
    """Return a command's status: its output, or with windows, where Fiji would show it, the log."""
    if outputs.get("status") is not None:
        assert not plain_host().windows, "a text output opens a window"
        return str(outputs["status"])
    text = Path(script).read_text(encoding="ascii")
    return ENDED.pop(re.search(r'run\("([a-z-]+)", globals', text)[1])


class EndedHandler(logging.Handler):
    """Notes with which status a command ended."""

    def emit(self, record):
        if record.msg == runner.ENDED:
            key, status = record.args
            ENDED[key] = status


def forget_inputs(script):
    """Forget what SciJava remembers of the last time: each test starts from the defaults."""
    prefs = session.HOST.context.service("org.scijava.prefs.PrefService")
    nobody = jpype.JObject(None, java("java.lang.Class"))
    for item in session.HOST.scripts.getScript(java("java.io.File")(script)).inputs():
        if item.getPersistKey():
            prefs.remove(nobody, item.getPersistKey())


@asked
def run_without_package(script):
    """Run a script where Deep-STORM cannot be imported."""
    name = "deep_storm.fiji"
    package, sys.modules[name] = sys.modules.get(name), None
    try:
        return run(script)
    finally:
        if package is None:
            del sys.modules[name]
        else:
            sys.modules[name] = package


@asked
def parameters(script):
    """Return what SciJava's parser makes of a script's header."""
    info = session.HOST.scripts.getScript(java("java.io.File")(script))
    found = {}
    for item in info.inputs():
        found[str(item.getName())] = {
            "type": str(item.getType().getSimpleName()),
            "label": str(item.getLabel()),
            "description": str(item.getDescription()),
            "default": plain(item.getDefaultValue()),
            "minimum": plain(item.getMinimumValue()),
            "maximum": plain(item.getMaximumValue()),
            "choices": [str(c) for c in item.getChoices() or ()],
            "key": str(item.getPersistKey() or ""),
            "persisted": bool(item.isPersisted()),
        }
    return (
        found,
        str(info.getLanguage().getLanguageName()),
        [str(o.getName()) for o in info.outputs()],
    )


@asked
def menu():
    """Return the menu path of each script that SciJava finds."""
    return sorted(
        str(info.getMenuPath().getMenuString()) for info in session.HOST.scripts.getScripts()
    )


@asked
def menu_tree(path):
    """Return the labels of SciJava's own menu below a path, and whether each is a command."""
    shadow = session.HOST.context.service("org.scijava.menu.MenuService").getMenu()
    for label in path:
        (shadow,) = [item for item in shadow.getChildren() if str(item.getName()) == label]
    return [(str(item.getName()), bool(item.isLeaf())) for item in shadow.getChildren()]


@asked
def add_command(name, macro):
    """Put a command into ImageJ's menus that runs a macro file."""
    known = java("ij.Menus").getCommands()
    if macro is None:
        known.remove(name)
    else:
        known.put(name, f'ij.plugin.Macro_Runner("{macro}")')


@asked
def status(clear=True):
    """Return what the status bar was told: (time, value, maximum, words)."""
    lines = list(STATUS)
    if clear:
        STATUS.clear()
    return lines


@asked
def work(verb, options):
    """Hand work to the worker as a command does; returns the error's text."""
    from deep_storm.errors import DeepStormError
    from deep_storm.fiji.client.jobs import Job
    from deep_storm.fiji.client.work import Work

    try:
        return Job(plain_host(), Work(verb, options, "Work")).run()
    except DeepStormError as error:
        return str(error)


@asked
def camera():
    """Return the camera that Camera Setup keeps."""
    from deep_storm.fiji.camera import remembered_camera

    found = remembered_camera(plain_host())
    return None if found is None else found.model_dump()


@asked
def forget(key):
    """Forget a preference of ours."""
    plain_host().remember(key, "")


@asked
def set_preference(key, value):
    """Set one of ImageJ's own preferences."""
    java("ij.Prefs").set(key, value)


@asked
def call(function, **keywords):
    """Call a function of the package in this process: ``module:name``."""
    module, _, name = function.partition(":")
    return plain(getattr(importlib.import_module(module), name)(**keywords))


@asked
def evaluate(text, **names):
    """Evaluate an expression in this process."""
    return plain(eval(text, {**globals(), **names}))


@asked
def replace(module, name, value):
    """Set a variable of a module; returns what it was."""
    owner = importlib.import_module(module)
    before = getattr(owner, name)
    setattr(owner, name, value)
    return before


@asked
def modules(words):
    """Return which of some modules are imported in this process."""
    return [word for word in words if word in sys.modules]
