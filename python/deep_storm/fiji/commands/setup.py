"""Camera Setup...: the camera entered once, for all commands."""

from __future__ import annotations

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError
from deep_storm.fiji.camera import (
    remember_camera,
    save_camera,
    saved_camera,
    saved_cameras,
    thunderstorm_camera,
)
from deep_storm.fiji.runner import Call, Outcome
from deep_storm.io.camera_files import write_camera
from deep_storm.io.tables.protocol import read_protocol

NO_EM_GAIN = 1.0


def set_up_camera(call: Call) -> Outcome:
    """Keep the camera in Fiji's preferences and, if wanted, in a file."""
    source = call.values["source"]
    if source == "ThunderSTORM":
        camera = thunderstorm_camera()
    elif source == "protocol":
        camera = _from_protocol(call)
    elif source == "saved camera":
        camera = saved_camera(call.host, _name(call))
    else:
        values = {name: call.values[name] for name in Camera.model_fields}
        values["em_gain"] = None if values["em_gain"] == NO_EM_GAIN else values["em_gain"]
        camera = Camera.parse({k: v for k, v in values.items() if v is not None})
    path = call.values["output"]
    if path is not None:
        write_camera(path, camera, overwrite=True)
    remember_camera(call.host, camera)
    if call.values["name"] is not None:
        save_camera(call.host, call.values["name"], camera)
    labels = {p.name: p.label for p in call.command.everything}
    known = camera.model_dump(exclude_none=True)
    shown = ", ".join(f"{labels[name]} {value:g}" for name, value in known.items())
    return Outcome(f"Camera: {shown}" + (f"\nWritten: {path}" if path is not None else ""))


def _name(call: Call) -> str:
    name: str | None = call.values["name"]
    if name is None:
        known = ", ".join(saved_cameras(call.host)) or "none was saved yet"
        raise SettingsError(
            "no name of a saved camera is given",
            f"one of those that were saved ({known})",
            "write it into the field 'Save under the name'",
        )
    return name


def _from_protocol(call: Call) -> Camera:
    if call.values["protocol"] is None:
        raise SettingsError(
            "no protocol is given",
            "NAME-protocol.txt beside a table that ThunderSTORM exported",
            "choose it after OK, or write protocol=FILE into the field 'More options'",
        )
    return read_protocol(call.values["protocol"])
