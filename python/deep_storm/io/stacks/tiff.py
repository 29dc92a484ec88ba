"""Stacks in TIFF files of any flavour that tifffile reads, opened lazily.

ImageJ (also beyond 4 GB, where ImageJ writes one directory and the frames behind it in one
piece), OME-TIFF in one or several files, BigTIFF, compressed and plain multi-page files. Frames
that lie in one piece are read straight from the disk, others page by page; the whole stack is
never in memory.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from deep_storm.errors import StackError
from deep_storm.io.sniff import describe_content
from deep_storm.io.stacks.calibration import pixel_size_nm_of
from deep_storm.io.stacks.stream import (
    Frames,
    FrameStream,
    check_dtype,
    check_first_frame,
    check_size,
)
from deep_storm.io.stacks.tiff_checks import check_complete, only_series, stack_shape

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

# tifffile logs what it thinks of a damaged file; our errors say it in our words
logging.getLogger("tifffile").addHandler(logging.NullHandler())


class TiffFrames(FrameStream):
    """A stack in a TIFF.

    Parameters
    ----------
    path
        The file (the first one, of an OME-TIFF in several files). Time may be stored as T or Z.

    Raises
    ------
    StackError
        The file is missing, not a TIFF, colour, has channels or both T and Z, no frames, is
        truncated (the frame is named), or promises more pixels than it holds.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self.name = self._path.name
        self.files = (self._path,)
        self._lock = Lock()
        with ExitStack() as opened:
            self._file = open_tiff(self._path)
            opened.callback(self._file.close)
            with as_stack_error(self.name):
                self._describe()
            self._raw = self._path.open("rb")
            opened.callback(self._raw.close)
            self.read(0, 1)  # a compression that nobody here can decode is told now, not later
            check_first_frame(self)
            opened.pop_all()

    def __reduce__(self) -> tuple[type[TiffFrames], tuple[Path]]:
        """Travel as a path: another process opens the file itself."""
        return TiffFrames, (self._path.absolute(),)

    def _describe(self) -> None:
        self._series: TiffPageSeries = only_series(self._file, self.name)
        self.shape = stack_shape(self._series, self.name)
        check_size(self.shape, self.name)
        check_dtype(self._series.dtype, self.name)
        self.shape, self._offset = check_complete(self._file, self._series, self.shape, self.name)
        self._stored = self._series.dtype.newbyteorder(self._file.byteorder)
        self.dtype = self._series.dtype.newbyteorder("=")
        self.pixel_size_nm = pixel_size_nm_of(self._file)

    def _read(self, start: int, stop: int) -> Frames:
        with self._lock:
            if self._raw.closed:
                raise StackError(f"{self.name} is closed", advice="open it again to read frames")
            if start == stop:
                return np.empty((0, *self.shape[1:]), self.dtype)
            if self._offset is not None:
                return self._read_contiguous(self._offset, start, stop)
            return self._read_pages(start, stop)

    def _read_contiguous(self, offset: int, start: int, stop: int) -> Frames:
        """Read frames that lie one behind the other in the file."""
        frames = np.empty((stop - start, *self.shape[1:]), self._stored)
        with as_stack_error(self.name):
            self._raw.seek(offset + start * frames[0].nbytes)
            received = self._raw.readinto(frames.view(np.uint8).data)
        if received != frames.nbytes:
            readable = start + received // frames[0].nbytes
            raise StackError(
                f"{self.name} ends within frame {readable + 1} of {self.shape[0]}",
                "a whole file",
                f"copy the file again, or use only frames 1 to {readable}",
            )
        if self._stored != self.dtype:
            frames = frames.byteswap(inplace=True).view(self.dtype)
        return frames

    def _read_pages(self, start: int, stop: int) -> Frames:
        """Read frames that are compressed or scattered; a damaged one is named."""
        try:
            with as_stack_error(self.name):
                return self._decode(start, stop)
        except StackError as error:
            if stop - start == 1:
                raise StackError(
                    f"frame {start + 1} of {self.shape[0]} in {self.name} cannot be read "
                    f"({error.received.partition(': ')[2]})",
                    "a whole, readable file",
                    "copy the file again, or save it without compression in Fiji",
                ) from error
        for frame in range(start, stop):
            self._read_pages(frame, frame + 1)
        raise StackError(f"{self.name} cannot be read", advice="copy the file again")

    def _decode(self, start: int, stop: int) -> Frames:
        with ExitStack() as opened:
            page = self._series[start]
            # tifffile opens the other files of a set itself, but not for a single page
            if page is not None and stop - start == 1 and page.parent.filehandle.closed:
                page.parent.filehandle.open()
                opened.callback(page.parent.filehandle.close)
            values = self._file.asarray(key=slice(start, stop), series=self._series)
        frames = np.asarray(values).reshape(stop - start, *self.shape[1:])
        return frames.astype(self.dtype, copy=False)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._raw.close()
            self._file.close()


def open_tiff(path: str | os.PathLike[str]) -> TiffFile:
    """Open a TIFF; raise a StackError that says what the file is instead."""
    import tifffile

    path = Path(path)
    if path.is_dir():
        raise StackError(
            f"{path} is a folder", "a TIFF file", "give the path of one file inside it"
        )
    if not path.exists():
        raise StackError(
            f"there is no file {path}", "a TIFF file", "check the spelling and the folder"
        )
    with as_stack_error(path.name):
        content = describe_content(path)
    if not content.endswith("TIFF"):
        raise StackError(
            f"{path} is not a TIFF: it looks like {content}",
            "a TIFF stack",
            "open it in Fiji and save it as TIFF (File > Save As > Tiff...)",
        )
    with as_stack_error(path.name):
        return tifffile.TiffFile(path)


@contextmanager
def as_stack_error(name: str) -> Iterator[None]:
    """Turn what a TIFF library raises on a damaged file into one sentence."""
    import lzma
    import struct
    import zlib

    trouble: tuple[type[Exception], ...] = (
        OSError,
        ValueError,  # tifffile.TiffFileError too
        RuntimeError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        AssertionError,
        EOFError,
        MemoryError,
        struct.error,
        zlib.error,
        lzma.LZMAError,
    )
    try:
        yield
    except trouble as error:
        reason: Any = str(error).partition("\n")[0] or type(error).__name__
        raise StackError(
            f"{name} is damaged or of a kind that cannot be read: {reason}",
            "a whole TIFF stack",
            "copy the file again, or open it in Fiji and save it as TIFF",
        ) from error
