"""The frames in one TIFF file: pages of one size, read directly from the disk where possible.

Which pages are frames is decided here: previews and masks are left out, and behind the only page of
ImageJ's files beyond 4 GB (and of MetaMorph's) the frames lie without directories of their own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.errors import StackError
from deep_storm.io.foreign import TROUBLE, check_regular, damage_as, reason_of
from deep_storm.io.sniff import describe_content
from deep_storm.io.stacks.codecs import check_coding, decode_page, max_bytes
from deep_storm.io.stacks.descriptions import describe
from deep_storm.io.stacks.directories import Chain, End, Layout, Page
from deep_storm.io.stacks.open_file import OpenFile, is_away
from deep_storm.io.stacks.tags import DamagedError
from deep_storm.words import counted

Frames = npt.NDArray[Any]
MAX_FRAME_BYTES = 1 << 29
MAX_RATIO = 4
"""A frame beyond that size must stand in the file: at least this share of its bytes."""


class Cut(NamedTuple):
    """Where a file is truncated: in which frame (from 0), of how many announced, and why."""

    frame: int
    promised: int
    reason: str


class TiffPages:
    """Pages of one size in one file.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    count, layout
        Whole frames, and what they have in common.
    said
        What stands in the file about them.
    left_out
        Previews and masks.
    cut
        Where the file ends too early, if it does.

    Raises
    ------
    StackError
        There is no such file, it is no TIFF, damaged in its first page, or has pages of several
        sizes or a compression that cannot be undone.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.size = check_tiff(path)
        self.file = OpenFile(path)
        try:
            with damage_as(self._damaged):
                self._describe()
        finally:
            self.file.close()

    def _describe(self) -> None:
        chain = Chain(self.file.read_at)
        chain.grow(self.size)
        self.order = chain.form.order
        if not chain.pages:
            if chain.end is End.WHOLE:
                raise StackError(
                    f"{self.name} has no frames", "at least one frame", "give another stack"
                )
            raise DamagedError(chain.reason)
        first = chain.pages[0]
        self.said = describe(chain.tags(first, self.size), self.file.read_at, self.order)
        frames = [page for page in chain.pages if not page.is_other] or chain.pages
        self.left_out = len(chain.pages) - len(frames)
        self._check_alike(frames)
        self.layout: Layout = frames[0].layout
        for coding in {page.coding for page in frames}:
            try:
                check_coding(coding)
            except DamagedError as error:
                raise self._unknown(str(error)) from error
        self.cut: Cut | None = None
        whole = next((k for k, p in enumerate(frames) if not self._has_pixels(p)), len(frames))
        if whole < len(frames):
            self.cut = Cut(whole, max(len(frames), self.said.count), "too few bytes of pixels")
        elif chain.end is not End.WHOLE:
            self.cut = Cut(whole, self.said.count, chain.reason)
        self._keep(frames[:whole])
        if chain.end is not End.WHOLE or len(frames) == 1:
            self._look_behind(frames)
        if self.cut is None:
            self._check_memory(frames)

    def _has_pixels(self, page: Page) -> bool:
        return max_bytes(page) >= self.layout.frame_bytes

    def _keep(self, frames: list[Page]) -> None:
        """Store where the frames are: one number each if uncompressed, for very long movies."""
        self.count = len(frames)
        self._pages: list[Page] | None = None
        self._starts: npt.NDArray[np.int64] | range = range(0)
        if all(page.is_plain for page in frames):
            self._starts = np.array([page.starts[0] for page in frames], np.int64)
        else:
            self._pages = frames

    def _look_behind(self, frames: list[Page]) -> None:
        """Find frames behind the first one without directories, or with lost ones."""
        promised, step = self.said.count, self.layout.frame_bytes
        if not (self.said.behind_first and promised > len(frames) and frames[0].is_plain):
            return
        start = frames[0].starts[0]
        if any(page.starts[0] != start + k * step for k, page in enumerate(frames)):
            return
        self.count = min(max(self.size - start, 0) // step, promised)
        self._starts, self._pages = range(start, start + self.count * step, step), None
        self.cut = None
        if self.count < promised:
            self.cut = Cut(self.count, promised, "its pixels are cut off")

    def _check_alike(self, frames: list[Page]) -> None:
        if len({page.layout for page in frames}) == 1:
            return
        groups: list[tuple[Layout, int]] = []
        for page in frames:
            if groups and groups[-1][0] == page.layout:
                groups[-1] = (page.layout, groups[-1][1] + 1)
            else:
                groups.append((page.layout, 1))
        shapes = ", ".join(
            f"{count} × {layout.height} × {layout.width} {layout.dtype}"
            for layout, count in groups[:4]
        )
        raise StackError(
            f"{self.name} holds {len(groups)} separate images ({shapes}"
            f"{', …' if len(groups) > 4 else ''})",
            "one stack of frames of equal size",
            "save the one you need as a TIFF of its own in Fiji",
        )

    def _check_memory(self, frames: list[Page]) -> None:
        check_frame_bytes(self.name, self.layout, min(sum(page.sizes) for page in frames))

    def read(self, start: int, out: Frames) -> None:
        """Fill an array with the frames from ``start`` on.

        Parameters
        ----------
        start
            The first frame, from 0.
        out
            (n, y, x) of the layout's dtype, or (n, samples, y, x).

        Raises
        ------
        StackError
            The file is damaged there; the frame is named.
        """
        done = 0
        while done < len(out):
            try:
                done += self._read_some(start + done, out[done:])
            except StackError:
                raise
            except TROUBLE as error:
                raise self.unreadable(start + done, error) from error

    def _read_some(self, frame: int, out: Frames) -> int:
        """Read one frame, or several that are contiguous; return their number."""
        if self._pages is not None:
            out[0] = decode_page(self._pages[frame], self.order, self.file.read_at)
            return 1
        step, starts = self.layout.frame_bytes, self._starts
        count = 1
        while count < len(out) and starts[frame + count] == starts[frame] + count * step:
            count += 1
        received = fill(self.file, int(starts[frame]), out[:count], self.order)
        if received < count * step:
            readable = frame + received // step
            raise StackError(
                f"{self.name} ends within frame {readable + 1} of {self.count}",
                "a complete file",
                f"copy the file again, or use only frames 1 to {readable}",
            )
        return count

    def unreadable(self, frame: int, error: Exception) -> StackError:
        """Return the error of a frame that is damaged, or whose drive is gone."""
        received = f"frame {frame + 1} of {self.count} in {self.name} cannot be read"
        received = f"{received} ({reason_of(error)})"
        if is_away(error):
            return StackError(received, "a drive that can be reached", "bring the drive back")
        return StackError(
            received,
            "a complete, readable file",
            "copy the file again, or save it without compression in Fiji",
        )

    def _damaged(self, reason: str) -> StackError:
        return StackError(
            f"{self.name} is damaged or of a type that cannot be read: {reason}",
            "a complete TIFF stack",
            "copy the file again, or open it in Fiji and save it as TIFF",
        )

    def _unknown(self, reason: str) -> StackError:
        return StackError(
            f"{self.name} cannot be read: {reason}",
            "frames without compression, or with LZW, Deflate, PackBits, LZMA or Zstandard",
            "open it in Fiji and save it as TIFF",
        )


def fill(file: OpenFile, start: int, out: Frames, order: str) -> int:
    """Fill an array from a position in a file; return the number of bytes read."""
    received = file.read_into(start, out.reshape(-1).view(np.uint8))
    if order != ("<" if sys.byteorder == "little" else ">"):
        out.byteswap(inplace=True)
    return received


def check_frame_bytes(name: str, layout: Layout, stored_bytes: int) -> None:
    """Refuse a frame whose decoded size is out of proportion to its file.

    Raises
    ------
    StackError
        The frame is large, and hardly any of it stands in the file.
    """
    wanted = layout.frame_bytes
    if wanted > MAX_FRAME_BYTES and wanted > MAX_RATIO * stored_bytes:
        raise StackError(
            f"{name} has frames of {layout.width} × {layout.height} px ({wanted:,} bytes) that "
            f"are stored in {counted(stored_bytes, 'byte')}",
            f"frames of at most {MAX_FRAME_BYTES:,} bytes",
            "cut the frames down in Fiji (Image > Crop)",
        )


def check_tiff(path: str | os.PathLike[str]) -> int:
    """Check that a file is a TIFF; return its size.

    Raises
    ------
    StackError
        There is no such file, or it says what the file is instead.
    """
    file = Path(path)
    size = check_regular(file, StackError, "a TIFF file")
    with damage_as(lambda reason: StackError(f"{file} cannot be read ({reason})", "a TIFF file")):
        content = describe_content(file)
    if not content.endswith("TIFF"):
        raise StackError(
            f"{file} is not a TIFF: it looks like {content}",
            "a TIFF stack",
            "open it in Fiji and save it as TIFF (File > Save As > Tiff...)",
        )
    return size
