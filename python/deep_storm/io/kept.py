"""Small results that took long, kept in this user's folder for caches.

An entry is a JSON file, named after a key that stands for everything the result depends on, with a
checksum inside. What is damaged, too large, of another key or not this user's alone is no entry:
the result is worked out anew. Nothing fails because of the cache, and it may be deleted at any
time.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from deep_storm.folders import cache_folder, private_folder

MAX_ENTRIES = 200
"""The ones that were used last are kept."""
MAX_BYTES = 1 << 20
"""Of an entry."""


def folder_of_kept() -> Path | None:
    """Return the folder of the entries; None where there is none that only this user can write."""
    return private_folder(cache_folder(), "learnt")


def recall(key: str) -> Any:
    """Return what was kept under a key, in JSON's types; None where there is nothing sound.

    Parameters
    ----------
    key
        64 hexadecimal digits.
    """
    folder = folder_of_kept()
    if folder is None:
        return None
    path = folder / f"{key}.json"
    try:
        if path.is_symlink() or path.stat().st_size > MAX_BYTES:
            return None
        entry = json.loads(path.read_bytes())
        values = entry["values"]
        if entry["key"] != key or entry["checksum"] != _checksum(values):
            return None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    with suppress(OSError):
        os.utime(path)
    return values


def keep(key: str, values: Any) -> None:
    """Keep values under a key, and let go of the entries that were not used for longest.

    Parameters
    ----------
    key
        64 hexadecimal digits.
    values
        In JSON's types, and not None.
    """
    folder = folder_of_kept()
    if folder is None:
        return
    entry = {"key": key, "checksum": _checksum(values), "values": values}
    text = json.dumps(entry).encode()
    if len(text) > MAX_BYTES:
        return
    with suppress(OSError):
        _write(folder, f"{key}.json", text)
        _let_go(folder)


def _write(folder: Path, name: str, text: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    number, partial = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(text)
        Path(partial).replace(folder / name)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _let_go(folder: Path) -> None:
    """Delete the oldest files of the folder; another process may do so, too."""
    used: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        with suppress(OSError):
            used.append((path.stat().st_mtime, path))
    for _, path in sorted(used)[:-MAX_ENTRIES]:
        with suppress(OSError):
            path.unlink()


def _checksum(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
