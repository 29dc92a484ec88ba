"""The models that this Fiji knows: the general one, those in its folder, and those of before."""

from __future__ import annotations

import json
from pathlib import Path

from deep_storm.fiji.imagej.host import Host
from deep_storm.fiji.imagej.java import java_class
from deep_storm.fiji.menu.parameters import GENERAL
from deep_storm.io.model_folder import CARD_FILE

FOLDER = Path("models") / "deep-storm"
"""Where Fiji's updater and its users put models, below Fiji's own folder."""
KEY = "models"
MAX_REMEMBERED = 12


def known_models(host: Host) -> tuple[str, ...]:
    """Return ``general`` and the folders of all other models that are there."""
    own = _fiji_folder()
    found = sorted(path.parent for path in own.glob(f"*/{CARD_FILE}")) if own is not None else []
    found = [folder for folder in found if folder.name != GENERAL]
    there = [folder for folder in _remembered(host) if (folder / CARD_FILE).is_file()]
    return (GENERAL, *dict.fromkeys(map(str, [*there, *found])))


def remember_model(host: Host, folder: Path | str | None) -> None:
    """Keep the folder of a model that was trained or used, the last one first."""
    if folder is None or str(folder) == GENERAL:
        return
    path = Path(folder).absolute()
    if (path / CARD_FILE).is_file():
        folders = [path, *(one for one in _remembered(host) if one != path)]
        host.remember(KEY, json.dumps([str(one) for one in folders[:MAX_REMEMBERED]]))


def _remembered(host: Host) -> list[Path]:
    text = host.recall(KEY)
    return [Path(name) for name in json.loads(text)] if text else []


def _fiji_folder() -> Path | None:
    folder = java_class("ij.IJ").getDirectory("imagej")
    return Path(str(folder)) / FOLDER if folder else None
