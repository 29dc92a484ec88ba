"""Arrays too large for memory: memory maps of unnamed files, used piece by piece.

The system frees such a file when the process ends, however it ends.
"""

from __future__ import annotations

import errno
import mmap
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.io.disk_errors import output_error

Float32 = npt.NDArray[np.float32]
MAX_PIXELS_IN_MEMORY = 2**26
"""Of an image: 256 MiB, 8192 × 8192 px."""
BAND_BYTES = 64 * 2**20


def on_disk(height: int, width: int, folder: Path | None = None) -> Float32:
    """Return an array of zeros, mapped from an unnamed file.

    Parameters
    ----------
    height, width
        Of the array, float32.
    folder
        Where the file lies; default: the system's folder for such files.

    Raises
    ------
    OutputError
        The disk has no room for it.
    """
    size = 4 * height * width
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):
                # Without room for all of it a write into the map would end the process.
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            return np.memmap(file, np.float32, "r+", shape=(height, width))
    except OSError as error:
        if error.errno == errno.ENOMEM:  # the disk is not to blame
            raise MemoryError(f"Unable to map an image of {size / 2**20:.0f} MB") from error
        raise output_error(folder or Path(tempfile.gettempdir()), error) from error


def is_on_disk(array: npt.NDArray[Any]) -> bool:
    """Return whether an array is mapped from a file."""
    return isinstance(array, np.memmap)


def let_go(array: npt.NDArray[Any]) -> None:
    """Release the memory of a mapped array; its values stay in the file."""
    mapped = getattr(array, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and sys.platform == "linux":
        mapped.madvise(mmap.MADV_DONTNEED)


def band_rows(array: npt.NDArray[Any]) -> int:
    """Return the number of rows of a mapped array to use at a time; all if it is in memory."""
    if not is_on_disk(array):
        return max(len(array), 1)
    return max(BAND_BYTES // max(array[:1].nbytes, 1), 1)
