"""The entries of a TIFF directory: numbers, texts and fractions, by tag."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

ReadAt = Callable[[int, int], bytes]
"""From offset and number of bytes to bytes; fewer at the end of the file."""

MAX_TAGS = 4096
MAX_TEXT_BYTES = 1 << 26
_AT_ONCE = 512
_TYPE_CHARACTERS = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I",
                    16: "Q", 17: "q", 18: "Q"}  # fmt: skip
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
               16: 8, 17: 8, 18: 8}  # fmt: skip
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, FILL_ORDER = 254, 256, 257, 258, 259, 266
DESCRIPTION, STRIPS, SAMPLES, STRIP_ROWS, STRIP_BYTES = 270, 273, 277, 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANAR, RESOLUTION_UNIT, SOFTWARE = 282, 283, 284, 296, 305
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES = 317, 322, 323, 324, 325
SAMPLE_FORMAT, METAMORPH_PLANES, MICRO_MANAGER_FRAME = 339, 33629, 51123


class DamagedError(ValueError):
    """A directory is invalid or truncated."""


class Form(NamedTuple):
    """Byte order and field widths of a TIFF or BigTIFF."""

    order: str
    is_big: bool

    @property
    def pointer(self) -> struct.Struct:
        """An offset."""
        return struct.Struct(self.order + ("Q" if self.is_big else "I"))

    @property
    def first_pointer_at(self) -> int:
        """Position of the offset of the first directory."""
        return 8 if self.is_big else 4


def form_of(read_at: ReadAt) -> Form:
    """Read the header.

    Raises
    ------
    DamagedError
        It is none of a TIFF.
    """
    head = read_at(0, 8)
    orders = {b"II": "<", b"MM": ">"}
    if len(head) < 8 or head[:2] not in orders:
        raise DamagedError("it has no TIFF header")
    order = orders[head[:2]]
    version, width, zero = struct.unpack(f"{order}3H", head[2:8])
    if version not in (42, 43) or (version == 43 and (width, zero) != (8, 0)):
        raise DamagedError(f"it has the version {version} of a TIFF")
    return Form(order, version == 43)


class Tags:
    """Entries of one directory.

    Parameters
    ----------
    read_at, form
        The file.
    at
        Place of the directory.
    size
        Bytes of the file.

    Raises
    ------
    DamagedError
        It does not lie in the file as a whole, or is none.
    """

    def __init__(self, read_at: ReadAt, form: Form, at: int, size: int) -> None:
        self._read_at, self._form, self._size = read_at, form, size
        counter = struct.Struct(form.order + ("Q" if form.is_big else "H"))
        entry = struct.Struct(form.order + ("HHQ8s" if form.is_big else "HHI4s"))
        raw = read_at(at, _AT_ONCE) if 0 < at < size else b""
        if len(raw) < counter.size:
            raise DamagedError("a directory lies beyond the end of the file")
        count = counter.unpack_from(raw)[0]
        if not 0 < count <= MAX_TAGS:
            raise DamagedError(f"a directory has {count} entries")
        self.next_pointer_at = at + counter.size + count * entry.size
        needed = self.next_pointer_at - at
        if needed > len(raw):
            raw = read_at(at, needed)
        if len(raw) < needed:
            raise DamagedError("a directory is cut off")
        self._entries: dict[int, tuple[int, int, bytes]] = {}
        for code, kind, number, value in entry.iter_unpack(raw[counter.size : needed]):
            if code == 0:
                raise DamagedError("a directory is not written yet, or damaged")
            self._entries.setdefault(code, (kind, number, value))

    def raw(self, code: int, max_bytes: int) -> tuple[int, bytes]:
        """Return type and bytes of an entry; type 0 if there is none."""
        kind, number, value = self._entries.get(code, (0, 0, b""))
        length = number * _TYPE_BYTES.get(kind, 0)
        if length <= len(value):
            return kind, value[:length]
        place = self._form.pointer.unpack(value)[0]
        if length > max_bytes or place + length > self._size:
            raise DamagedError(f"entry {code} of a directory lies outside the file")
        return kind, self._read_at(place, length)

    def numbers(self, code: int, max_count: int = 1 << 24) -> tuple[int, ...]:
        """Return the integers of an entry; nothing if there is none."""
        kind, raw = self.raw(code, 8 * max_count)
        letter = _TYPE_CHARACTERS.get(kind)
        if letter is None:
            if kind:
                raise DamagedError(f"entry {code} of a directory has the type {kind}")
            return ()
        count = len(raw) // _TYPE_BYTES[kind]
        return struct.unpack(f"{self._form.order}{count}{letter}", raw)

    def number(self, code: int, default: int) -> int:
        """Return the first number of an entry."""
        kind, count, value = self._entries.get(code, (0, 0, b""))
        letter = _TYPE_CHARACTERS.get(kind)
        if letter is None or count == 0:
            return default
        if count == 1 and _TYPE_BYTES[kind] <= len(value):  # nearly all
            return int(struct.unpack_from(self._form.order + letter, value)[0])
        return self.numbers(code)[0]

    def count(self, code: int) -> int:
        """Return the number of values of an entry; 0 if there is none."""
        return self._entries.get(code, (0, 0, b""))[1]

    def ratio(self, code: int) -> float | None:
        """Return an entry that is a fraction; None if there is none, or for zeros."""
        kind, raw = self.raw(code, 64)
        if kind != 5 or len(raw) < 8:
            return None
        above, below = struct.unpack(f"{self._form.order}2I", raw[:8])
        return above / below if above and below else None

    def text(self, code: int) -> str:
        """Return an entry that is text, up to the first NUL character."""
        _, raw = self.raw(code, MAX_TEXT_BYTES)
        return raw.partition(b"\0")[0].decode("utf-8", errors="replace")
