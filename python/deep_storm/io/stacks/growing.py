"""A TIFF that is still being written: which of its frames are whole.

Two ways of growing are known: directories in a chain, one for each frame (also compressed), as most
programs append; and ImageJ's, a single directory and the frames behind it in one piece.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deep_storm.errors import StackError
from deep_storm.io.stacks.calibration import pixel_size_nm_of
from deep_storm.io.stacks.stream import Frames
from deep_storm.io.stacks.tiff import as_stack_error

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage


class GrowingTiff:
    """Frames of a file as far as they are written.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    count
        Whole frames at the last :meth:`look`.
    frame_shape, dtype, pixel_size_nm
        Of the frames, once there is one.
    is_whole
        Whether the file ended with a whole frame then; it may still grow.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.frame_shape = (0, 0)
        self.dtype = np.dtype(np.uint16)
        self.pixel_size_nm: float | None = None
        self.is_whole = False
        self._directories: list[int] = []
        self._piece: int | None = None
        self._promised = 0
        self._seen = (-1, -1)

    def look(self, again: bool = False) -> int:
        """Count the whole frames; return the size of the file, in bytes.

        Parameters
        ----------
        again
            Look also into a file that seems unchanged.

        Raises
        ------
        StackError
            The file cannot be opened, or holds colours.
        """
        import tifffile

        try:
            state = self.path.stat()
            seen = (state.st_size, state.st_mtime_ns)
            if seen == self._seen and not again:
                return state.st_size
            self._seen = seen
            with tifffile.TiffFile(self.path) as tif:
                self._count(tif)
        except (tifffile.TiffFileError, struct.error, TypeError, ValueError, KeyError, IndexError):
            self.is_whole = False  # not even its first directory is whole
        except OSError as error:
            raise StackError(
                f"{self.path.name} cannot be read: {error.strerror or error}",
                "a file that is there while it is watched",
                "look at the disk, then go on with --resume",
            ) from error
        return self._seen[0]

    def _count(self, tif: TiffFile) -> None:
        if not self._directories and not self._described(tif):
            self.is_whole = False
            return
        if self._piece is not None:
            frame_bytes = self.frame_shape[0] * self.frame_shape[1] * self.dtype.itemsize
            behind = max(tif.filehandle.size - self._piece, 0)
            self.count = min(behind // frame_bytes, self._promised)
            self.is_whole = self.count == self._promised
            return
        self.is_whole = False
        at = self._after(tif, self._directories[-1]) if self._directories else _first(tif)
        while at:
            page = _page(tif, at, len(self._directories))
            if not _is_whole(page, tif.filehandle.size):
                return
            self._directories.append(at)
            self.count = len(self._directories)
            at = self._after(tif, at)
        self.is_whole = self.count > 0

    def _described(self, tif: TiffFile) -> bool:
        """Read what all frames have in common from the first directory, once it is whole."""
        at = _first(tif)
        page = _page(tif, at, 0) if at else None
        if page is None or page.dtype is None or len(page.shape) < 2:
            return False
        if len(page.shape) > 2:
            raise StackError(
                f"{self.path.name} is a colour image or has several planes a page",
                "grey values",
                "save the raw camera frames",
            )
        self.frame_shape = (page.shape[0], page.shape[1])
        self.dtype = page.dtype.newbyteorder("=")
        self.pixel_size_nm = pixel_size_nm_of(tif)
        about = (tif.imagej_metadata or {}) if tif.is_imagej else {}
        self._promised = int(about.get("images", 0))
        if self._promised > 1 and page.is_final and not self._after(tif, at):
            self._piece = int(page.dataoffsets[0])
            self._directories = [at]
        return True

    def _after(self, tif: TiffFile, at: int) -> int:
        """Return where the next directory lies, 0 when there is none yet."""
        tif.filehandle.seek(at)
        form = tif.tiff
        tags = struct.unpack(form.tagnoformat, tif.filehandle.read(form.tagnosize))[0]
        tif.filehandle.seek(at + form.tagnosize + tags * form.tagsize)
        return int(struct.unpack(form.offsetformat, tif.filehandle.read(form.offsetsize))[0])

    def read(self, start: int, stop: int) -> Frames:
        """Return frames, (n, y, x).

        Raises
        ------
        StackError
            The file is damaged there, or not there any more.
        """
        import tifffile

        frames = np.empty((stop - start, *self.frame_shape), self.dtype)
        with as_stack_error(self.path.name), tifffile.TiffFile(self.path) as tif:
            if self._piece is not None:
                stored = self.dtype.newbyteorder(tif.byteorder)
                tif.filehandle.seek(self._piece + start * frames[:1].nbytes)
                raw = tif.filehandle.read(frames.nbytes)
                frames[...] = np.frombuffer(raw, stored).reshape(frames.shape)
            else:
                for number in range(start, stop):
                    frames[number - start] = _page(tif, self._directories[number], number).asarray()
        return frames


def _first(tif: TiffFile) -> int:
    """Return where the first directory lies, 0 when there is none yet."""
    form = tif.tiff
    tif.filehandle.seek(4 if form.offsetsize == 4 else 8)
    return int(struct.unpack(form.offsetformat, tif.filehandle.read(form.offsetsize))[0])


def _page(tif: TiffFile, at: int, number: int) -> TiffPage:
    import tifffile

    tif.filehandle.seek(at)
    return tifffile.TiffPage(tif, number)


def _is_whole(page: TiffPage, size: int) -> bool:
    stored = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    return bool(stored) and all(start > 0 < n and start + n <= size for start, n in stored)
