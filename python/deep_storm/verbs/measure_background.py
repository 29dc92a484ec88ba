"""``measure-background``: the camera's baseline, read-out noise and gain from a stack."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deep_storm.errors import OutputError, SettingsError
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.io.camera_files import CameraSource, camera_of
from deep_storm.io.camera_maps import write_camera_maps
from deep_storm.io.config import load_toml, write_config
from deep_storm.io.files import atomic_path
from deep_storm.io.guard import file_key
from deep_storm.io.outputs import Outputs, name_of
from deep_storm.io.stacks.frames import open_frames
from deep_storm.progress import Progress, silent
from deep_storm.runs.background import (
    MAX_GAIN_ERROR,
    BackgroundResult,
    gain_warnings,
    measured_background,
    measured_gain,
    with_camera,
)
from deep_storm.settings import KnownCamera, Measurement

if TYPE_CHECKING:
    import numpy.typing as npt


@verb(
    "measure the camera's baseline, read noise and gain in a stack",
    Argument("stack", "stack of frames (TIFF)", label="Movie"),
    Argument(
        "output",
        "camera file (TOML) to write; an existing one is updated if it may be overwritten",
        writes=True,
        label="Save as",
    ),
    Argument("camera", "camera file from which the other values are taken"),
    Argument(
        "dark",
        "all frames were taken in the dark: measure every pixel and write camera maps",
        bool,
        label="Frames taken in the dark",
    ),
    settings=Measurement,
    known=KnownCamera,
)
def measure_background(
    stack: Path | str | npt.NDArray[np.generic],
    *,
    output: Path | str | None = None,
    camera: CameraSource | None = None,
    dark: bool = False,
    settings: Measurement = Measurement(),
    known: KnownCamera = KnownCamera(),
    overwrite: bool = False,
    progress: Progress = silent,
) -> BackgroundResult:
    """Measure baseline, read-out noise and gain, and write them into a camera file.

    The gain is derived from the noise of the frames where that determines it, and goes into the
    file when it is not given. Noise does not distinguish EM gain from half the photons, and the
    result says so.

    Parameters
    ----------
    stack
        TIFF file or array (t, y, x) in ADU.
    output
        Camera file (TOML). The pixels that were used are written beside it (``NAME-mask.png``),
        with dark frames the maps (``NAME-maps.tif``). An existing camera file is updated, when
        ``overwrite`` allows it: what was not measured stays as it is.
    camera
        Camera (or its file) to take the other values from.
    dark
        The frames were taken with the shutter closed.
    settings
        Where the dark part is, or how it is found.
    known
        Further values for the camera file.
    overwrite
        Whether existing files may be replaced.
    progress
        Called with the frames read.

    Raises
    ------
    StackError
        The stack cannot be read, has too few frames, or no dark part.
    SettingsError
        The region lies outside the frames or holds no dark pixels, or a camera file is wrong.
    OutputError
        A file exists already or cannot be written.
    """
    pixels = {"maps": "-maps.tif"} if dark else {"mask": "-mask.png"}
    outputs = Outputs.of(
        output,
        {"camera": ".toml", **pixels},
        name=f"{name_of(stack, 'stack')}_camera",
        tail="camera",
        overwrite=overwrite,
        any_ending=True,
    )
    _check_not_both(camera, outputs)
    outputs.check()
    values = {**_kept(camera, outputs.files.get("camera")), **known.model_dump(exclude_none=True)}
    with open_frames(stack) as stream:
        if stream.pixel_size_nm is not None:
            values.setdefault("pixel_size_nm", stream.pixel_size_nm)
        gain, processed = (None, ()) if dark else measured_gain(stream, values, progress)
        warnings = (*processed, *gain_warnings(gain, values))
        if gain is not None and gain.error < MAX_GAIN_ERROR * gain.value:
            values.setdefault("photons_per_adu", float(f"{gain.value:.3g}"))
        measured = measured_background(stream, dark, settings, values, progress)
    measured = replace(measured, gain=gain, warnings=(*warnings, *measured.warnings))
    found = with_camera(measured, values)
    if outputs:
        _write(found, outputs)
    return replace(found, written=outputs.written)


def _check_not_both(camera: CameraSource | None, outputs: Outputs) -> None:
    """Say how a camera file is updated, to who gives it as input and output."""
    if not outputs or not isinstance(camera, (str, os.PathLike)):
        return
    if file_key(camera) == file_key(outputs["camera"]):
        raise OutputError(
            f"{outputs['camera']} was given both as the camera and as the output",
            "only the output: an existing camera file is updated",
            "leave --camera out; --overwrite does not replace an input, but updates an output",
        )


def _kept(camera: CameraSource | None, output: Path | None) -> dict[str, Any]:
    """Return the values of the camera, or of the file that will be updated."""
    if isinstance(camera, (str, os.PathLike)):  # its file need not be complete
        source, measured_before = Path(camera), frozenset[str]()
    elif (known := camera_of(camera)) is not None:
        return known.model_dump(exclude_none=True)
    elif output is not None and output.is_file():
        source, measured_before = output, frozenset({"baseline_adu", "read_noise_adu"})
    else:
        return {}
    values = load_toml(source)
    section = values.get("camera", values)
    if not isinstance(section, dict) or any(isinstance(v, dict) for v in section.values()):
        raise SettingsError(
            f"{os.fspath(source)} holds no camera",
            "a camera file with a [camera] section",
            "give another file",
        )
    return {name: value for name, value in section.items() if name not in measured_before}


def _write(found: BackgroundResult, outputs: Outputs) -> None:
    overwrite = outputs.overwrite
    if found.maps is not None:
        with outputs.writing("maps") as path:
            write_camera_maps(path, found.maps, overwrite)
    elif found.mask is not None:
        with outputs.writing("mask") as path:
            _write_mask(path, found.mask, overwrite)
    with outputs.writing("camera") as path:
        write_config(path, {"camera": found.camera}, overwrite)


def _write_mask(path: Path, mask: npt.NDArray[np.bool_], overwrite: bool) -> None:
    """Write a mask of the pixels used: 255, the others 0."""
    from PIL import Image

    with atomic_path(path, overwrite) as partial:
        Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(partial, format="PNG")
