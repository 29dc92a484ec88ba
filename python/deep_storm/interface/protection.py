"""The files that a verb is going to read, from its declaration and the values given."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from deep_storm.errors import SettingsError
from deep_storm.io.config import load_toml
from deep_storm.io.guard import reading
from deep_storm.io.model_folder import CARD_FILE, HISTORY_FILE, LAST_FILE, WEIGHTS_FILE
from deep_storm.io.tables.about import record_beside
from deep_storm.io.tables.protocol import protocol_path
from deep_storm.settings import Settings

if TYPE_CHECKING:
    from deep_storm.interface.declaration import Verb

Named = tuple[str, Path]
_TABLE_ENDINGS = (".csv", ".hdf5", ".h5", ".mat", ".parquet", ".smlm", ".txt", ".xls")
_NOTES = {".hdf5": (".yaml",), ".raw": (".yaml",), ".dax": (".inf",)}
"""What Picasso's tables and movies without a header cannot be read without."""


def protecting(
    verb: Verb, given: Mapping[str, Any], settings: Mapping[str, object]
) -> AbstractContextManager[None]:
    """Protect the files that a call reads, for its duration.

    Parameters
    ----------
    verb
        What is called.
    given
        All that the caller gave, by keyword.
    settings
        The settings objects that it makes.
    """
    return reading(chain(inputs_of(verb, given), inputs_of(verb, settings)))


def inputs_of(verb: Verb, given: Mapping[str, Any]) -> Iterator[Named]:
    """Yield the files that a call reads: arguments, settings that are files, settings files.

    Parameters
    ----------
    verb
        What is called.
    given
        All that the caller gave, by keyword.

    Yields
    ------
    What each is called, and its path.
    """
    arguments = {a.name: a for a in verb.arguments}
    for name, value in given.items():
        argument = arguments.get(name)
        if argument is not None and (argument.writes or not _may_be_path(argument.kind)):
            continue
        what = "settings file" if name == "config" else name.replace("_", " ")
        for path in _paths(value):
            if _exists(path):
                yield what, path
                yield from _read_with(path, what)
            elif argument is not None and path.suffix:  # a movie that is still to be written
                yield what, path


def _exists(path: Path) -> bool:
    """Return whether a path exists; False for a text that cannot be a path."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _may_be_path(kind: Any) -> bool:
    return kind is Path or Path in get_args(kind)


def _paths(value: Any) -> Iterator[Path]:
    """Yield the paths in a value: itself, of several, a stream's files, a mapped array's."""
    if isinstance(value, (str, os.PathLike)):
        if os.fspath(value):
            yield Path(value)
    elif isinstance(value, Settings):
        yield from _paths(value.model_dump())
    elif isinstance(value, Mapping):
        yield from _paths([v for v in value.values() if isinstance(v, str)])
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _paths(one)
    else:
        files: Iterable[Any] = getattr(value, "files", ()) or (getattr(value, "filename", None),)
        for file in files:
            if isinstance(file, (str, os.PathLike)):
                yield Path(file)


def _read_with(path: Path, what: str) -> Iterator[Named]:
    """Yield files read along with a file: a folder's, those beside it, those in a run record."""
    if (path / CARD_FILE).is_file():
        for name in (CARD_FILE, WEIGHTS_FILE, LAST_FILE, HISTORY_FILE):
            yield what, path / name
    elif path.suffix.lower() == ".toml":
        yield from _named_in(path)
    else:
        for beside, file in _beside(path):
            if file.is_file():
                yield beside, file


def _beside(path: Path) -> Iterator[Named]:
    """Yield what may belong to a table or movie under its name, and is read with it."""
    ending = path.suffix.lower()
    if ending in _TABLE_ENDINGS:
        yield "protocol", protocol_path(path)
        yield "run record", record_beside(path)
    for notes in _NOTES.get(ending, ()):
        yield f"file with the notes of {path.name},", path.with_suffix(notes)


def _named_in(path: Path) -> Iterator[Named]:
    """Yield the inputs that a run record names."""
    try:
        inputs = load_toml(path).get("inputs", {})
    except SettingsError:
        return  # whoever reads it says so
    for what, value in inputs.items() if isinstance(inputs, dict) else ():
        if isinstance(value, str) and value:
            for file in filter(_exists, (Path(value), path.parent / Path(value).name)):
                yield f"{what} of the record {path.name},", file
