"""Which reader a movie of another program needs."""

from __future__ import annotations

from pathlib import Path

from deep_storm.io.stacks.foreign import czi, ndtiff, ome_zarr, plain
from deep_storm.io.stacks.stream import FrameStream


def open_foreign(path: Path, partly: bool = False) -> FrameStream | None:
    """Open a movie that is no TIFF; None where it must be one.

    Parameters
    ----------
    path
        File or folder.
    partly
        Open also a file that is cut off, where its format allows that.

    Raises
    ------
    StackError
        It cannot be read, or the library for it is not installed.
    """
    ending = path.suffix.lower()
    if ending in plain.ENDINGS:
        return plain.PlainFrames(path, partly)
    if ending == czi.ENDING:
        return czi.CziFrames(path)
    if ending == ome_zarr.ENDING:
        return ome_zarr.ZarrFrames(path)
    if path.is_dir() and (path / ndtiff.INDEX).is_file():
        return ndtiff.NdTiffFrames(path)
    return None
