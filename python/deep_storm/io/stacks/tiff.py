"""Stacks in TIFF files of all kinds, opened lazily.

ImageJ (also beyond 4 GB, where ImageJ writes one directory and the frames behind it in one
piece), OME-TIFF and Micro-Manager in one or several files, MetaMorph, BigTIFF, compressed and plain
multi-page files. The pages decide what the frames are; what the texts of those programs say is
compared with them and reported. Frames that lie in one piece are read straight from the disk,
others page by page; the whole stack is never in memory.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from deep_storm.errors import StackError
from deep_storm.io.stacks.calibration import pixel_size_nm_of
from deep_storm.io.stacks.sets import Movie, movie_of
from deep_storm.io.stacks.stream import (
    Frames,
    FrameStream,
    check_dtype,
    check_first_frame,
    check_size,
)
from deep_storm.words import counted

if TYPE_CHECKING:
    from deep_storm.io.stacks.pages import Cut, TiffPages

_MAX_CHANNELS = 7
"""What ImageJ shows as channels. Longer "channel" axes are frames: tifffile's ``imwrite(...,
imagej=True)`` calls the first axis of a plain (t, y, x) array so."""
_MAX_OPEN = 16


class TiffFrames(FrameStream):
    """A stack in a TIFF.

    Parameters
    ----------
    path
        The file (the first one, of a movie in several files). Time may be stored as T or Z.
    partly
        Open also a file that is cut off, or a set of which a file is missing: the stream has the
        frames before, and :attr:`cut_off` the error.

    Raises
    ------
    StackError
        The file is missing, not a TIFF, colour, has channels or both T and Z, no frames, is
        truncated (the frame is named), or promises more pixels than it holds.
    """

    def __init__(self, path: str | os.PathLike[str], partly: bool = False) -> None:
        self._path, self._partly = Path(path), partly
        self.name = self._path.name
        self._lock = Lock()
        self._closed = False
        self._movie: Movie = movie_of(self._path)
        self.files = tuple(part.path for part in self._movie.parts)
        first = self._movie.parts[0]
        _check_grey(first, self.name)
        self.dtype = first.layout.dtype
        self._shift = first.said.shift if self.dtype == np.uint16 else 0
        if self._shift:
            self.dtype = np.dtype(np.int16)
        self.shape = (self._movie.count, first.layout.height, first.layout.width)
        check_dtype(self.dtype, self.name)
        self.cut_off = _cut_off(self._movie, self.name)
        if self.cut_off is not None and not (partly and self.shape[0]):
            raise self.cut_off
        check_size(self.shape, self.name)
        self.pixel_size_nm = pixel_size_nm_of(first.said)
        self.camera_said = first.said.camera
        self.notes = tuple(_notes(self._movie, self.name))
        if self.cut_off is not None:
            self.notes = (self.cut_off.received, *self.notes)
        try:
            self.read(0, 1)  # a damaged compression is reported now, not later
            check_first_frame(self)
        except BaseException:
            self.close()
            raise

    def __reduce__(self) -> tuple[type[TiffFrames], tuple[Path, bool]]:
        """Pickle as a path: another process opens the file itself."""
        return TiffFrames, (self._path.absolute(), self._partly)

    def _read(self, start: int, stop: int) -> Frames:
        with self._lock:
            if self._closed:
                raise StackError(f"{self.name} is closed", advice="open it again to read frames")
            stored = self._movie.parts[0].layout.dtype
            frames = np.empty((stop - start, *self.shape[1:]), stored)
            for part, page, first, last in self._runs(start, stop):
                part.read(page, frames[first - start : last - start])
        if self._shift:
            frames = (frames ^ np.uint16(0x8000)).view(np.int16)
        return frames

    def _runs(self, start: int, stop: int) -> list[tuple[TiffPages, int, int, int]]:
        """Split a range by files: file, page in it, first and last frame."""
        movie = self._movie
        if movie.part is None or movie.page is None:
            return [(movie.parts[0], start, start, stop)] if stop > start else []
        part, page = movie.part[start:stop], movie.page[start:stop]
        cuts = np.flatnonzero((np.diff(part) != 0) | (np.diff(page) != 1)) + 1
        firsts = [0, *cuts.tolist()] if stop > start else []
        lasts = [*firsts[1:], stop - start]
        runs = [
            (movie.parts[int(part[a])], int(page[a]), start + a, start + b)
            for a, b in zip(firsts, lasts, strict=False)
        ]
        self._let_go(keep=int(movie.part[stop - 1]) if stop > start else 0)
        return runs

    def _let_go(self, keep: int) -> None:
        """Close files of a large set that are not being read."""
        if len(self._movie.parts) > _MAX_OPEN:
            for number, part in enumerate(self._movie.parts):
                if number != keep:
                    part.file.close()

    def close(self) -> None:
        """Close the files."""
        for part in self._movie.parts:
            part.file.give_up()  # whoever waits for a drive holds the lock
        with self._lock:
            self._closed = True
            for part in self._movie.parts:
                part.file.close()


def _check_grey(pages: TiffPages, name: str) -> None:
    """Refuse colour, channels, and frames along two axes.

    Raises
    ------
    StackError
        It is said what the file holds.
    """
    said, layout = pages.said, pages.layout
    if said.main_file is not None:
        raise StackError(
            f"{name} is one part of an OME-TIFF in several files",
            "its main file",
            f"open {said.main_file or 'the main file'} instead",
        )
    if layout.samples > 1:
        raise StackError(
            f"{name} is a colour image ({layout.samples} values per pixel)",
            "grey values",
            "give the raw camera frames, or convert it in Fiji (Image > Type > 16-bit)",
        )
    axes = ((said.times, "time points"), (said.slices, "z planes"), (said.channels, "channels"))
    longer = [(count, word) for count, word in axes if count > 1]
    channels = 1 < said.channels <= _MAX_CHANNELS
    if (len(longer) > 1 or channels) and pages.count > 1:
        raise StackError(
            f"{name} holds {' × '.join(f'{count} {word}' for count, word in longer)}",
            "frames along one axis (time or z) of one channel",
            "split or re-order it in Fiji (Image > Hyperstacks) and save the frames alone",
        )


def _cut_off(movie: Movie, name: str) -> StackError | None:
    """Return the error of a truncated movie."""
    first = movie.parts[0]
    if movie.missing:
        files = ", ".join(file for file, _ in movie.missing[:3])
        more = "" if len(movie.missing) <= 3 else f" and {len(movie.missing) - 3} more"
        there = movie.count
        return StackError(
            f"{name} belongs to a movie in several files, of which {files}{more} "
            f"{'is' if len(movie.missing) == 1 else 'are'} missing or cut off "
            f"({_readable(there)} before)",
            "all its files in one folder",
            "copy the missing files beside it",
        )
    if movie.part is None and first.cut is not None:
        return _truncated(first, first.cut)
    return None


def _truncated(pages: TiffPages, cut: Cut) -> StackError:
    layout, there = pages.layout, pages.count
    ends = f"it ends within frame {there + 1} ({_readable(there)})"
    if cut.promised > there:
        promised = cut.promised * layout.frame_bytes
        ends = (
            f"it claims {counted(cut.promised, 'frame')} of {layout.width} × {layout.height} px "
            f"({promised:,} bytes) but ends within frame {there + 1} ({_readable(there)})"
        )
    return StackError(
        f"{pages.name} is truncated: {ends}, {cut.reason}",
        "a complete file",
        "copy the file again",
    )


def _readable(count: int) -> str:
    return f"{counted(count, 'frame')} {'is' if count == 1 else 'are'} readable"


def _notes(movie: Movie, name: str) -> list[str]:
    """Describe where a file's metadata differ from its contents."""
    first = movie.parts[0]
    said, there = first.said, movie.count
    notes = []
    if said.count and said.count != there and not movie.missing and first.cut is None:
        notes.append(
            f"{name} holds {counted(there, 'frame')}, which are all used, though {said.by} noted "
            f"{said.count} in it"
        )
        if there < said.count:
            notes[-1] += "; either the acquisition was stopped early, or part of it is elsewhere"
            notes[-1] += f" ({movie.perhaps})" if movie.perhaps else ""
    if first.left_out:
        notes.append(f"{counted(first.left_out, 'preview or mask')} in {name} were left out")
    if said.shift:
        notes.append(
            f"ImageJ keeps the signed values of {name} shifted up by {-said.shift}; they are read "
            "unshifted"
        )
    if said.function:
        notes.append(f"ImageJ's calibration of {name} ({said.function}) is not applied")
    return notes
