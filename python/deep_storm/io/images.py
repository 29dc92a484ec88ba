"""Images and stacks as TIFF with a scale that Fiji shows."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from deep_storm.errors import StackError
from deep_storm.io import mapped
from deep_storm.io.files import atomic_path
from deep_storm.io.marks import OURS
from deep_storm.io.pyramid import write_pyramid
from deep_storm.io.stacks.tiff import TiffFrames
from deep_storm.words import counted

CAMERA_TYPES = tuple(np.dtype(kind) for kind in (np.uint16, np.int16, np.float32))
MAX_IMAGEJ_FRAME_BYTES = 2**32 - 2**16
"""A classic TIFF, the only kind with ImageJ's description, holds no larger frame."""
_SHOWN_PERCENTILE = 99.7
_MAX_LOOKED_AT = 2**22
"""Pixels, about, for the display range."""


def write_image(
    path: str | os.PathLike[str],
    image: npt.NDArray[Any],
    pixel_size_nm: float,
    overwrite: bool = False,
    mark: str = OURS,
) -> None:
    """Write a super-resolution image: float32, ImageJ TIFF, scale in µm.

    ImageJ opens it with a display range from 0 to the 99.7th percentile. A larger image than is
    held in memory is written as BigTIFF in tiles with a pyramid (:mod:`deep_storm.io.pyramid`),
    which Fiji opens with Bio-Formats (ImageJ's own reader knows no BigTIFF).

    Parameters
    ----------
    path
        The TIFF file.
    image
        (y, x) numbers.
    pixel_size_nm
        Edge of a pixel of the image.
    overwrite
        Whether an existing file may be replaced.
    mark
        What the file says wrote it, see :mod:`deep_storm.io.marks`.

    Raises
    ------
    StackError
        The image is not (y, x), or has no pixels.
    OutputError
        The file exists already or cannot be written.
    """
    values = np.asanyarray(image, dtype=np.float32)
    if values.ndim != 2 or values.size == 0:
        raise StackError(f"the image has the shape {values.shape}", "(height, width)")
    if values.size > mapped.MAX_PIXELS_IN_MEMORY:
        write_pyramid(path, values, pixel_size_nm, overwrite, mark)
        return
    low, high = display_range(values)
    about = {"axes": "YX", "min": low, "max": high}
    _write_imagej(path, values, pixel_size_nm, about, overwrite, software=mark)


def write_slices(
    path: str | os.PathLike[str],
    slices: npt.NDArray[np.float32],
    pixel_size_nm: float,
    slice_nm: float,
    info: str = "",
    overwrite: bool = False,
) -> None:
    """Write a z-stack: float32, ImageJ hyperstack with its scale in µm along all axes.

    Parameters
    ----------
    path
        The TIFF file.
    slices
        (z, y, x).
    pixel_size_nm, slice_nm
        Edge of a pixel, and distance of the slices.
    info
        What ImageJ shows with *Show Info...*.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    low, high = display_range(slices)
    about = {"axes": "ZYX", "spacing": slice_nm / 1000.0, "min": low, "max": high}
    _write_imagej(path, slices, pixel_size_nm, about | ({"Info": info} if info else {}), overwrite)


def write_bands(
    path: str | os.PathLike[str],
    bands: Iterable[npt.NDArray[Any]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    pixel_size_nm: float,
    metadata: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write an image that is produced in bands of rows and need not fit into memory.

    ImageJ TIFF with its scale in µm; beyond 4 GB BigTIFF, as in :func:`write_image`.

    Parameters
    ----------
    path
        The TIFF file.
    bands
        (rows, x) each, or (rows, x, 3) of uint8 in colour, from top to bottom.
    shape
        Of the whole image: (y, x) or (y, x, 3).
    dtype
        Of the bands.
    pixel_size_nm
        Edge of a pixel of the image.
    metadata
        More lines for ImageJ's description, such as its display range ``min`` and ``max``.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    colour = len(shape) == 3
    large = int(np.prod(shape)) * dtype.itemsize > MAX_IMAGEJ_FRAME_BYTES
    per_um = 1000.0 / pixel_size_nm
    described: dict[str, Any] = {"unit": "um", **(metadata or {})}
    kind: dict[str, Any] = (
        {
            "bigtiff": True,
            "resolution": (1e4 * per_um, 1e4 * per_um),
            "resolutionunit": "CENTIMETER",
            "metadata": None,
        }
        if large
        else {
            "imagej": True,
            "resolution": (per_um, per_um),
            "metadata": {"axes": "YXS" if colour else "YX", **described},
        }
    )
    with atomic_path(path, overwrite) as partial:
        # The file is laid out first, then its pixels are filled in where they belong.
        tifffile.imwrite(
            partial,
            shape=shape,
            dtype=dtype,
            photometric="rgb" if colour else "minisblack",
            software=OURS,
            **kind,
        )
        with tifffile.TiffFile(partial) as tif:
            start, order = tif.pages[0].dataoffsets[0], tif.byteorder  # type: ignore[union-attr]
        with partial.open("r+b") as file:
            file.seek(start)
            for band in bands:
                file.write(np.ascontiguousarray(band, dtype.newbyteorder(order)).data)


def write_stack(
    path: str | os.PathLike[str],
    stack: npt.NDArray[Any],
    pixel_size_nm: float,
    overwrite: bool = False,
) -> None:
    """Write camera frames: 16 bit (others as float32), ImageJ TIFF, scale in µm.

    Beyond 4 GB the frames lie behind a single directory, as ImageJ itself writes them.

    Parameters
    ----------
    path
        The TIFF file.
    stack
        (t, y, x), uint16; int16 or float32 where the camera's baseline is negative.
    pixel_size_nm
        Edge of a camera pixel.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    StackError
        The stack is not (t, y, x) of such numbers, or has no frames.
    OutputError
        The file exists already or cannot be written.
    """
    values = np.asarray(stack)
    if values.ndim != 3 or values.size == 0 or values.dtype not in CAMERA_TYPES:
        raise StackError(
            f"the stack to write has the shape {values.shape} and the type {values.dtype}",
            "(frames, height, width) of uint16, int16 or float32",
        )
    values = values.astype(written_as(values.dtype), copy=False)
    shown = values[0]
    about = _movie_metadata((float(shown.min()), float(shown.max())))
    _write_imagej(path, values, pixel_size_nm, about, overwrite)


def written_as(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which camera frames are written: ImageJ has no signed 16 bits."""
    return dtype if dtype == np.uint16 else np.dtype(np.float32)


