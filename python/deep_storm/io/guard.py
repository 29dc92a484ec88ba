"""The inputs of the present run, which no output can replace.

Whoever begins a run names its inputs, and everything that writes asks here first, whatever else
it is allowed to replace::

    with reading([("stack", "movie.tif")]):
        check_not_an_input("movie.tif")  # OutputError

Two names are compared as files, not as text: through symbolic and hard links, relative paths,
file systems that ignore case, and a disk that is mounted twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from deep_storm.errors import OutputError

StrPath = str | os.PathLike[str]
Key = tuple[int, int] | str

_TIME_SECONDS = 2.0
"""File systems keep times so exactly; one that is mounted twice may tell the same time twice."""
_SAMPLE_BYTES = 1 << 16


class Input(NamedTuple):
    """A file or folder that is read: what it is called, where it is, and its identity on disk."""

    what: str
    path: Path
    key: Key


_inputs: ContextVar[tuple[Input, ...]] = ContextVar("inputs of the run", default=())


@contextmanager
def reading(inputs: Iterable[tuple[str, StrPath]]) -> Iterator[None]:
    """Protect files and folders during a run, in addition to those already protected.

    Parameters
    ----------
    inputs
        What each is called (``stack``), and where it is or, for a movie that nobody has begun to
        write, will be.
    """
    found = tuple(Input(what, Path(path), file_key(path)) for what, path in inputs)
    token = _inputs.set((*_inputs.get(), *found))
    try:
        yield
    finally:
        _inputs.reset(token)


def check_not_an_input(path: StrPath) -> None:
    """Refuse an output that is an input of the present run, or a folder that contains one.

    Raises
    ------
    OutputError
        It names the input.
    """
    said = clash_with_input(path)
    if said:
        raise OutputError(
            said,
            "a file that this run does not read",
            "choose another name; --overwrite does not replace an input",
        )


def clash_with_input(path: StrPath) -> str:
    """Return the input of the present run that an output would replace; empty if none."""
    output, key = Path(path), file_key(path)
    for what, source, other in _inputs.get():
        if key in (other, file_key(source)):
            where = "itself" if output == source else f"{source} itself"
            return f"the output {output} is the {what} {where}"
        if _is_seen_twice(output, source):
            return f"the output {output} is the {what} {source} on another path, or a copy of it"
        if output.is_dir() and key in map(file_key, Path(os.path.realpath(source)).parents):
            return f"the {what} {source} lies in the output folder {output}"
    return ""


def file_key(path: StrPath) -> Key:
    """Return the identity of a file or folder, whatever its name.

    Device and number where the file system has them; else, or when nothing is there yet, the
    spelling of the whole path, without case.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - a name that cannot be a path is no error here
        if found.st_ino:
            return found.st_dev, found.st_ino
    except (OSError, ValueError):
        pass
    return os.path.realpath(path).casefold()


def _is_seen_twice(output: Path, source: Path) -> bool:
    """Return whether files on different devices are the same, as on a disk mounted twice."""
    if output.name.casefold() != source.name.casefold():
        return False
    try:
        one, other = output.stat(), source.stat()
    except OSError:
        return False
    if one.st_dev == other.st_dev or not one.st_size or one.st_size != other.st_size:
        return False
    same_time = abs(one.st_mtime - other.st_mtime) <= _TIME_SECONDS
    return same_time and output.is_file() and _ends(output) == _ends(source)


def _ends(path: Path) -> bytes:
    """Return the first and the last bytes of a file."""
    with path.open("rb") as file:
        first = file.read(_SAMPLE_BYTES)
        file.seek(-min(_SAMPLE_BYTES, path.stat().st_size), os.SEEK_END)
        return first + file.read()
