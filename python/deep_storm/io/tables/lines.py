"""The lines of other programs' text files, in blocks of bounded memory.

Lines end with LF, CR LF or (Excel's "CSV (Macintosh)", Igor) CR alone; text is UTF-8, with or
without a byte order mark, UTF-16 with one (Excel's "Unicode text"), or, where a label is not UTF-8,
the Latin alphabet of Windows.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from deep_storm.errors import TableError

MAX_LINE_BYTES = 1 << 20
_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Lines:
    """A text file, read once from beginning to end. A context manager.

    Parameters
    ----------
    path
        The file.
    origin
        What it is called in errors.

    Attributes
    ----------
    encoding
        ``utf-8``, or ``utf-16-le`` or ``utf-16-be``.
    number
        Lines taken until now.
    """

    def __init__(self, path: Path, origin: str) -> None:
        self._file = path.open("rb")
        self._origin = origin
        self._rest = b""
        self._ended = False
        self.number = 0
        head = self._file.read(3)
        self.encoding = _MARKS.get(head[:2], "utf-8")
        self._file.seek(2 if self.encoding != "utf-8" else 3 * (head == codecs.BOM_UTF8))
        self._decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def first(self) -> bytes:
        """Return the next line that is not blank, in UTF-8; nothing at the end of the file.

        Raises
        ------
        TableError
            It is longer than any header.
        """
        while True:
            line = self._line()
            if line is None:
                return b""
            self.number += 1
            if line.strip():
                return line

    def blocks(self, block_bytes: int) -> Iterator[list[bytes]]:
        """Yield the following lines in blocks of about a given size in bytes.

        Raises
        ------
        TableError
            A line is longer than any row.
        """
        while True:
            text = self._rest + self._read(block_bytes)
            if not text:
                return
            end = len(text) if self._ended else _last_end(text)
            lines = text[:end].splitlines()
            self._rest = text[end:]
            self._check_length(len(self._rest))
            yield lines
            self.number += len(lines)

    def _line(self) -> bytes | None:
        while True:
            end = _first_end(self._rest, self._ended)
            if end is not None:
                line, self._rest = self._rest[:end], self._rest[end:]
                return line if line else None
            self._check_length(len(self._rest))
            self._rest += self._read(1 << 16)

    def _read(self, size: int) -> bytes:
        """Return more text in UTF-8."""
        raw = self._file.read(size)
        self._ended = len(raw) < size
        if self.encoding == "utf-8":
            return raw
        return self._decoder.decode(raw, final=self._ended).encode("utf-8", errors="replace")

    def _check_length(self, length: int) -> None:
        if length > MAX_LINE_BYTES:
            raise TableError(
                f"{self._origin} has a line of more than {MAX_LINE_BYTES:,} characters "
                f"(line {self.number + 1})",
                "one line per localization",
                "export it again",
            )


def decoded(line: bytes) -> tuple[str, bool]:
    """Return the text of a line, and whether it was in the Windows Latin encoding."""
    try:
        return line.decode("utf-8"), False
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace"), True


def _first_end(text: bytes, is_all: bool) -> int | None:
    """Return the end of the first line, line break included; None if not yet known."""
    places = [place for place in (text.find(b"\n"), text.find(b"\r")) if place >= 0]
    if not places:
        return len(text) if is_all else None
    place = min(places)
    if text[place : place + 1] == b"\n":
        return place + 1
    if place + 1 == len(text) and not is_all:
        return None  # CR, and LF may follow
    return place + 2 if text[place + 1 : place + 2] == b"\n" else place + 1


def _last_end(text: bytes) -> int:
    """Return the end of the last complete line; a CR at the very end may be half of CR LF."""
    return max(text.rfind(b"\n"), text.rfind(b"\r", 0, len(text) - 1)) + 1
