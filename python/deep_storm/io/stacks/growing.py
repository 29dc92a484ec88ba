"""A TIFF that is still being written: the frames that are complete.

Two ways of growing are known: directories in a chain, one for each frame (also compressed), as most
programs append; and ImageJ's, a single directory and the frames behind it in one piece.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deep_storm.errors import StackError
from deep_storm.io.foreign import damage_as, reason_of
from deep_storm.io.stacks.calibration import pixel_size_nm_of
from deep_storm.io.stacks.codecs import check_coding, decode_page, max_bytes
from deep_storm.io.stacks.descriptions import Description, describe
from deep_storm.io.stacks.directories import Chain, End, Page
from deep_storm.io.stacks.open_file import OpenFile
from deep_storm.io.stacks.pages import check_frame_bytes, fill
from deep_storm.io.stacks.stream import Frames
from deep_storm.io.stacks.tags import DamagedError


class GrowingTiff:
    """The complete frames of a file.

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
        self._file = OpenFile(path)
        self._chain: Chain | None = None
        self._said = Description()
        self._frames: list[Page] = []
        self._looked_at = 0
        self._piece: int | None = None
        self._seen = (-1, -1)

    def look(self, again: bool = False) -> int:
        """Count the complete frames; return the size of the file in bytes.

        Parameters
        ----------
        again
            Look also into a file that seems unchanged.

        Raises
        ------
        StackError
            The file cannot be opened, has become smaller, or holds no grey frames of one size.
        """
        try:
            state = self._file.state()
            seen = (state.st_size, state.st_mtime_ns)
            if seen != self._seen or again:
                if state.st_size < self._seen[0]:
                    raise StackError(
                        f"{self.name} has become smaller while it was read",
                        "a file that only grows",
                        "start again with the finished file",
                    )
                self._seen = seen
                self._count(state.st_size)
        except DamagedError:
            self.is_whole = False  # not even its first directory is whole
        except OSError as error:
            raise StackError(
                f"{self.name} cannot be read: {reason_of(error)}",
                "a file that stays in place while it is watched",
                "look at the disk, then continue with --resume",
            ) from error
        finally:
            self._file.close()
        return self._seen[0]

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def _count(self, size: int) -> None:
        self.is_whole = False
        if self._chain is None:
            self._chain = Chain(self._file.read_at)
        if self._piece is None:
            self._chain.grow(size)
            if self._chain.end is End.CIRCLE:
                raise StackError(
                    f"{self.name} is damaged: {self._chain.reason}", "a TIFF", "copy it again"
                )
        pages = self._chain.pages
        if not pages:
            return
        if not self.count:
            self._describe(self._chain, size)
        if self._piece is not None:
            behind = max(size - self._piece, 0)
            self.count = min(behind // pages[0].layout.frame_bytes, self._said.count)
            self.is_whole = self.count == self._said.count
            return
        for page in pages[self._looked_at :]:
            self._take(page)
        self._looked_at = len(pages)
        self.count = len(self._frames)
        self.is_whole = self.count > 0 and self._chain.end is End.WHOLE

    def _describe(self, chain: Chain, size: int) -> None:
        """Read the common properties of all frames from the first directory."""
        first = chain.pages[0]
        if first.layout.samples > 1:
            raise StackError(
                f"{self.name} is a colour image or has several planes per page",
                "grey values",
                "save the raw camera frames",
            )
        self._said = describe(chain.tags(first, size), self._file.read_at, chain.form.order)
        self.frame_shape = (first.layout.height, first.layout.width)
        self.dtype = first.layout.dtype
        self.pixel_size_nm = pixel_size_nm_of(self._said)
        self.camera_said = self._said.camera
        alone = len(chain.pages) == 1 and chain.end is End.WHOLE
        if alone and self._said.behind_first and self._said.count > 1 and first.is_plain:
            self._piece = first.starts[0]

    def _take(self, page: Page) -> None:
        """Take a page as the next frame, unless it is a reduced-resolution preview."""
        if page.is_other and self._looked_at:
            return
        first = self._frames[0] if self._frames else page
        if page.layout != first.layout:
            raise StackError(
                f"{self.name} has a page of {page.layout.width} × {page.layout.height} px "
                f"({page.layout.dtype}) among others",
                "frames of one size",
                "save the frames alone",
            )
        try:
            check_coding(page.coding)
        except DamagedError as error:
            raise StackError(
                f"{self.name} cannot be read: {error}",
                "frames without compression, or with LZW, Deflate, PackBits, LZMA or Zstandard",
                "change what the acquisition writes",
            ) from error
        if max_bytes(page) < page.layout.frame_bytes:
            raise StackError(
                f"{self.name} has a page that claims more pixels than it contains", "a TIFF"
            )
        check_frame_bytes(self.name, page.layout, sum(page.sizes))
        self._frames.append(page)

    def read(self, start: int, stop: int) -> Frames:
        """Return frames, (n, y, x).

        Raises
        ------
        StackError
            The file is damaged there, or not there any more.
        """
        if self._chain is None or stop > self.count:
            raise StackError(f"{self.name} has {self.count} frames")
        frames = np.empty((stop - start, *self.frame_shape), self.dtype)
        order = self._chain.form.order
        try:
            for number in range(start, stop):
                with damage_as(lambda reason, n=number: self._unreadable(n, reason)):  # type: ignore[misc]
                    frame = frames[number - start : number - start + 1]
                    if self._piece is not None:
                        fill(self._file, self._piece + number * frame.nbytes, frame, order)
                    elif self._frames[number].is_plain:
                        fill(self._file, self._frames[number].starts[0], frame, order)
                    else:
                        frame[0] = decode_page(self._frames[number], order, self._file.read_at)
        finally:
            self._file.close()
        return frames

    def _unreadable(self, frame: int, reason: str) -> StackError:
        return StackError(
            f"frame {frame + 1} in {self.name} cannot be read ({reason})",
            "a file that stays in place while it is watched",
            "look at the disk, then continue with --resume",
        )
