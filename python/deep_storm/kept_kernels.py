"""Compiled kernels that are kept on disk: numba's cache, made fit for many processes.

They are kept in this user's folder for caches (or in ``NUMBA_CACHE_DIR``), not beside the source:
an installation may be read-only. They are kept for the contents of the source, wherever that lies:
a second installation of the same version, as Fiji's is, compiles nothing. Where there is no such
folder, a disk is full or a kept file is damaged, a kernel is compiled anew in each process. It is
also compiled anew when something changes that it takes from elsewhere: another kernel, or a
constant of another module. A process that needs a kernel which another one is compiling waits for
it. What nobody used for months is deleted.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import secrets
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

from numba.core import config as _numba_config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile

from deep_storm import compiling
from deep_storm.folders import cache_folder, private_folder

if sys.platform != "win32":
    import fcntl

config: Any = _numba_config  # set from the environment, so no type checker knows its names
MAX_SECONDS_TO_COMPILE = 60.0
MAX_DAYS_UNUSED = 120.0
_DAMAGED = (
    OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, ImportError,
    RuntimeError, MemoryError, pickle.PickleError,
)  # fmt: skip


@lru_cache(maxsize=1)
def folder_of_kernels() -> Path | None:
    """Return the folder of compiled kernels; as they are code, nobody else may write there."""
    if config.CACHE_DIR:
        return Path(config.CACHE_DIR)
    return private_folder(cache_folder(), "kernels")


@cache
def _digest(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


@cache
def _note_use(folder: str) -> None:
    """Remember, once a process, that a folder of kernels was used."""
    with suppress(OSError):  # it may be read-only
        os.utime(folder)


def delete_unused(folder: Path) -> None:
    """Delete the kernels that nobody used for months: those of versions that are gone."""
    oldest = time.time() - MAX_DAYS_UNUSED * 86400.0
    with suppress(OSError):
        for kept in folder.iterdir():
            if kept.stat().st_mtime < oldest and not kept.is_symlink():
                shutil.rmtree(kept, ignore_errors=True)


class _Place:
    """Location of a kernel's files: numba's "locator"."""

    def __init__(self, function: Callable[..., Any], file: str, folder: Path) -> None:
        self._stamp = _digest(file)
        self._line = function.__code__.co_firstlineno
        self._folder = folder / f"{Path(file).stem}_{self._stamp[:16]}"

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> _Place | None:
        folder = folder_of_kernels()
        return None if folder is None else cls(function, file, folder)

    def ensure_cache_path(self) -> None:
        if not self._folder.is_dir() and not config.CACHE_DIR:
            delete_unused(self._folder.parent)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Implementation(CompileResultCacheImpl):
    _locator_classes: Any = (_Place,)


class _Files(IndexDataCacheFile):
    """Files with names that are unique between processes."""

    def _data_name(self, number: int) -> str:
        return str(self._data_name_pattern.format(number=number << 48 | secrets.randbits(48)))


class _Turn:
    """Whose turn it is to compile a kernel: a locked file, where the system can lock files.

    The system unlocks it when its process ends, however that happens. A process that waits longer
    than a kernel can take compiles it, too.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._held: int | None = None

    def take(self) -> bool:
        """Wait for the turn; return whether another process had it."""
        if sys.platform == "win32" or self._held is not None:
            return False
        waited = False
        with suppress(OSError):
            self._held = held = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            end = time.monotonic() + MAX_SECONDS_TO_COMPILE
            while not _locked(held) and time.monotonic() < end:
                waited = True
                time.sleep(0.05)
        return waited

    def give_back(self) -> None:
        """Let the next one have it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _locked(file: int) -> bool:
    """Lock an open file if no other process has; return whether it is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class KeptKernel(FunctionCache):
    """Compiled kernels on disk; failures to read or write them are ignored."""

    _impl_class = _Implementation

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        super().__init__(function)
        self._options = options
        place = self._impl.locator
        self._cache_file = _Files(
            cache_path=place.get_cache_path(),
            filename_base=self._impl.filename_base,
            source_stamp=place.get_source_stamp(),
        )
        self._turn = _Turn(Path(place.get_cache_path()) / f"{self._impl.filename_base}.lock")

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the kept kernel; None where this process is to compile it."""
        kept = self._kept(sig, target_context)
        if kept is None:
            compiling.begins()
            with suppress(OSError):  # nothing can be kept there
                self._impl.locator.ensure_cache_path()
            if self._turn.take():
                kept = self._kept(sig, target_context)
        if kept is not None:
            self._turn.give_back()
        return kept

    def _kept(self, sig: Any, target_context: Any) -> Any:
        try:
            kept = super().load_overload(sig, target_context)
        except _DAMAGED:
            return None
        if kept is not None:
            _note_use(self._impl.locator.get_cache_path())
        return kept

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a kernel that was compiled, and let the next process have its turn."""
        try:
            super().save_overload(sig, data)
        except _DAMAGED:
            return
        finally:
            self._turn.give_back()

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        said = f"{sorted(self._options.items())} {bool(config.BOUNDSCHECK)}"
        return (super()._index_key(sig, codegen), said, fingerprint(self._py_func))


def fingerprint(function: Callable[..., Any]) -> str:
    """Return a digest of the kernels and constants that a function uses."""
    digest = hashlib.sha256()
    _add_fingerprint(function, digest, {function})
    return digest.hexdigest()


def _is_code(constant: Any) -> bool:
    return isinstance(constant, CodeType)  # whose repr is a place in memory


def _add_fingerprint(function: Any, digest: Any, seen: set[Any]) -> None:
    for name in sorted(function.__code__.co_names):
        value = function.__globals__.get(name)
        inner = getattr(value, "py_func", None)
        digest.update(name.encode())
        if inner is not None and inner not in seen:
            seen.add(inner)
            code = inner.__code__
            digest.update(
                code.co_code + repr([c for c in code.co_consts if not _is_code(c)]).encode()
            )
            digest.update(repr(sorted(value.targetoptions.items())).encode())
            _add_fingerprint(inner, digest, seen)
        elif isinstance(value, type):  # whose methods need an object
            digest.update(repr(value).encode())
        elif hasattr(value, "tobytes"):
            digest.update(value.tobytes())
        elif isinstance(value, (int, float, str, tuple)):
            digest.update(repr(value).encode())
