"""OME-Zarr (https://ngff.openmicroscopy.org, versions 0.4 and 0.5): a folder of compressed chunks.

Which axes there are, and the pixel size, is in the attributes of the group::

    "multiscales": [{"axes": [{"name": "t"}, …, {"name": "x", "unit": "micrometer"}],
                     "datasets": [{"path": "0", "coordinateTransformations":
                                   [{"type": "scale", "scale": [1, 1, 1, 0.1, 0.1]}]}]}]

Version 0.5 has them below ``ome``. The first dataset is the full resolution.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.errors import StackError
from deep_storm.io.foreign import damage_as
from deep_storm.io.stacks.calibration import nm_per_unit, square_pixel_nm
from deep_storm.io.stacks.foreign.library import check_frame, check_inside, frame_axis, library
from deep_storm.io.stacks.stream import FrameStream, check_dtype, check_size

ENDING = ".zarr"
MAX_CHUNK_BYTES = 1 << 30
"""A chunk is decompressed whole."""


class ZarrFrames(FrameStream):
    """Frames of an OME-Zarr, read chunk by chunk.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    StackError
        It is no OME-Zarr, has several channels or positions, or zarr is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        zarr = library("zarr", path, "an OME-Zarr")
        if not path.is_dir():
            raise StackError(f"there is no folder {path}", "an OME-Zarr", "check the spelling")
        self.files = check_inside(path)
        with damage_as(self._damage):
            image = _multiscale(dict(zarr.open_group(str(path), mode="r").attrs))
            axes = [str(axis["name"]).lower() for axis in image["axes"]]
            first = image["datasets"][0]
            place = Path(str(first["path"]))
            if place.is_absolute() or ".." in place.parts:
                raise StackError(f"{path} names data elsewhere: {place}", "data in its own folder")
            array = zarr.open_array(str(path / place), mode="r")
            size_nm = _pixel_size_nm(image["axes"], first, axes)
        self._check(array, axes, path)
        self._array = array
        height, width = array.shape[-2:]
        sizes = dict(zip(axes[:-2], array.shape[:-2], strict=True))
        self._axis = frame_axis(sizes, path)
        self._axes = axes[:-2]
        self.shape = (sizes[self._axis] if self._axis else 1, height, width)
        check_size(self.shape, self.name)
        self.dtype = np.dtype(array.dtype).newbyteorder("=")
        self.pixel_size_nm = size_nm

    def _check(self, array: Any, axes: list[str], path: Path) -> None:
        """Refuse what is no stack of frames, and sizes that no movie has."""
        if axes[-2:] != ["y", "x"] or len(axes) != array.ndim:
            raise StackError(
                f"{path} has the axes {', '.join(axes)} and {array.ndim} dimensions",
                "axes that end with y, x",
                "export it again",
            )
        dtype = np.dtype(array.dtype)
        check_dtype(dtype, self.name)
        check_frame(tuple(array.shape[-2:]), dtype.itemsize, path)
        if math.prod(array.chunks) * dtype.itemsize > MAX_CHUNK_BYTES:
            raise StackError(
                f"{path} has chunks of {' × '.join(map(str, array.chunks))} values",
                f"chunks of at most {MAX_CHUNK_BYTES >> 20} MiB",
                "write it with smaller chunks",
            )

    def _damage(self, reason: str) -> StackError:
        return StackError(
            f"{self.name} cannot be read as OME-Zarr ({reason})",
            "a folder with multiscales in its attributes, as version 0.4 or 0.5 has them",
            "export it again, or save the movie as TIFF",
        )

    def _read(self, start: int, stop: int) -> npt.NDArray[Any]:
        chosen = [slice(start, stop) if axis == self._axis else 0 for axis in self._axes]
        with damage_as(self._damage):
            values = np.asarray(self._array[tuple(chosen)])
        return values.reshape(stop - start, *self.shape[1:]).astype(self.dtype)


def _multiscale(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the description of the first image, in version 0.4 or 0.5."""
    found = attributes.get("ome", attributes)["multiscales"][0]
    if not found["axes"] or not found["datasets"]:
        raise ValueError("no axes or datasets")
    return dict(found)


def _pixel_size_nm(
    described: list[dict[str, Any]], dataset: dict[str, Any], axes: list[str]
) -> float | None:
    """Return the edge of a pixel, None without a unit."""
    scales = [
        step["scale"]
        for step in dataset.get("coordinateTransformations", ())
        if step.get("type") == "scale"
    ]
    units = [nm_per_unit(str(described[axes.index(name)].get("unit", ""))) for name in ("y", "x")]
    if len(scales) != 1 or len(scales[0]) != len(axes) or None in units:
        return None
    y_nm, x_nm = (
        float(size) * (unit or 0.0) for size, unit in zip(scales[0][-2:], units, strict=True)
    )
    return square_pixel_nm(x_nm, y_nm)
