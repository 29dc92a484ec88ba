"""Raw movies with a text file beside them: Picasso's ``.raw`` and ``.dax``.

==========  =========  =========================================================================
movie       text       what it says
==========  =========  =========================================================================
``.raw``    ``.yaml``  ``Width``, ``Height``, ``Frames``, ``Data Type``, ``Byte Order``; the pixel
                       size in nm, where somebody noted it (``Pixelsize``)
``.dax``    ``.inf``   ``frame dimensions = WIDTH x HEIGHT``, ``number of frames``, 16 bits, big or
                       little endian
==========  =========  =========================================================================
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.errors import StackError
from deep_storm.io.foreign import damage_as
from deep_storm.io.stacks.camera_said import NOTHING, CameraSaid, said_by_micro_manager
from deep_storm.io.stacks.open_file import OpenFile
from deep_storm.io.stacks.stream import FrameStream

ENDINGS = {".raw": ".yaml", ".dax": ".inf"}
"""Ending of the text beside a movie, by the movie's."""
MAX_TEXT_BYTES = 1 << 20
_DTYPES = ("uint8", "uint16", "int16", "float32")


class About(NamedTuple):
    """Properties of a movie in its text file."""

    frames: int
    height: int
    width: int
    dtype: np.dtype[Any]
    pixel_size_nm: float | None
    camera: CameraSaid = NOTHING


class PlainFrames(FrameStream):
    """Frames of a movie without a header.

    Parameters
    ----------
    path
        The movie; its text lies beside it under the same name.
    partly
        Open also a file that is cut off.

    Raises
    ------
    StackError
        The movie or its text is missing, or the two do not fit.
    """

    def __init__(self, path: Path, partly: bool = False) -> None:
        self.name = str(path)
        notes = path.with_suffix(ENDINGS[path.suffix.lower()])
        about = _read(notes, path)
        self._stored = about.dtype
        self.dtype = about.dtype.newbyteorder("=")
        self.pixel_size_nm = about.pixel_size_nm
        self.camera_said = about.camera
        self.files = (path, notes)
        self._frame_bytes = about.height * about.width * about.dtype.itemsize
        there = path.stat().st_size // self._frame_bytes
        frames = about.frames
        if there < frames:
            problem = StackError(
                f"{path} is cut off: it has {there:,} of {frames:,} frames",
                f"{frames * self._frame_bytes:,} bytes, as {notes.name} says",
                "copy it again",
            )
            if not partly or there == 0:
                raise problem
            self.cut_off, frames = problem, there
        self.shape = (frames, about.height, about.width)
        self._file = OpenFile(path)

    def _read(self, start: int, stop: int) -> npt.NDArray[Any]:
        values = np.empty((stop - start, *self.shape[1:]), self._stored)
        start_byte = start * self._frame_bytes
        with damage_as(lambda reason: StackError(f"{self.name} cannot be read ({reason})")):
            received = self._file.read_into(start_byte, values.reshape(-1).view(np.uint8))
        if received < values.nbytes:
            raise StackError(
                f"{self.name} became shorter while it was read", "a file that stays as it is"
            )
        return values.astype(self.dtype, copy=False)

    def close(self) -> None:
        """Close the file."""
        self._file.give_up()
        self._file.close()


def _read(notes: Path, movie: Path) -> About:
    """Read the text file beside a movie."""
    if not movie.is_file():
        raise StackError(f"there is no file {movie}", "a movie", "check the spelling")
    if not notes.is_file():
        raise StackError(
            f"{movie} is nothing but pixels, and {notes.name} is not beside it",
            "the text that says how large its frames are",
            f"copy {notes.name} too, or save the movie as TIFF",
        )
    with notes.open("rb") as file:
        text = file.read(MAX_TEXT_BYTES).decode("utf-8", errors="replace")
    about = _picasso(text) if notes.suffix == ".yaml" else _dax(text)
    if about is None or min(about.frames, about.height, about.width) < 1:
        raise StackError(
            f"{notes} does not say how many frames there are, how large, and of which numbers",
            "width, height, number of frames and type of the pixels",
            "export the movie again",
        )
    return about


def _picasso(text: str) -> About | None:
    """Read Picasso's text; of several documents the first, which is the movie's."""
    first = text.partition("\n---")[0]
    found = dict(re.findall(r"^([A-Z][A-Za-z ]*):[ \t]*([^\n\r]+?)[ \t]*$", first, re.MULTILINE))
    kind = found.get("Data Type", "").strip("'\"")
    order = found.get("Byte Order", "<").strip("'\"")
    numbers = [found.get(name, "") for name in ("Frames", "Height", "Width")]
    if kind not in _DTYPES or order not in "<>" or not all(n.isdigit() for n in numbers):
        return None
    frames, height, width = map(int, numbers)
    pixel = re.search(r"^Pixelsize:[ \t]*([0-9.]+)", text, re.MULTILINE)
    size = float(pixel[1]) if pixel else None
    dtype = np.dtype(kind).newbyteorder(">" if order == ">" else "<")
    section = text.partition("Micro-Manager Metadata:")[2]
    said = re.findall(r"^[ \t]+([^:\n]+):[ \t]*'?([^'\n\r]*)'?[ \t]*$", section, re.MULTILINE)
    camera = said_by_micro_manager(dict(said))
    return About(frames, height, width, dtype, size or None, camera)


def _dax(text: str) -> About | None:
    """Read the text file beside a ``.dax``."""
    size = re.search(r"frame dimensions\s*=\s*(\d+)\s*x\s*(\d+)", text)
    count = re.search(r"number of frames\s*=\s*(\d+)", text)
    if size is None or count is None:
        return None
    dtype = np.dtype(np.uint16).newbyteorder(">" if "big endian" in text else "<")
    return About(int(count[1]), int(size[2]), int(size[1]), dtype, None)
