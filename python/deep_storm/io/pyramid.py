"""Images too large for memory: tiled BigTIFF with smaller levels for a quick look.

An OME-TIFF with a pyramid in SubIFDs, as Bio-Formats (in Fiji), QuPath and napari read it: level 0
is the image, each further level the mean of 2 × 2 pixels of the one before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from deep_storm.io.files import atomic_path
from deep_storm.io.foreign import TROUBLE
from deep_storm.io.mapped import MAX_PIXELS_IN_MEMORY, band_rows, let_go, on_disk
from deep_storm.io.marks import OURS

TILE_PX = 512
MIN_PX = 1024
"""No level is made of one that is not larger than this."""

Float32 = npt.NDArray[np.float32]


def write_pyramid(
    path: str | os.PathLike[str],
    image: Float32,
    pixel_size_nm: float,
    overwrite: bool = False,
    mark: str = OURS,
) -> None:
    """Write an image with its pyramid; only a few rows of tiles are in memory at a time.

    Parameters
    ----------
    path
        The TIFF file.
    image
        (y, x); mapped from a file when it is large.
    pixel_size_nm
        Edge of a pixel of the image.
    overwrite
        Whether an existing file may be replaced.
    mark
        What the file says wrote it, see :mod:`deep_storm.io.marks`.

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    levels = level_count(*image.shape)
    um = pixel_size_nm / 1000.0
    about = {
        "axes": "YX",
        "PhysicalSizeX": um,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": um,
        "PhysicalSizeYUnit": "µm",
    }
    with (
        atomic_path(path, overwrite) as partial,
        tifffile.TiffWriter(partial, bigtiff=True, ome=True) as tif,
    ):
        for level in range(levels + 1):
            first: dict[str, Any] = {"subifds": levels, "metadata": about}
            later: dict[str, Any] = {"subfiletype": 1, "metadata": None}
            if level:
                image = _halved(image, Path(partial).parent)
            per_cm = 1e7 / (pixel_size_nm * 2**level)
            tif.write(
                _tiles(image),
                shape=image.shape,
                dtype=np.float32,
                tile=(TILE_PX, TILE_PX),
                photometric="minisblack",
                resolution=(per_cm, per_cm),
                resolutionunit="CENTIMETER",
                software=mark,
                **(later if level else first),
            )


def read_smaller(path: str | os.PathLike[str], min_px: int) -> tuple[Float32, float] | None:
    """Return the smallest level of one of our images whose longer edge has so many pixels.

    Returns
    -------
    (y, x), and the edge of its pixels in nm; None where there is no such level, or it does not fit
    into memory.
    """
    with suppress(*TROUBLE), tifffile.TiffFile(path) as tif:
        levels = tif.series[0].levels
        found = [k for k, level in enumerate(levels) if k and max(level.shape) >= min_px]
        if found and levels[found[-1]].size <= MAX_PIXELS_IN_MEMORY:
            pixels = levels[found[-1]].asarray()
            if pixels.ndim == 2:
                per, of = levels[found[-1]].keyframe.tags["XResolution"].value
                return pixels.astype(np.float32, copy=False), 1e7 * of / per
    return None


def level_count(height: int, width: int) -> int:
    """Return the number of smaller levels of an image."""
    count = 0
    while max(height, width) > MIN_PX:
        height, width, count = -(-height // 2), -(-width // 2), count + 1
    return count


def _tiles(image: Float32) -> Iterator[Float32]:
    """Yield the tiles row by row; those at the border are padded with zeros."""
    height, width = image.shape
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            tile = np.zeros((TILE_PX, TILE_PX), np.float32)
            seen = image[top : top + TILE_PX, left : left + TILE_PX]
            tile[: seen.shape[0], : seen.shape[1]] = seen
            yield tile
        let_go(image)


def _halved(image: Float32, folder: Path) -> Float32:
    """Return the means of 2 × 2 pixels; the last row and column may have half as many."""
    height, width = (-(-n // 2) for n in image.shape)
    smaller = on_disk(height, width, folder)
    step = band_rows(smaller)
    for top in range(0, height, step):
        band = image[2 * top : 2 * (top + step)]
        odd = ((0, band.shape[0] % 2), (0, band.shape[1] % 2))
        even = np.pad(band, odd, mode="edge") if any(map(any, odd)) else band
        blocks = even.reshape(len(even) // 2, 2, even.shape[1] // 2, 2)
        smaller[top : top + step] = blocks.mean(axis=(1, 3), dtype=np.float32)
        for mapped in (image, smaller):
            let_go(mapped)
        let_go(smaller)
    return smaller
