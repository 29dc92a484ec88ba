"""Folders of this user: the home folder, and those for files that may be deleted."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TypeVar

NAME = "deep-storm"
PathT = TypeVar("PathT", str, Path)


def at_home(path: PathT) -> PathT:
    """Return a path whose ``~`` stands for the home folder in full, as a shell would.

    It does not where ``~`` is in quotes or behind ``=``, and nobody does for Python or a dialog.
    """
    text = str(path)
    if text != "~" and not text.startswith(("~/", f"~{os.sep}")):
        return path
    return type(path)(os.path.expanduser(text))  # noqa: PTH111 - keeps a slash at the end


def cache_folder() -> Path | None:
    """Return a folder of this user for a cache; None where no folder is writable.

    The system's place for caches comes first. Without a home that can be written (a container, a
    node of a computer cluster) it is a folder in the one for temporary files, which is taken only
    when nobody else could have put something into it: what lies there is trusted.
    """
    for folder in _candidates():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_private(folder):
                tempfile.TemporaryFile(dir=folder).close()
                return folder
        except OSError:
            continue
    return None


def private_folder(parent: Path | None, name: str) -> Path | None:
    """Return a folder within one for a cache, made when missing.

    None where there is none, or others can write there: what lies in it is trusted.
    """
    if parent is None:
        return None
    folder = parent / name
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder if _is_private(folder) else None
    except OSError:
        return None


def _is_private(folder: Path) -> bool:
    """Whether a folder belongs to this user and is not writable for everybody."""
    if os.name != "posix":
        return True
    about = folder.stat()
    return about.st_uid == os.geteuid() and not about.st_mode & 0o002


def _candidates() -> list[Path]:
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    user = f"-{os.geteuid()}" if os.name == "posix" else ""
    temporary = Path(tempfile.gettempdir()) / f"{NAME}{user}"
    try:
        return [Path(base or Path.home() / ".cache") / NAME, temporary]
    except RuntimeError:  # this user has no home
        return [temporary]
