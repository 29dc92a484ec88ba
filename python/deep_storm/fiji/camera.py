"""The camera that was entered once, in Fiji's preferences."""

from __future__ import annotations

import json
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
_DIALOG = "camera-setup"
_THUNDERSTORM = "thunderstorm.camera."
"""Where ThunderSTORM keeps its Camera setup among ImageJ's preferences."""
_REQUIRED = ("pixelSize", "offset", "photons2ADU")


def remembered_camera(host: Host) -> Camera | None:
    """Return the camera of Camera Setup; None when nobody entered one."""
    text = host.recall(KEY)
    if not text:
        return None
    return Camera.parse(json.loads(text), "Fiji's preferences")


def remember_camera(host: Host, camera: Camera) -> None:
    """Keep a camera, and offer its values in the next Camera Setup."""
    host.remember(KEY, json.dumps(camera.model_dump()))
    for name, value in camera.model_dump().items():
        host.remember(f"{_DIALOG}.{name}", "auto" if value is None else str(value))


def camera_values(host: Host, choice: Any) -> dict[str, Any] | None:
    """Return the camera that a command's field ``camera`` means, as values; None for none.

    Parameters
    ----------
    host
        Where it may be remembered.
    choice
        ``current``, None, or a file.
    """
    if choice is None:
        return None
    if choice == CURRENT:
        camera = remembered_camera(host)
        return None if camera is None else camera.model_dump(exclude_unset=True)

    return read_camera(Path(choice)).model_dump(exclude_unset=True)


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
