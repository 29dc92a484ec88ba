"""What is known of a table beyond its columns: its camera, and whether rows share data.

A file has a protocol and a run record beside it. A table in memory carries the same in its
``attrs``, which pandas hands on to what is selected from it::

    table.attrs["deep_storm"] = {"camera": {"pixel_size_nm": 100.0, …}, "shared_frames": True}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, DeepStormError, SettingsError
from deep_storm.io.config import load_toml
from deep_storm.io.tables.protocol import find_protocol, read_protocol

if TYPE_CHECKING:
    import pandas as pd

KEY = "deep_storm"
RECORD = "-run.toml"
"""Ending of what is written beside a table: what was done."""


@dataclass(frozen=True)
class About:
    """What is known of a table; None is what nobody knows.

    Attributes
    ----------
    camera
        The camera that its movie was taken with.
    shared_frames
        Whether localizations of following frames share data, as those of a network do that sees
        the frames before and after its own.
    """

    camera: Camera | None = None
    shared_frames: bool | None = None


def about(table: pd.DataFrame) -> About:
    """Return what a table carries with it; what is not ours or damaged counts as not known."""
    noted = table.attrs.get(KEY)
    if not isinstance(noted, dict):
        return About()
    try:
        camera = Camera.parse(noted["camera"]) if noted.get("camera") else None
    except DeepStormError:
        camera = None
    shared = noted.get("shared_frames")
    return About(camera, shared if isinstance(shared, bool) else None)


def note(table: pd.DataFrame, known: About) -> None:
    """Write into a table what is known of it, in place of what it carried before."""
    noted: dict[str, Any] = {}
    if known.camera is not None:
        noted["camera"] = known.camera.model_dump(exclude_none=True)
    if known.shared_frames is not None:
        noted["shared_frames"] = known.shared_frames
    table.attrs = {**table.attrs, KEY: noted}


def record_beside(table: Path) -> Path:
    """Return the run record that belongs to a table, if there is one."""
    return table.parent / f"{table.stem}{RECORD}"


def verb_of_record(record: Path) -> str:
    """Return what made a table, as its run record says; nothing where there is none."""
    try:
        run = load_toml(record).get("run", {})
    except SettingsError:
        return ""
    return str(run.get("verb", "")) if isinstance(run, Mapping) else ""


def shares_frames(record: Mapping[str, Any]) -> bool | None:
    """Return whether localizations of following frames share data; None where it is not said.

    They do where the network saw the frames before and after the one that it answered for.
    """
    results = record.get("results", {})
    said = results.get("shared_frames") if isinstance(results, Mapping) else None
    return said if isinstance(said, bool) else None


def noted_shared_frames(table: Path) -> bool | None:
    """Return whether localizations share data, as the record beside a table says; None if none."""
    try:
        return shares_frames(load_toml(record_beside(table)))
    except SettingsError:
        return None  # a table needs no record


def known_of_file(table: str | os.PathLike[str]) -> About:
    """Return what protocol and record beside a table say of it."""
    protocol = find_protocol(table)
    try:
        camera = None if protocol is None else read_protocol(protocol)
    except (CameraError, SettingsError):
        camera = None
    return About(camera, noted_shared_frames(Path(table)))
