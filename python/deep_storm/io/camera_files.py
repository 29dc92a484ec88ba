"""The camera in ``camera.toml``, and whether it suits a stack."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, SettingsError, StackError
from deep_storm.io.config import load_toml, write_config
from deep_storm.io.stacks.stream import Frames, FrameStream

CameraSource: TypeAlias = "Camera | str | os.PathLike[str]"
PIXEL_SIZE_TOLERANCE = 0.01
MAX_BELOW_BASELINE = 0.6
"""Half of the pixels lie below the right baseline where there is no light at all."""
MAX_LEVEL_ADU = 1e12
"""No camera counts so far; float32 could not hold the square of much more."""
MAX_NEGATIVE = 0.3
"""Dark frames from which their mean was taken have half of their values below 0."""
FEW_READ_NOISES = 3.0


def read_camera(path: str | os.PathLike[str]) -> Camera:
    """Read a camera from a TOML file.

    Parameters
    ----------
    path
        A file with a ``[camera]`` table (other tables are ignored, so a ``matched.toml`` or a
        ``model.toml`` does too), or with the camera's keys at top level.

    Raises
    ------
    SettingsError
        The file is missing or not TOML, or a value is missing, unknown or out of range.
    """
    try:
        values = load_toml(path)
    except SettingsError as error:
        if not (Path(path).name.endswith("-protocol.txt") and Path(path).is_file()):
            raise
        raise SettingsError(
            f"{os.fspath(path)} is a protocol of ThunderSTORM",
            "a camera file (TOML)",
            "leave the camera out where the protocol lies beside the table, or write its numbers "
            "into a camera file",
        ) from error
    camera = values.get("camera", values)
    return Camera.parse(camera if isinstance(camera, dict) else values, os.fspath(path))


def camera_of(camera: CameraSource | None) -> Camera | None:
    """Return a camera unchanged, or read it from its file; None stays None.

    Raises
    ------
    SettingsError
        It is neither, or the file is wrong.
    """
    if camera is None or isinstance(camera, Camera):
        return camera
    if not isinstance(camera, (str, os.PathLike)):
        raise SettingsError(
            f"camera is {camera!r}", "a Camera or the name of a camera file", "give one of them"
        )
    return read_camera(camera)


def write_camera(path: str | os.PathLike[str], camera: Camera, overwrite: bool = False) -> None:
    """Write ``camera.toml`` (a ``[camera]`` table; a camera without EM gain has no such key).

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    write_config(path, {"camera": camera.model_dump()}, overwrite)


def check_camera(camera: Camera, stream: FrameStream) -> None:
    """Check that a camera can have taken a stack; looks at its first, middle and last frame.

    Raises
    ------
    CameraError
        The file's pixel size contradicts the camera's (by more than 1 %), the stack would
        become negative in photons, or its values cannot be a camera's.
    """
    _check_pixel_size(camera, stream)
    sample = _sampled(stream)
    _check_values(stream, sample, min(camera.baseline_adu, 0.0))
    _check_range(camera, stream, sample)
    _check_baseline(camera, stream, sample)


def check_frames(stream: FrameStream) -> None:
    """Check that pixel values can be those of a camera, when the camera is not known.

    Raises
    ------
    CameraError
        They were normalised, or something was subtracted from them.
    """
    _check_values(stream, _sampled(stream), 0.0)


def _sampled(stream: FrameStream) -> Frames:
    """Return first, middle and last frame, (n, y, x); dropped ones only where all are."""
    count = stream.shape[0]
    sample = np.concatenate(_readable(stream, sorted({0, count // 2, count - 1})))
    good = [bool(frame.min() != frame.max()) for frame in sample]
    return sample[good] if any(good) else sample


def _readable(stream: FrameStream, frames: list[int]) -> list[Frames]:
    """Read some frames, as many as a truncated file has."""
    read = [stream.read(frames[0], frames[0] + 1)]
    with contextlib.suppress(StackError):
        read.extend(stream.read(i, i + 1) for i in frames[1:])
    return read


def _check_pixel_size(camera: Camera, stream: FrameStream) -> None:
    claimed = stream.pixel_size_nm
    if claimed is None:
        return
    if abs(claimed - camera.pixel_size_nm) > PIXEL_SIZE_TOLERANCE * camera.pixel_size_nm:
        raise CameraError(
            f"{stream.name} has a pixel size of {claimed:g} nm, "
            f"the camera {camera.pixel_size_nm:g} nm",
            "the same pixel size (within 1 %)",
            "correct pixel_size_nm of the camera, or the file's scale in Fiji "
            "(Image > Properties...)",
        )


def _check_values(stream: FrameStream, sample: Frames, lowest_adu: float) -> None:
    """Refuse pixel values that no camera gives: from 0 to 1, or negative ones."""
    values: Any = sample[np.isfinite(sample)] if sample.dtype.kind == "f" else sample
    if values.size == 0:
        return
    if sample.dtype.kind == "f" and values.min() >= 0 and 0 < values.max() <= 1:
        raise CameraError(
            f"the values of {stream.name} lie between 0 and {values.max():g}",
            "raw pixel values in ADU",
            "give the raw camera frames, not a normalised stack",
        )
    if float(np.median(values)) > MAX_LEVEL_ADU:
        raise CameraError(
            f"most values of {stream.name} are larger than {MAX_LEVEL_ADU:g}",
            "raw pixel values in ADU",
            "give the raw camera frames, or check the byte order of the file",
        )
    negative = float(np.mean(values < lowest_adu))
    if negative > MAX_NEGATIVE:
        raise CameraError(
            f"{negative:.0%} of the values of {stream.name} are below {lowest_adu:g}, which no "
            "camera gives: a background was subtracted, or the frames were normalised",
            "raw pixel values in ADU",
            "give the raw camera frames",
        )


def _check_range(camera: Camera, stream: FrameStream, sample: Frames) -> None:
    """Refuse pixel types whose maximum is below the baseline."""
    if sample.dtype.kind in "ui" and np.iinfo(sample.dtype).max <= camera.baseline_adu:
        raise CameraError(
            f"{stream.name} has {sample.dtype} pixels, which end at "
            f"{np.iinfo(sample.dtype).max}, but the camera's baseline is "
            f"{camera.baseline_adu:g} ADU",
            "raw pixel values above the baseline",
            "give the raw camera frames, not a stack reduced to fewer bits",
        )


def _check_baseline(camera: Camera, stream: FrameStream, sample: Frames) -> None:
    """Refuse a baseline above the values of the stack: photons cannot be negative."""
    values: Any = sample[np.isfinite(sample)] if sample.dtype.kind == "f" else sample
    if values.size == 0:
        return
    below = float((values < camera.baseline_adu).mean())
    known = (f[np.isfinite(f)] if f.dtype.kind == "f" else f for f in sample)
    median = float(np.median([float(np.median(f)) for f in known if f.size]))
    # without a read noise that was entered, only the share tells noise from a wrong baseline
    margin = FEW_READ_NOISES * camera.read_noise_adu
    dark = margin > 0 and median < camera.baseline_adu - margin
    if below > MAX_BELOW_BASELINE or dark:
        raise CameraError(
            f"the camera's baseline of {camera.baseline_adu:g} ADU lies above {stream.name}: "
            f"the median is {median:g} ADU and {below:.0%} of the pixels would be negative in "
            "photons",
            "a baseline at or below the darkest part of the stack",
            "measure the baseline (deep-storm measure-background) and correct baseline_adu",
        )