def write_movie(
    path: str | os.PathLike[str],
    frames: Iterator[npt.NDArray[Any]],
    shape: tuple[int, int, int],
    shown: tuple[float, float],
    pixel_size_nm: float,
    overwrite: bool = False,
    dtype: np.dtype[Any] = CAMERA_TYPES[0],
) -> None:
    """Write camera frames one by one, in the format of :func:`write_stack`.

    Parameters
    ----------
    path
        The TIFF file.
    frames
        As many (y, x) frames as ``shape`` says.
    shape
        Frames, height, width.
    shown
        Pixel values that ImageJ shows as black and white.
    pixel_size_nm
        Edge of a camera pixel.
    overwrite
        Whether an existing file may be replaced.
    dtype
        Of the frames, as :func:`written_as` says.

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    about = _movie_metadata(shown)
    _write_imagej(path, frames, pixel_size_nm, about, overwrite, shape=shape, dtype=dtype)


def _movie_metadata(shown: tuple[float, float]) -> dict[str, Any]:
    return {"axes": "TYX", "min": shown[0], "max": shown[1], "loop": False}


def read_image(
    path: str | os.PathLike[str],
) -> tuple[npt.NDArray[np.float32], float | None]:
    """Read a TIFF with one grey image.

    Returns
    -------
    image
        (y, x), float32.
    pixel_size_nm
        Edge of a pixel as the file has it, or None.

    Raises
    ------
    StackError
        The file cannot be read, or holds more than one frame.
    """
    with TiffFrames(path) as frames:
        if frames.shape[0] != 1:
            raise StackError(
                f"{path} holds {counted(frames.shape[0], 'frame')}",
                "a single image",
                "save one frame, or a projection (Image > Stacks > Z Project...)",
            )
        return frames.read(0, 1)[0].astype(np.float32), frames.pixel_size_nm


def _write_imagej(
    path: str | os.PathLike[str],
    values: npt.NDArray[Any] | Iterator[npt.NDArray[Any]],
    pixel_size_nm: float,
    metadata: dict[str, Any],
    overwrite: bool,
    **layout: Any,
) -> None:
    per_um = 1000.0 / pixel_size_nm
    with atomic_path(path, overwrite) as partial:
        tifffile.imwrite(
            partial,
            values,
            imagej=True,
            resolution=(per_um, per_um),
            metadata={"unit": "um", **metadata},
            **{"software": OURS, **layout},
        )


def display_range(values: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return ImageJ's display range, both limits finite and different.

    Of a large image, pixels on a grid are looked at: a copy of all would need as much memory again.
    """
    step = math.isqrt(max(values.size // _MAX_LOOKED_AT, 1))
    seen = values[..., ::step, ::step]
    numbers = seen[np.isfinite(seen)]
    if numbers.size == 0:
        return 0.0, 1.0
    low = min(0.0, float(numbers.min()))
    high = float(np.percentile(numbers, _SHOWN_PERCENTILE))
    if high <= low:  # a sparse image is black in 99.7 % of its pixels
        high = float(np.max(values, where=np.isfinite(values), initial=low))
    return low, high if high > low else low + 1.0
