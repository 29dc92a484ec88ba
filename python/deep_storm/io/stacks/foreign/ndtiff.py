"""NDTiff (Micro-Manager, Pycro-Manager): a folder of TIFFs with an index of where each frame is."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.errors import StackError
from deep_storm.io.foreign import damage_as
from deep_storm.io.stacks.calibration import square_pixel_nm
from deep_storm.io.stacks.camera_said import said_by_micro_manager
from deep_storm.io.stacks.foreign.library import check_frame, check_inside, frame_axis, library
from deep_storm.io.stacks.stream import FrameStream, check_dtype, check_size

INDEX = "NDTiff.index"
"""By this file such a folder is known."""
_ONE_BYTE = (0, 2)
"""Kinds of pixels of 8 bits, grey and colours; all others take two bytes."""
_SIZES = ("PixelSizeUm", "PixelSize_um")
"""What frames and the whole say of the pixel size; 0 and 1 are placeholders."""


class NdTiffFrames(FrameStream):
    """Frames of an NDTiff dataset, one by one.

    Parameters
    ----------
    path
        The folder with the index.

    Raises
    ------
    StackError
        It is damaged, has several channels or positions, or ndstorage is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        ndstorage = library("ndstorage", path, "an NDTiff dataset")
        self.files = check_inside(path)
        with damage_as(self._damage), _silent():  # the library prints what it is doing
            self._data = ndstorage.NDTiffDataset(str(path))
        try:
            with damage_as(self._damage):
                self._look(path)
        except BaseException:
            self.close()
            raise

    def _look(self, path: Path) -> None:
        """Find the frames, and read the first one."""
        self._places = self._frames(path)
        self._check_places(path)
        first = np.asarray(self._data.read_image(**self._places[0]))
        about = self._data.read_metadata(**self._places[0]) or {}
        self.pixel_size_nm = self._pixel_size_nm(about)
        self.camera_said = said_by_micro_manager(about)
        check_dtype(first.dtype, self.name)
        if first.ndim != 2:
            raise StackError(f"{path} has colours", "grey frames", "give the raw camera frames")
        self.shape = (len(self._places), *first.shape)
        check_size(self.shape, self.name)
        self.dtype = first.dtype.newbyteorder("=")

    def _frames(self, path: Path) -> list[dict[str, Any]]:
        """Return the coordinates of all frames, in their order."""
        found = [dict(key) for key in self._data.index]
        names = sorted({name for place in found for name in place})
        sizes = {name: len({place.get(name) for place in found}) for name in names}
        axis = frame_axis(sizes, path)
        return found if axis is None else sorted(found, key=lambda place: place[axis])

    def _check_places(self, path: Path) -> None:
        """Check that each frame lies in one of the files, before any is read."""
        room = {file.name: file.stat().st_size for file in self.files if file.parent == path}
        for entry in self._data.index.values():
            height, width = int(entry["image_height"]), int(entry["image_width"])
            itemsize = 1 if entry["pixel_type"] in _ONE_BYTE else 2
            check_frame((height, width), itemsize, path)
            end = int(entry["pix_offset"]) + height * width * itemsize
            if end > room.get(entry["filename"], 0):
                raise StackError(
                    f"{path} has a frame that lies beyond the end of {entry['filename']!r}",
                    "all files of the dataset, complete",
                    "copy the folder again",
                )

    def _pixel_size_nm(self, about: Mapping[str, Any]) -> float | None:
        said = [source.get(name) for source in (about, self._data.summary_metadata or {})
                for name in _SIZES]  # fmt: skip
        size_um = next((float(value) for value in said if value), 0.0)
        return None if size_um == 1.0 else square_pixel_nm(size_um * 1e3, size_um * 1e3)

    def _damage(self, reason: str) -> StackError:
        return StackError(
            f"{self.name} cannot be read as NDTiff ({reason})",
            "a folder as Micro-Manager wrote it",
            "copy the folder again, or save the movie as TIFF",
        )

    def _read(self, start: int, stop: int) -> npt.NDArray[Any]:
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype)
        with damage_as(self._damage):
            for k, place in enumerate(self._places[start:stop]):
                frames[k] = self._data.read_image(**place)
        return frames

    def close(self) -> None:
        """Close the files."""
        self._data.close()


@contextlib.contextmanager
def _silent() -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        yield
