"""CZI (ZEISS ZEN): one file with planes and their description as XML."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.errors import StackError
from deep_storm.io.foreign import check_regular, damage_as
from deep_storm.io.stacks.calibration import square_pixel_nm
from deep_storm.io.stacks.camera_said import said_by_zen
from deep_storm.io.stacks.foreign.library import check_frame, frame_axis, library
from deep_storm.io.stacks.stream import FrameStream, check_size

ENDING = ".czi"
_DTYPES: dict[str, np.dtype[Any]] = {
    "Gray8": np.dtype(np.uint8),
    "Gray16": np.dtype(np.uint16),
    "Gray32Float": np.dtype(np.float32),
}
_MIN_PLANE_BYTES = 128
"""No plane takes less in a file: its header alone is longer."""


class CziFrames(FrameStream):
    """Frames of a CZI, one by one.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    StackError
        It is no CZI, has colours, several channels or scenes, or pylibCZIrw is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        size = check_regular(path, StackError, "a movie")
        czi = library("pylibCZIrw.czi", path, "a CZI")
        self.files = (path,)
        self._lock = threading.Lock()  # the library says nothing about threads
        with damage_as(self._damage):
            self._opened = czi.open_czi(str(path))
            self._movie = self._opened.__enter__()
        try:
            with damage_as(self._damage):
                self._look(path, size)
        except BaseException:
            self.close()
            raise

    def _look(self, path: Path, size: int) -> None:
        """Read sizes, kind of pixels and scale; no frame."""
        box = {name: end - begin for name, (begin, end) in self._movie.total_bounding_box.items()}
        height, width = box.pop("Y"), box.pop("X")
        kinds = set(self._movie.pixel_types.values())
        if len(kinds) != 1 or not kinds <= _DTYPES.keys():
            raise StackError(
                f"{path} has pixels of the kinds {', '.join(sorted(map(str, kinds))) or 'none'}",
                f"one of {', '.join(_DTYPES)}",
                "give the raw camera frames",
            )
        if len(self._movie.scenes_bounding_rectangle) > 1:
            raise StackError(f"{path} has several scenes", "one", "export one scene")
        self._kind = kinds.pop()
        self.dtype = _DTYPES[self._kind]
        check_frame((height, width), self.dtype.itemsize, path)
        self._axis = frame_axis(box, path)
        count = box[self._axis] if self._axis else 1
        if count * _MIN_PLANE_BYTES > size:
            raise StackError(f"{path} says {count:,} frames, more than it has room for")
        self.shape = (count, height, width)
        check_size(self.shape, self.name)
        self.pixel_size_nm = _pixel_size_nm(self._movie.metadata)
        self.camera_said = said_by_zen(self._movie.metadata)

    def _damage(self, reason: str) -> StackError:
        return StackError(
            f"{self.name} cannot be read as CZI ({reason})",
            "a file as ZEN wrote it",
            "copy the file again, or export it as TIFF",
        )

    def _read(self, start: int, stop: int) -> npt.NDArray[Any]:
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype)
        with self._lock, damage_as(self._damage):
            for k in range(start, stop):
                plane = {self._axis: k} if self._axis else {}
                values = self._movie.read(plane=plane, pixel_type=self._kind)
                frames[k - start] = values.reshape(self.shape[1:])
        return frames

    def close(self) -> None:
        """Close the file."""
        self._opened.__exit__(None, None, None)


def _pixel_size_nm(about: Any) -> float | None:
    """Return the edge of a pixel that the description says, in metres there."""
    try:
        items = about["ImageDocument"]["Metadata"]["Scaling"]["Items"]["Distance"]
        sizes = {item["@Id"]: float(item["Value"]) * 1e9 for item in items}
        return square_pixel_nm(sizes["X"], sizes["Y"])
    except (KeyError, TypeError, ValueError):
        return None
