"""What went wrong on a disk, in words."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from deep_storm.errors import OutputError

_LITTLE_BYTES = 1 << 24
_GONE = ("the folder or its drive is gone", "bring it back or choose another folder")
_REASONS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free some space or write to another disk"),
    errno.EFBIG: (
        "the file size limit is reached",
        "raise the limit (ulimit -f), or write to a disk that takes larger files",
    ),
    errno.EACCES: ("no permission to write there", "choose another folder or ask for write access"),
    errno.EPERM: ("no permission to write there", "choose another folder or ask for write access"),
    errno.EROFS: ("that disk is read-only", "choose a folder on another disk"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "choose another folder"),
    errno.EEXIST: ("a part of the path is a file, not a folder", "choose another folder"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
    errno.EIO: ("the disk reports an error", "write to another disk"),
    errno.ENOENT: _GONE,
    errno.ENODEV: _GONE,
}
if hasattr(errno, "EDQUOT"):  # not on Windows
    _REASONS[errno.EDQUOT] = ("your disk quota is used up", "free some space or write elsewhere")
if hasattr(errno, "ESTALE"):  # a network drive that came and went
    _REASONS[errno.ESTALE] = _GONE


def output_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Turn an operating-system error about writing ``path`` into one clear sentence."""
    if _is_short_write(error):
        reason, advice = _REASONS[errno.ENOSPC if _is_full(Path(path)) else errno.EFBIG]
    else:
        unknown = (error.strerror or str(error), "choose another folder")
        reason, advice = _REASONS.get(error.errno or 0, unknown)
    shown = Path(path).absolute() if os.fspath(path) == os.curdir else path
    return OutputError(f"cannot write {os.fspath(shown)}: {reason}", advice=advice)


def check_name(path: str | os.PathLike[str]) -> None:
    """Check that a file can have this name; nothing is created.

    Raises
    ------
    OutputError
        It is too long, or holds a null character.
    """
    try:
        os.lstat(path)
    except ValueError as error:
        raise OutputError(
            f"{os.fspath(path)} cannot be a file name", "a name without null characters"
        ) from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise output_error(path, error) from error


def _is_short_write(error: OSError) -> bool:
    """Recognize the error of NumPy's ``tofile`` on a full disk, which has no number."""
    return error.errno is None and "written" in str(error)


def _is_full(path: Path) -> bool:
    """Return whether a disk is full; a file size limit stops a write as well."""
    folder = next((p for p in path.absolute().parents if p.is_dir()), Path())
    try:
        return shutil.disk_usage(folder).free < _LITTLE_BYTES
    except OSError:
        return True


def is_about(error: OSError, partial: Path, final: Path) -> bool:
    """Return whether an error is about our output, not about an input read meanwhile."""
    if _is_short_write(error):
        return True
    if error.filename is None:
        return error.errno in _REASONS
    named = Path(os.fsdecode(error.filename))
    return named in (partial, final, final.parent) or partial in named.parents
