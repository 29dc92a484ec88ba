"""Camera maps as verbs take them (a file, or maps in memory), compared with the camera."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Union

from deep_storm.camera import Camera, PartialCamera, whole_camera
from deep_storm.camera_maps import CameraMaps, absolute, check_agreement
from deep_storm.interface.declaration import Argument
from deep_storm.io.camera_maps import read_camera_maps
from deep_storm.io.stacks.corrected import CorrectedFrames

if TYPE_CHECKING:
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.model import Model

MapsSource = Union[str, "os.PathLike[str]", "CameraMaps"]

CAMERA_MAPS = Argument(
    "camera_maps",
    "sCMOS calibration (TIFF): offset (ADU), gain (photon/ADU) and variance (ADU²) of each pixel",
    label="Camera maps (sCMOS)",
)


def maps_of(source: MapsSource | None, camera: Camera) -> CameraMaps | None:
    """Read camera maps and compare them with the camera; None if none are given.

    Offsets relative to the baseline become those of the pixels, with a warning that says so.

    Raises
    ------
    StackError, CameraError
        The file holds no camera maps, or those of another camera.
    """
    if source is None:
        return None
    maps, note = _read(source, camera)
    if note:
        warnings.warn(note, stacklevel=2)
    return maps


def _read(source: MapsSource, camera: Camera) -> tuple[CameraMaps, str]:
    """Return maps that agree with the camera, and what was changed for that."""
    given = source if isinstance(source, CameraMaps) else read_camera_maps(source)
    maps, note = absolute(given, camera)
    check_agreement(maps, camera)
    return maps, note


def corrected(stream: FrameStream, camera: Camera, maps: CameraMaps | None) -> FrameStream:
    """Return a stack corrected as if all pixels were alike; unchanged without maps.

    Raises
    ------
    CameraError
        The maps do not have the frames' size.
    """
    if maps is None:
        return stream

    return CorrectedFrames(stream, camera, maps)


def corrected_for(
    stream: FrameStream,
    model: Model,
    camera: Camera | PartialCamera,
    source: MapsSource | None,
) -> tuple[FrameStream, tuple[str, ...]]:
    """Correct a stack by camera maps for a model, if there are any.

    Returns
    -------
    The stack, and what should be said about it.

    Raises
    ------
    StackError, CameraError, SettingsError
        The maps are none, or not of this camera or size; or the camera is not known.
    """
    if source is None:
        if "camera_maps_sha256" not in model.card.training:
            return stream, ()
        return stream, (
            "The model was trained with camera maps; without --camera-maps all pixels count as "
            "alike",
        )
    camera = whole_camera(camera)
    name = f" {Path(source).name}" if isinstance(source, (str, os.PathLike)) else ""
    said = f"Baseline and gain were corrected pixel by pixel with the camera maps{name}"
    maps, note = _read(source, camera)
    return corrected(stream, camera, maps), (said, note) if note else (said,)
