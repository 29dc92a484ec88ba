"""ThunderSTORM's protocol beside a table: ``STEM-protocol.txt``, JSON.

ThunderSTORM takes its camera from it on import and can then recompute uncertainties when it
merges. Its ``photons2ADU`` is our ``photons_per_adu`` (photoelectrons per count); its
``readoutNoise`` is in photoelectrons, ours in ADU.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deep_storm.camera import Camera
from deep_storm.errors import CameraError
from deep_storm.io.files import atomic_path
from deep_storm.io.foreign import damage_as, read_text

PROTOCOL = "-protocol.txt"
"""Ending of a protocol, after the name of its table."""
_GAIN_WITHOUT_EM = 100.0  # what ThunderSTORM writes there; it is not used


def protocol_path(table: str | os.PathLike[str]) -> Path:
    """Return the path of a table's protocol: ``movie.csv`` → ``movie-protocol.txt``."""
    path = Path(table)
    return path.parent / f"{path.stem}{PROTOCOL}"


def find_protocol(table: str | os.PathLike[str]) -> Path | None:
    """Return the protocol beside a table, or None when there is none."""
    path = protocol_path(table)
    return path if path.is_file() else None


def read_protocol(path: str | os.PathLike[str]) -> Camera:
    """Read the camera from a protocol.

    Raises
    ------
    CameraError
        The file is missing, not JSON, or has no complete camera.
    SettingsError
        A value of the camera is out of range.
    """
    return camera_from_thunderstorm(_camera_settings(Path(path)), f"the protocol {path}")


def camera_from_thunderstorm(values: Mapping[str, Any], origin: str) -> Camera:
    """Translate ThunderSTORM's camera settings, named as in its protocol.

    Parameters
    ----------
    values
        ``pixelSize``, ``photons2ADU``, ``offset`` and, where it has them, ``quantumEfficiency``,
        ``readoutNoise`` (photoelectrons), ``isEmGain`` and ``gain``; numbers or text.
    origin
        Where they come from, for errors.

    Raises
    ------
    CameraError
        A value is missing or no number.
    SettingsError
        A value is out of range.
    """
    try:
        photons_per_adu = float(values["photons2ADU"])
        camera: dict[str, Any] = {
            "pixel_size_nm": float(values["pixelSize"]),
            "baseline_adu": float(values["offset"]),
            "photons_per_adu": photons_per_adu,
            "quantum_efficiency": float(values.get("quantumEfficiency", 1.0)),
            "em_gain": float(values["gain"]) if values.get("isEmGain") else None,
        }
        noise_electron = float(values.get("readoutNoise", 0.0))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CameraError(
            f"the camera in {origin} has no valid {error}",
            "pixelSize, photons2ADU, offset and, with isEmGain, gain",
            "give --camera camera.toml instead",
        ) from error
    if photons_per_adu > 0:
        camera["read_noise_adu"] = noise_electron / photons_per_adu
    return Camera.parse(camera, origin)


def write_protocol(path: str | os.PathLike[str], camera: Camera, overwrite: bool = False) -> None:
    """Write the smallest protocol that ThunderSTORM accepts.

    Parameters
    ----------
    path
        The file, best :func:`protocol_path` of the table.
    camera
        What took the stack.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    content = {
        "version": "deep-storm",
        "cameraSettings": {
            "pixelSize": camera.pixel_size_nm,
            "photons2ADU": camera.photons_per_adu,
            "offset": camera.baseline_adu,
            "quantumEfficiency": camera.quantum_efficiency,
            "isEmGain": camera.em_gain is not None,
            "gain": _GAIN_WITHOUT_EM if camera.em_gain is None else camera.em_gain,
            "readoutNoise": camera.read_noise_adu * camera.photons_per_adu,
        },
        # an estimator that it knows; an unknown name opens an error dialog that blocks macros
        "analysisEstimator": {
            "name": "PSF: Integrated Gaussian",
            "method": "Maximum likelihood",
        },
    }
    with atomic_path(path, overwrite) as partial:
        partial.write_bytes(json.dumps(content, indent=2).encode("ascii") + b"\n")


def _camera_settings(path: Path) -> dict[str, Any]:
    text = read_text(path, CameraError, "a protocol that ThunderSTORM wrote")

    def is_none(reason: str) -> CameraError:
        return CameraError(
            f"{path} is not a ThunderSTORM protocol ({reason})",
            "JSON with cameraSettings",
            "give --camera camera.toml instead",
        )

    with damage_as(is_none):
        content = json.loads(text)
    settings = content.get("cameraSettings") if isinstance(content, dict) else None
    if not isinstance(settings, dict):
        raise CameraError(
            f"the protocol {path} has no cameraSettings",
            "a protocol that ThunderSTORM wrote",
            "give --camera camera.toml instead",
        )
    return settings
