"""What the run under way reads, so that no output can replace it.

Whoever begins a run names its inputs, and everything that writes asks here first, whatever else
it is allowed to replace::

    with reading([("stack", "movie.tif")]):
        check_not_an_input("movie.tif")  # OutputError

Two names are compared as files, not as text: through symbolic and hard links, relative paths and
file systems that ignore case.
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


class Input(NamedTuple):
    """A file or folder that is read: what it is called, where it is, and what it is known by."""

    what: str
    path: Path
    key: Key


_inputs: ContextVar[tuple[Input, ...]] = ContextVar("inputs of the run", default=())


@contextmanager
def reading(inputs: Iterable[tuple[str, StrPath]]) -> Iterator[None]:
    """Protect files and folders while a run lasts, besides those of the run around it.

    Parameters
    ----------
    inputs
        What each is called (``stack``), and where it is. What does not exist cannot be lost and
        is left out.
    """
    keys = ((what, Path(path), file_key(path)) for what, path in inputs)
    found = tuple(Input(what, path, key) for what, path, key in keys if key is not None)
    token = _inputs.set((*_inputs.get(), *found))
    try:
        yield
    finally:
        _inputs.reset(token)


def check_not_an_input(path: StrPath) -> None:
    """Refuse an output that is an input of the run under way, or a folder that holds one.

    Raises
    ------
    OutputError
        It names the input, and a name that would do.
    """
    output, key = Path(path), file_key(path)
    if key is None:
        return
    for what, source, other in _inputs.get():
        if key == other:
            where = "itself" if output == source else f"{source} itself"
            raise _refused(output, f"the output {output} is the {what} {where}")
        if output.is_dir() and key in map(file_key, Path(os.path.realpath(source)).parents):
            raise _refused(output, f"the {what} {source} lies in the output folder {output}")


def file_key(path: StrPath) -> Key | None:
    """Return what a file or folder is known by, whatever it is called; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a name that cannot be a path is no error here
    except (OSError, ValueError):
        return None
    if found.st_ino:
        return found.st_dev, found.st_ino
    return os.path.realpath(path).casefold()  # a network disk without file numbers


def _refused(output: Path, received: str) -> OutputError:
    free = output.with_name(f"{output.stem}_result{output.suffix}")
    return OutputError(
        received,
        "a file that this run does not read",
        f"choose another name, such as {free}; --overwrite does not replace an input",
    )
