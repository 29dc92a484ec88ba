"""Simulations that ThunderSTORM made: a stack with its ground truth, checked and described."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import CameraError
from deep_storm.estimation.matching import Matched, match_settings
from deep_storm.inputs.tables import TableSource, table_of
from deep_storm.io.camera_files import check_camera
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.io.tables.protocol import find_protocol, read_protocol
from deep_storm.simulation.imported import check_truth


@dataclass(frozen=True)
class ReadSimulation:
    """A stack with its ground truth.

    Attributes
    ----------
    shape, pixel_size_nm
        Of the stack: frames, height, width.
    table
        The ground truth.
    camera
        As given, or as the protocol beside the files says; None when neither is there.
    camera_origin
        Where the camera comes from, in words.
    matched
        Settings of a simulation that looks like this one.
    """

    shape: tuple[int, int, int]
    pixel_size_nm: float
    table: pd.DataFrame
    camera: Camera | None
    camera_origin: str
    matched: Matched


def read_simulation(
    stack: Path | str | npt.NDArray[np.generic], truth: TableSource, camera: Camera | None = None
) -> ReadSimulation:
    """Check that a ground truth belongs to a stack, and describe both.

    Parameters
    ----------
    stack
        TIFF file or array (t, y, x).
    truth
        Ground truth (CSV), or a table in memory.
    camera
        By default as ThunderSTORM's protocol beside the table or the stack says.

    Raises
    ------
    StackError
        The stack cannot be read.
    TableError
        The truth cannot be read, or does not belong to the stack.
    CameraError
        The camera contradicts the stack, or nothing says how large a pixel is.
    """
    origin = "as given"
    if camera is None:
        camera, origin = _camera_beside(truth, stack)
    with open_frames(stack) as stream:
        if camera is not None:
            check_camera(camera, stream)
        table = table_of(truth, "ground truth", camera)
        frames, height, width = stream.shape
        pixel_size_nm = _pixel_size_nm(camera, stream)
        check_truth(table, stream, pixel_size_nm)
    field_um2 = height * width * (pixel_size_nm / 1000.0) ** 2
    matched = match_settings(table, field_um2, frames)
    return ReadSimulation((frames, height, width), pixel_size_nm, table, camera, origin, matched)


def _camera_beside(*sources: object) -> tuple[Camera | None, str]:
    """Find ThunderSTORM's protocol beside one of the files."""
    for source in sources:
        path = find_protocol(source) if isinstance(source, (str, Path)) else None
        if path is not None:
            return read_protocol(path), f"as {path.name} says"
    return None, "unknown: give --camera camera.toml, no protocol lies beside the files"


def _pixel_size_nm(camera: Camera | None, stream: FrameStream) -> float:
    """Return the pixel size that the camera or the file says."""
    pixel_size_nm = camera.pixel_size_nm if camera is not None else stream.pixel_size_nm
    if pixel_size_nm is None:
        raise CameraError(
            f"the pixel size of {stream.name} is unknown",
            "a camera, or a scale in the file",
            "give --camera camera.toml, or set the scale in Fiji (Image > Properties...)",
        )
    return pixel_size_nm
