"""A file that is read at any place, also from a network drive that goes away for a while."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Answer = TypeVar("Answer")

WAITS_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses between two attempts: a drive that reconnects by itself does so within half a minute."""
_NAMES = """EIO ESTALE ENOTCONN ENODEV ENXIO ETIMEDOUT ECONNRESET ECONNABORTED EHOSTDOWN
EHOSTUNREACH ENETDOWN ENETUNREACH EREMOTEIO ESHUTDOWN"""
_AWAY = {getattr(errno, name) for name in _NAMES.split() if hasattr(errno, name)}
_AWAY_ON_WINDOWS = {21, 53, 55, 59, 64, 67, 121, 1167, 1231, 1236}
"""Not ready, network path or name not found, network error, timeout, device gone."""


def is_away(error: BaseException | None) -> bool:
    """Return whether an error is that of a drive that cannot be reached."""
    if not isinstance(error, OSError):
        return False
    return error.errno in _AWAY or getattr(error, "winerror", None) in _AWAY_ON_WINDOWS


class OpenFile:
    """A file with random access, opened on demand; it may be closed at any time.

    Several threads may share one: a read neither moves nor closes the file under another. Where its
    drive is gone, a read opens the file again after pauses, about half a minute in all, and says so
    in a warning.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None
        self._in_use = threading.Lock()
        self._given_up = threading.Event()
        self._was_there = False

    def __reduce__(self) -> tuple[type[OpenFile], tuple[Path]]:
        return OpenFile, (self.path,)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return bytes, fewer at the end of the file.

        Raises
        ------
        OSError
            The file cannot be read, or its drive did not come back.
        """
        data: bytes = self._patiently(offset, lambda file: file.read(size))
        return data

    def read_into(self, offset: int, out: npt.NDArray[np.uint8]) -> int:
        """Fill an array of bytes; return the number of bytes read.

        Raises
        ------
        OSError
            The file cannot be read, or its drive did not come back.
        """
        return int(self._patiently(offset, lambda file: file.readinto(out.data)))

    def state(self) -> os.stat_result:
        """Return the size and times of the file.

        Raises
        ------
        OSError
            The file cannot be opened, or its drive did not come back.
        """
        return self._patiently(0, lambda file: os.fstat(file.fileno()))

    def _patiently(self, offset: int, read: Callable[[Any], Answer]) -> Answer:
        with self._in_use:
            for attempt, pause in enumerate(WAITS_SECONDS):
                try:
                    return self._attempt(offset, read)
                except OSError as error:
                    # The folder in which a drive was mounted is empty without it.
                    gone = self._was_there and isinstance(error, FileNotFoundError)
                    if not (gone or is_away(error)):
                        raise
                    if not attempt:
                        self._warn(error)
                    if self._given_up.wait(pause):
                        raise
            return self._attempt(offset, read)

    def _attempt(self, offset: int, read: Callable[[Any], Answer]) -> Answer:
        try:
            if self._file is None:
                self._file = self.path.open("rb")
                self._was_there = True
            self._file.seek(offset)
            return read(self._file)
        except OSError:
            self._drop()
            raise

    def _warn(self, error: OSError) -> None:
        warnings.warn(
            f"{self.path.name} cannot be read just now ({error.strerror}); waiting up to "
            f"{sum(WAITS_SECONDS):.0f} s for its drive",
            stacklevel=4,
        )

    def _drop(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # the drive is gone; nothing was written
                file.close()

    def give_up(self) -> None:
        """Let nobody wait for the drive any more."""
        self._given_up.set()

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        with self._in_use:
            self._drop()
