"""Camera maps as verbs take them (a file, or maps in memory), compared with the camera."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Union

import numpy as np

from deep_storm.camera import Camera, PartialCamera, whole_camera
from deep_storm.camera_maps import CameraMaps, absolute, check_agreement
from deep_storm.errors import CameraError
from deep_storm.interface.declaration import Argument
from deep_storm.io.camera_maps import read_camera_maps
from deep_storm.io.stacks.corrected import CorrectedFrames
from deep_storm.io.stacks.sampled import spread_frames

if TYPE_CHECKING:
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.model import Model

MAX_LOOK, MAX_LOOK_BYTES = 60, 96 << 20
"""Of frames that are compared with maps."""

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

    Maps that fit the frames only when they are turned are turned, with a warning that says so.

    Raises
    ------
    CameraError
        The maps do not have the frames' size, or pixels that they call noisy are not.
    """
    if maps is None:
        return stream
    maps, note = laid_over(maps, stream)
    if note:
        warnings.warn(note, stacklevel=2)
    return CorrectedFrames(stream, camera, maps)


def laid_over(maps: CameraMaps, stream: FrameStream) -> tuple[CameraMaps, str]:
    """Return maps as they lie over a movie, and what was done with them for that.

    Raises
    ------
    CameraError
        The pixels that they call noisy are not noisy in the movie.
    """
    if maps.read_noise_adu is None or stream.grows:
        return maps, ""
    from deep_storm.estimation.camera.maps import how_it_lies, turned  # scipy

    chosen = spread_frames(stream, MAX_LOOK, MAX_LOOK_BYTES)
    frames = np.concatenate([stream.read(k, k + 1) for k in chosen])
    fit = how_it_lies(maps.read_noise_adu, frames)
    if fit.contradicts:
        raise CameraError(
            f"the pixels that the camera maps call noisy are not noisy in {stream.name}",
            "maps of this camera and of this part of its chip, at this exposure time",
            "make them from dark frames (deep-storm measure-background --dark), or leave them out",
        )
    if not fit.turn:
        return maps, ""
    note = (
        f"The camera maps fit the noise of the frames only {fit.turn}: they were used like that. "
        "Save them that way"
    )
    return CameraMaps(**{name: turned(m, fit.turn) for name, m in maps.given().items()}), note


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
            "The model was trained with camera maps; without --camera-maps all pixels are treated "
            "as alike",
        )
    camera = whole_camera(camera)
    name = f" {Path(source).name}" if isinstance(source, (str, os.PathLike)) else ""
    said = f"Baseline and gain were corrected pixel by pixel with the camera maps{name}"
    maps, note = _read(source, camera)
    maps, turned = laid_over(maps, stream)
    return CorrectedFrames(stream, camera, maps), tuple(s for s in (said, note, turned) if s)
