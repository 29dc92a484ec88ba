"""The camera that was entered once, kept in Fiji's preferences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deep_storm.camera import Camera
from deep_storm.errors import CameraError
from deep_storm.fiji.imagej.host import Host
from deep_storm.fiji.imagej.java import java_class
from deep_storm.fiji.menu.parameters import CURRENT
from deep_storm.io.camera_files import read_camera
from deep_storm.io.tables.protocol import camera_from_thunderstorm

KEY = "camera"
SAVED = "cameras"
_DIALOG = "camera-setup"
_THUNDERSTORM = "thunderstorm.camera."
"""Where ThunderSTORM keeps its Camera setup among ImageJ's preferences."""
_REQUIRED = ("pixelSize", "offset", "photons2ADU")


def remembered_camera(host: Host) -> Camera | None:
    """Return the camera of Camera Setup; None when none has been entered."""
    text = host.recall(KEY)
    if not text:
        return None
    return Camera.parse(json.loads(text), "Fiji's preferences")


def remember_camera(host: Host, camera: Camera) -> None:
    """Store a camera in the preferences, and show its values in the next Camera Setup."""
    host.remember(KEY, json.dumps(camera.model_dump()))
    remember_values(host, camera.model_dump())


def remember_values(host: Host, values: Mapping[str, Any]) -> None:
    """Show values in the next Camera Setup."""
    for name, value in values.items():
        host.remember(f"{_DIALOG}.{name}", "1.0" if value is None else str(value))


def saved_cameras(host: Host) -> dict[str, Camera]:
    """Return the cameras that were saved under a name."""
    text = host.recall(SAVED)
    found = json.loads(text) if text else {}
    return {name: Camera.parse(values, "Fiji's preferences") for name, values in found.items()}


def save_camera(host: Host, name: str, camera: Camera) -> None:
    """Save a camera under a name."""
    cameras = {**saved_cameras(host), name: camera}
    host.remember(SAVED, json.dumps({n: c.model_dump() for n, c in sorted(cameras.items())}))


def saved_camera(host: Host, name: str) -> Camera:
    """Return the camera that was saved under a name.

    Raises
    ------
    CameraError
        There is none.
    """
    cameras = saved_cameras(host)
    if name not in cameras:
        known = ", ".join(cameras) or "none was saved yet"
        raise CameraError(
            f"there is no camera {name!r}, neither saved under that name nor as a file",
            f"a camera file, or the name of a saved camera ({known})",
            "save it in Camera Setup with the field 'Save under the name'",
        )
    return cameras[name]


def camera_values(host: Host, choice: Any) -> dict[str, Any] | None:
    """Return the values of the camera that a command's field ``camera`` names; None for none.

    Parameters
    ----------
    host
        Where it may be remembered.
    choice
        ``current``, None, a file, or the name of a saved camera.

    Raises
    ------
    CameraError
        There is no such file or name.
    """
    if choice is None:
        return None
    if choice == CURRENT:
        camera = remembered_camera(host)
        return None if camera is None else camera.model_dump(exclude_unset=True)
    path = Path(choice)
    if not path.is_file() and path.suffix.lower() != ".toml":
        return saved_camera(host, path.name).model_dump(exclude_unset=True)
    return read_camera(path).model_dump(exclude_unset=True)


def thunderstorm_camera() -> Camera:
    """Return the camera of ThunderSTORM's *Camera setup* in this ImageJ.

    Raises
    ------
    CameraError
        ThunderSTORM has never kept one here.
    """
    prefs = java_class("ij.Prefs")
    values: dict[str, Any] = {}
    for name in (*_REQUIRED, "quantumEfficiency", "readoutNoise", "gainEM", "isEmGain"):
        text = prefs.get(_THUNDERSTORM + name, "")
        if str(text):
            values[name] = str(text)
    if not set(_REQUIRED) <= values.keys():
        raise CameraError(
            "ImageJ's preferences have no camera of ThunderSTORM",
            f"{_THUNDERSTORM}{_REQUIRED[0]} and the others there",
            "open ThunderSTORM's Camera setup and press OK, or take the values from a protocol",
        )
    values["isEmGain"] = values.get("isEmGain", "false").lower() == "true"
    values["gain"] = values.pop("gainEM", 1.0)
    return camera_from_thunderstorm(values, "ThunderSTORM's Camera setup")
