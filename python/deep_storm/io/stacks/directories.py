"""The pages of a TIFF: its chain of directories, read by a parser of our own.

A directory says what a page is and where its pixels lie; the next one follows behind it. What a
damaged or malicious file can do here is to point anywhere, in circles, or to promise more than it
holds, so every number is compared with the size of the file before it is used, and nothing is
taken from the descriptions of other programs (see :mod:`deep_storm.io.stacks.descriptions`).

A chain that is still being written is walked on by calling :meth:`Chain.grow` again.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from deep_storm.io.stacks.tags import (
    BITS,
    COMPRESSION,
    FILL_ORDER,
    HEIGHT,
    PLANAR,
    PREDICTOR,
    SAMPLE_FORMAT,
    SAMPLES,
    STRIP_BYTES,
    STRIP_ROWS,
    STRIPS,
    SUBFILE,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    TILES,
    WIDTH,
    DamagedError,
    ReadAt,
    Tags,
    form_of,
)

_REDUCED_OR_MASK = 1 | 4


class End(Enum):
    """How a chain ends."""

    WHOLE = "whole"
    CUT = "cut off"
    CIRCLE = "a circle"


class Layout(NamedTuple):
    """Properties that all frames of a stack have in common.

    Attributes
    ----------
    width, height
        Pixels.
    bits
        Of a value; 12 may be packed.
    kind
        As in NumPy: ``u``, ``i``, ``f``, ``c`` or ``b``.
    samples
        Values of a pixel.
    planar
        Whether the samples lie in images of their own.
    """

    width: int
    height: int
    bits: int
    kind: str
    samples: int
    planar: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """Native dtype in memory."""
        if self.kind == "b":
            return np.dtype(np.bool_)
        size = next(n for n in (8, 16, 32, 64, 128) if self.bits <= n) // 8
        return np.dtype(f"{self.kind}{size}")

    @property
    def frame_bytes(self) -> int:
        """Size of a page in memory."""
        return self.width * self.height * self.samples * self.dtype.itemsize


class Coding(NamedTuple):
    """Layout of pixels in the file: strips of ``rows`` whole rows, or tiles."""

    compression: int
    predictor: int
    reversed_bits: bool
    rows: int
    tile_width: int | None = None


class Page(NamedTuple):
    """One directory.

    Attributes
    ----------
    at
        Its place in the file.
    layout, coding
        What its pixels are.
    starts, sizes
        Places and bytes of its strips or tiles.
    is_other
        Whether it is a reduced preview or a mask, and so no frame.
    """

    at: int
    layout: Layout
    coding: Coding
    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    is_other: bool

    @property
    def is_plain(self) -> bool:
        """Whether its pixels are stored uncompressed and contiguous."""
        coding, layout = self.coding, self.layout
        plain = coding.compression == 1 and coding.tile_width is None and not coding.reversed_bits
        whole_bytes = layout.bits == 8 * layout.dtype.itemsize and layout.kind in "uif"
        return plain and whole_bytes and coding.predictor == 1 and len(self.starts) == 1


class Chain:
    """The directories of a file in order, as far as they and their pixels are complete.

    Parameters
    ----------
    read_at
        Reads the file.

    Attributes
    ----------
    pages
        Until now.
    end, reason
        How the chain ends, and what is wrong where it is cut off.
    form
        Byte order and widths.
    """

    def __init__(self, read_at: ReadAt) -> None:
        self._read_at = read_at
        self.form = form_of(read_at)
        self.pages: list[Page] = []
        self.end = End.CUT
        self.reason = ""
        self._seen: set[int] = set()
        self._pointer_at = self.form.first_pointer_at
        self._layouts: dict[Layout, Layout] = {}
        self._codings: dict[Coding, Coding] = {}

    def grow(self, size: int, pages: int | None = None) -> None:
        """Follow the chain as far as a file of ``size`` bytes goes, or up to a number of pages."""
        self.end, self.reason = End.CUT, "a directory is incomplete"
        while pages is None or len(self.pages) < pages:
            raw = self._read_at(self._pointer_at, self.form.pointer.size)
            if len(raw) < self.form.pointer.size:
                return
            at = self.form.pointer.unpack(raw)[0]
            if at == 0:
                self.end, self.reason = End.WHOLE, ""
                return
            if at in self._seen:
                self.end, self.reason = End.CIRCLE, "its directories point to each other"
                return
            try:
                tags = Tags(self._read_at, self.form, at, size)
                page = self._page(at, tags, size)
            except DamagedError as error:
                self.reason = str(error)
                return
            self._seen.add(at)
            self._pointer_at = tags.next_pointer_at
            self.pages.append(page)

    def tags(self, page: Page, size: int) -> Tags:
        """Read a directory again, for entries that frames do not need."""
        return Tags(self._read_at, self.form, page.at, size)

    def _page(self, at: int, tags: Tags, size: int) -> Page:
        layout, coding = _layout(tags), _coding(tags)
        layout = self._layouts.setdefault(layout, layout)
        coding = self._codings.setdefault(coding, coding)
        tiled = coding.tile_width is not None
        starts = tags.numbers(TILES if tiled else STRIPS)
        sizes = tags.numbers(TILE_BYTES if tiled else STRIP_BYTES)
        if not sizes and len(starts) == 1 and coding.compression == 1:
            sizes = (-(-layout.width * layout.bits * layout.samples // 8) * layout.height,)
        _check_segments(layout, coding, starts, sizes, size)
        starts, sizes = _in_one_piece(coding, starts, sizes)
        is_other = bool(tags.number(SUBFILE, 0) & _REDUCED_OR_MASK)
        return Page(at, layout, coding, starts, sizes, is_other)


def _layout(tags: Tags) -> Layout:
    width, height = tags.number(WIDTH, 0), tags.number(HEIGHT, 0)
    samples, bits = tags.number(SAMPLES, 1), tags.number(BITS, 1)
    code = tags.number(SAMPLE_FORMAT, 1)
    kind = {1: "u", 2: "i", 3: "f", 4: "u", 5: "c", 6: "c"}.get(code)
    widths = {"f": (16, 32, 64), "c": (64, 128), "i": (8, 16, 32, 64)}
    if not (0 < width < 1 << 31 and 0 < height < 1 << 31 and 0 < samples < 1 << 16):
        raise DamagedError(f"a page has {width} × {height} pixels of {samples} values")
    fits = bits in widths[kind] if kind in widths else 0 < bits <= 32 or bits == 64
    if kind is None or not fits:
        raise DamagedError(f"a page has values of {bits} bits of the kind {code}")
    planar = samples > 1 and tags.number(PLANAR, 1) == 2
    return Layout(width, height, bits, "b" if (kind, bits) == ("u", 1) else kind, samples, planar)


def _coding(tags: Tags) -> Coding:
    rows = min(max(tags.number(STRIP_ROWS, tags.number(HEIGHT, 1)), 1), tags.number(HEIGHT, 1))
    tile_width = None
    if tags.count(TILES):
        rows, tile_width = tags.number(TILE_HEIGHT, 0), tags.number(TILE_WIDTH, 0)
        if not (0 < rows < 1 << 20 and 0 < tile_width < 1 << 20):
            raise DamagedError(f"a page has tiles of {tile_width} × {rows} pixels")
    return Coding(
        tags.number(COMPRESSION, 1),
        tags.number(PREDICTOR, 1),
        tags.number(FILL_ORDER, 1) == 2,
        rows,
        tile_width,
    )


def segments_of(layout: Layout, coding: Coding) -> int:
    """Return the number of strips or tiles of a page."""
    across = 1 if coding.tile_width is None else -(-layout.width // coding.tile_width)
    down = -(-layout.height // coding.rows)
    return across * down * (layout.samples if layout.planar else 1)


def _check_segments(
    layout: Layout, coding: Coding, starts: tuple[int, ...], sizes: tuple[int, ...], size: int
) -> None:
    wanted = segments_of(layout, coding)
    if len(starts) < wanted or len(sizes) < wanted:
        raise DamagedError(f"a page has {min(len(starts), len(sizes))} of {wanted} pieces")
    for start, length in zip(starts[:wanted], sizes[:wanted], strict=True):
        if not (start > 0 and length > 0 and start + length <= size):
            raise DamagedError("the pixels of a page lie outside the file")


def _in_one_piece(
    coding: Coding, starts: tuple[int, ...], sizes: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Join uncompressed strips that are contiguous in the file."""
    if len(starts) == 1 or coding.compression != 1 or coding.tile_width is not None:
        return starts, sizes
    if all(a + n == b for a, n, b in zip(starts, sizes, starts[1:], strict=False)):
        return starts[:1], (sum(sizes),)
    return starts, sizes
