"""Limits of a foreign table's size in memory, checked before it is read.

A file of some kilobytes may say that it holds gigabytes: of zeros that were packed, or of values
that were never written.
"""

from __future__ import annotations

from pathlib import Path

from deep_storm.errors import TableError

ALWAYS_BYTES = 1 << 28
RATIO = 100
"""No table of numbers is packed as tightly."""
MAX_COLUMNS = 1000


def check_room(size: int, path: Path, origin: str) -> None:
    """Check that part of a file is not out of proportion to the file when decompressed.

    Parameters
    ----------
    size
        Bytes that it would take.
    path
        The file.
    origin
        What it is called in the error.

    Raises
    ------
    TableError
        It would take too much.
    """
    allowed = max(ALWAYS_BYTES, RATIO * path.stat().st_size)
    if not 0 <= size <= allowed:
        raise TableError(
            f"{origin} would take {size:,} bytes of memory, though it has {path.stat().st_size:,}",
            f"at most {allowed:,}",
            "export it again",
        )


def check_columns(count: int, origin: str) -> None:
    """Check that a table has no more columns than a localization table can have.

    Raises
    ------
    TableError
        It has.
    """
    if count > MAX_COLUMNS:
        raise TableError(
            f"{origin} has {count:,} columns",
            f"at most {MAX_COLUMNS}",
            "export it with the columns that are needed",
        )
