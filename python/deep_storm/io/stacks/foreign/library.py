"""What the readers of other programs' movies have in common: their library, axes and limits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from deep_storm.errors import StackError
from deep_storm.packages import install_command

MAX_FRAME_BYTES = 1 << 30
"""A frame is read whole; a file that says more is damaged, or no movie."""
TIME = ("t", "time")
Z = ("z",)


def library(name: str, path: Path, format_name: str) -> Any:
    """Import a library that is optional.

    Raises
    ------
    StackError
        It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise StackError(
            f"{path} is {format_name}, and {name.partition('.')[0]} is not installed",
            "",
            f"run `{install_command('formats')}`, or save the movie as TIFF",
        ) from error


def frame_axis(sizes: Mapping[str, int], path: Path) -> str | None:
    """Return the axis that counts frames: time, or z where time is one; None for a single frame.

    Parameters
    ----------
    sizes
        Of all axes but y and x.
    path
        Of the movie.

    Raises
    ------
    StackError
        More than one axis is longer than 1, or only one that is neither time nor z.
    """
    long = [name for name, size in sizes.items() if size > 1]
    if not long:
        return None
    if len(long) > 1 or long[0].lower() not in (*TIME, *Z):
        listed = ", ".join(f"{sizes[name]} {name}" for name in long)
        raise StackError(
            f"{path} has several frames in other axes than time ({listed})",
            "frames of one channel, one z plane and one position",
            "export one channel and one position, or open it in Fiji and choose there",
        )
    return long[0]


def check_frame(shape: tuple[int, int], itemsize: int, path: Path) -> None:
    """Refuse frames that no camera has.

    Raises
    ------
    StackError
        A frame would be larger than a gibibyte.
    """
    height, width = shape
    if height * width * itemsize > MAX_FRAME_BYTES:
        raise StackError(
            f"{path} says that its frames have {width} × {height} pixels",
            f"frames of at most {MAX_FRAME_BYTES >> 20} MiB",
            "the file is damaged, or no movie",
        )


def check_inside(folder: Path) -> tuple[Path, ...]:
    """Return all files below a folder; nothing but plain files and folders may be there.

    A link could lead elsewhere, and a pipe would be waited for.

    Raises
    ------
    StackError
        Something else is there, or the folder cannot be read.
    """
    found: list[Path] = []
    waiting = [folder]
    try:
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        found.append(Path(entry.path))
                    else:
                        raise StackError(
                            f"{entry.path} is neither a file nor a folder",
                            f"plain files and folders in {folder}",
                            "copy the movie as it was written",
                        )
    except OSError as error:
        raise StackError(f"{folder} cannot be read ({error.strerror})") from error
    return tuple(found)
