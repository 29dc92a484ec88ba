"""Check Installation...: ready or not and why, then what each part of the installation is."""

from __future__ import annotations

import platform
import re
import sys
from typing import Any

from deep_storm.errors import Cancelled, DeepStormError
from deep_storm.fiji.camera import remembered_camera, saved_cameras
from deep_storm.fiji.client.work import Work
from deep_storm.fiji.commands.generic import run_work
from deep_storm.fiji.imagej.host import Host
from deep_storm.fiji.imagej.java import java_class
from deep_storm.fiji.imagej.tables import show_text_table
from deep_storm.fiji.imagej.thunderstorm import IMPORT, reason_of_failure
from deep_storm.fiji.menu.catalog import command, command_keys, place_of
from deep_storm.fiji.models import known_models
from deep_storm.fiji.runner import Call, Outcome
from deep_storm.fiji.setup.installation import Installation, Part
from deep_storm.fiji.setup.state import OLDEST_JAVA
from deep_storm.words import counted

TITLE = "Deep-STORM installation"


def check_installation(call: Call) -> Outcome:
    """Look at menu, Python, worker, TensorFlow, Java, ThunderSTORM, camera and models."""
    parts = [
        _menu(call.host),
        Part("Python mode", f"on (Python {platform.python_version()}, {sys.executable})"),
        *_worker_parts(call),
        _java(),
        _thunderstorm(call.host),
        _camera(call.host),
        _models(call.host),
        Part("ImageJ", _imagej()),
    ]
    checked = Installation(tuple(parts), _next_step(call.host))
    if call.host.windows:
        show_text_table(TITLE, checked.rows())
    call.host.tell(call.command.title, checked.verdict())
    return Outcome(checked.summary())


def _menu(host: Host) -> Part:
    labels = [command(key).menu[-1] for key in command_keys()]
    known = java_class("ij.Menus").getCommands() if host.windows else None
    if known is None:
        return Part("Commands", "ImageJ has no menu: it runs without windows", optional=True)
    missing = [label for label in labels if known.get(label) is None]
    if not missing:
        return Part("Commands", f"all {len(labels)} are in the menu")
    return Part(
        "Commands",
        f"{len(labels) - len(missing)} of {len(labels)} are in the menu",
        f"{len(missing)} of {counted(len(labels), 'command')} are not in the menu "
        f"({', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''})",
        "run `deep-storm fiji install` and start Fiji again",
    )


def _worker_parts(call: Call) -> list[Part]:
    """Let the worker look at itself; that it cannot be started is a finding, not an end."""
    try:
        result = run_work(call, Work("doctor", {}, call.command.title, tensorflow=True))
    except Cancelled:
        raise
    except DeepStormError as error:
        advice = error.advice.partition("; the process said")[0]
        if call.command.title in advice:  # which is what runs here
            advice = "build the Python environment again in Edit > Options > Python..."
        return [Part("Worker", "does not run", error.received, advice)]
    found: dict[str, Any] = result["json"]["findings"]
    parts = [Part("Worker", f"runs ({found['System']}, {found['Memory']})")]
    version = re.search(r"tensorflow ([^ ,]+)", found["Packages"])
    if version is not None and "Speed" in found:
        about = f"{version[1]}, GPUs: {found['GPUs']}, {found['Speed']}"
        parts.append(Part("TensorFlow", about))
    for number, problem in enumerate(result["json"]["problems"]):
        said, _, advice = problem.partition("; ")
        name = "TensorFlow" if "TensorFlow" in said else "Computer"
        parts.append(Part(name if number == 0 else f"{name} ({number + 1})", said, said, advice))
    return parts


def _java() -> Part:
    version = str(java_class("java.lang.System").getProperty("java.version"))
    home = java_class("java.lang.System").getProperty("java.home")
    number = int(re.split(r"\D", version.removeprefix("1."))[0])
    if number < OLDEST_JAVA:
        what = f"Java {version} is too old for Fiji's Python mode"
        return Part("Java", version, what, f"use a Fiji with Java {OLDEST_JAVA} or newer")
    return Part("Java", f"{version} ({home})")


def _thunderstorm(host: Host) -> Part:
    name = "ThunderSTORM"
    known = java_class("ij.Menus").getCommands() if host.windows else None
    if known is None or known.get(IMPORT) is None:
        return Part(name, "not installed: tables open in ImageJ's own windows", optional=True)
    reason = reason_of_failure()
    if reason:
        advice = "run `deep-storm fiji install`, which adds that class, and start Fiji again"
        what = f"ThunderSTORM is not usable: {reason}"
        return Part(name, "installed, but not usable", what, advice)
    return Part(name, "installed, and its results window can open")


def _camera(host: Host) -> Part:
    camera = remembered_camera(host)
    names = ", ".join(saved_cameras(host))
    saved = f"; saved under names: {names}" if names else ""
    if camera is None:
        return Part("Camera", f"none was entered yet{saved}", optional=True)
    values = ", ".join(f"{k} {v:g}" for k, v in camera.model_dump(exclude_none=True).items())
    return Part("Camera", f"{values}{saved}")


def _models(host: Host) -> Part:
    return Part("Models", ", ".join(known_models(host)))


def _imagej() -> str:
    ij = java_class("ij.IJ")
    return f"{ij.getFullVersion()} ({ij.getDirectory('imagej') or 'no folder'})"


def _next_step(host: Host) -> str:
    movie = f"open a movie and run {place_of('super-resolve')}"
    if remembered_camera(host) is not None:
        return f"Next: {movie}"
    return f"Next: enter your camera ({place_of('camera-setup')}), or {movie}"
