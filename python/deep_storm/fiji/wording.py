"""What the command line says, in the words of a dialog: fields and menu items."""

from __future__ import annotations

import re

from deep_storm.camera import Camera
from deep_storm.fiji.menu.catalog import Command, command, place_of
from deep_storm.fiji.menu.entries import ENTRIES
from deep_storm.fiji.menu.parameters import MORE_LABEL

_OPTION = re.compile(
    r"(?<![\w/\\.-])--([a-z][a-z0-9-]*)(?: camera\.toml| X,Y,WIDTH,HEIGHT| (\d[\d.]*\d|\d))?"
)
"""An option of the command line, with what stands behind it; not in the middle of a path."""
_RECEIVED = re.compile(r"^([a-z][a-z0-9_]*) is ")
_CHANGE = re.compile(r"\bchange ([a-z][a-z0-9_]*) \(.*\)(\.?)$", re.DOTALL)
"""A setting by its name in Python: how an error begins, and how it ends, with its description."""
_CAMERA = re.compile(rf"(?<!put )(?<![\w/\\.\[=-])({'|'.join(Camera.model_fields)})(?![\w/\\.=-])")
"""A camera's value by its name in Python; not where a settings file is meant, or a path."""
_REPEATED = re.compile(rf" in {MORE_LABEL!r} (?=\w+=\S+ in {MORE_LABEL!r})")
"""Where a pair of the further options is, before another one of them."""
_OTHERS = ("reconstruct", "train")
"""Commands that may have an option which the one that runs has not."""


def in_dialog_words(text: str, made: Command | None) -> str:
    """Replace options and verbs of the command line in a text by fields and menu items."""
    camera = _labels(command("camera-setup"))
    # further options are written with their names
    shown = {p.name: p.label for p in made.parameters} if made is not None else {}

    def item(match: re.Match[str]) -> str:
        return place_of(match[1]) if match[1] in ENTRIES else match[0]

    def received(match: re.Match[str]) -> str:
        return f"the field {shown[match[1]]!r} is " if match[1] in shown else match[0]

    def change(match: re.Match[str]) -> str:
        return f"change it{match[2]}" if match[1] in shown else match[0]

    text = _CHANGE.sub(change, _RECEIVED.sub(received, text))
    saved_as = _labels(made).get("output", "Save as")
    text = re.sub(r"(?<!\S)-o(?![\w-])", f"the field {saved_as!r}", text)
    text = _CAMERA.sub(lambda match: repr(camera[match[1]]), text)
    text = _REPEATED.sub(" ", _OPTION.sub(lambda match: _option(match, made), text))
    return re.sub(r"`?deep-storm ([a-z-]+)`?", item, text)


def _option(match: re.Match[str], made: Command | None) -> str:
    """Say an option as it is given in Fiji."""
    name = match[1].replace("-", "_")
    name = {"from": "from_model"}.get(name, name)
    if name == "camera":
        return f"a camera ({place_of('camera-setup')}, or the field 'Camera')"
    if name == "roi":
        return "a ROI"
    if name in _labels(made):
        return _field(made, name, match[2])
    if name in Camera.model_fields:
        place = place_of("camera-setup").rpartition(" > ")[2]
        label = _labels(command("camera-setup"))[name]
        return f"{label!r} in {place}{f' at {match[2]}' if match[2] else ''}"
    for other in map(command, _OTHERS):
        if name in _labels(other):
            return _field(other, name, match[2], f" of {other.menu[-1]}")
    return match[0]


def _field(made: Command | None, name: str, value: str | None, of: str = "") -> str:
    """Return how a parameter is given: in a field, or as NAME=VALUE; ``of`` another command."""
    for parameter in made.further if made is not None else ():
        if parameter.name == name:
            usual = {"Boolean": "=true", "File": "=FILE"}.get(parameter.kind, "")
            return f"{name}{f'={value}' if value else usual} in {MORE_LABEL!r}{of}"
    return f"the field {_labels(made)[name]!r}{of}{f' at {value}' if value else ''}"


def _labels(made: Command | None) -> dict[str, str]:
    return {p.name: p.label for p in made.everything} if made is not None else {}
