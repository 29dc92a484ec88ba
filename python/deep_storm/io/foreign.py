"""Files from others: checked before they are opened, with parser errors turned into ours.

A file may be a pipe that never ends, larger than the memory, or damaged in any place. Every reader
of this package asks here what it may open, and wraps its parser::

    size = check_regular(path, TableError)
    with damage_as(lambda reason: TableError(f"{path} is damaged ({reason})")):
        ...
"""

from __future__ import annotations

import lzma
import os
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deep_storm.errors import DeepStormError

MAX_TEXT_BYTES = 1 << 22
"""Settings, records and model cards are some kilobytes; a parser makes a hundred times as much of a
text."""
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
TROUBLE: tuple[type[Exception], ...] = (
    OSError,
    ValueError,  # also of JSON, TOML, text that is no UTF-8, TIFF
    RuntimeError,  # also too deep nesting, an unknown or encrypted member of an archive
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    EOFError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What libraries raise on a damaged file."""


@contextmanager
def damage_as(error: Callable[[str], DeepStormError]) -> Iterator[None]:
    """Turn any exception of a parser on a damaged file into one of our errors.

    Parameters
    ----------
    error
        Makes the error from a reason of a few words. Errors of ours pass as they are.
    """
    try:
        yield
    except DeepStormError:
        raise
    except TROUBLE as trouble:
        raise error(reason_of(trouble)) from trouble


def reason_of(error: Exception) -> str:
    """Return in a few words the cause of a library's error."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).partition("\n")[0].strip()
    return text[:200] or type(error).__name__


def check_regular(
    path: str | os.PathLike[str],
    error: type[DeepStormError],
    expected: str = "a file",
    max_bytes: int | None = None,
) -> int:
    """Check that a path is a regular file, before it is opened.

    A pipe would wait for ever for someone to write into it, a device may never end.

    Parameters
    ----------
    path
        Of the file; through links.
    error
        Class of the error.
    expected
        What the file should be, for the error.
    max_bytes
        The largest size that it can have.

    Returns
    -------
    Size in bytes.

    Raises
    ------
    DeepStormError
        Of the class given: there is no such file, it is none, cannot be looked at or is too large.
    """
    file = Path(path)
    try:
        about = file.stat()
    except FileNotFoundError as problem:
        raise error(
            f"there is no file {file}", expected, "check the spelling and the folder"
        ) from problem
    except (OSError, ValueError) as problem:  # ValueError: a name with a NUL character
        raise error(
            f"{file} cannot be read ({reason_of(problem)})", expected, "give another file"
        ) from problem
    for matches, kind in _KINDS:
        if matches(about.st_mode):
            advice = "give the path of a file in it" if kind == "a folder" else "save it to a disk"
            raise error(f"{file} is {kind}", expected, advice)
    if max_bytes is not None and about.st_size > max_bytes:
        raise error(
            f"{file} is too large ({about.st_size:,} bytes)",
            f"{expected} of at most {max_bytes:,} bytes",
            "give another file",
        )
    return about.st_size


def read_text(
    path: str | os.PathLike[str],
    error: type[DeepStormError],
    expected: str,
    max_bytes: int = MAX_TEXT_BYTES,
) -> str:
    """Read a small text file in UTF-8, with or without a byte order mark.

    Raises
    ------
    DeepStormError
        Of the class given: the file is missing, none, too large, cannot be read or is not UTF-8.
    """
    check_regular(path, error, expected, max_bytes)
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(f"{path} is not text in UTF-8", expected, "save it as UTF-8 text") from problem
    except OSError as problem:
        raise error(
            f"{path} cannot be read ({reason_of(problem)})", expected, "give another file"
        ) from problem
