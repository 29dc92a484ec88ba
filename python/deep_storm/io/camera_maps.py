"""Camera maps in a file: a TIFF of three float32 pages (y, x), all of the frames' size.

====  ====================================================  =============
page  what it holds                                         unit
====  ====================================================  =============
1     offset: mean value of the pixel without light,        ADU
      or its difference from the camera's baseline
2     gain: photoelectrons per A/D count                    photon/ADU
3     variance of the pixel without light                   ADU²
====  ====================================================  =============

Page 2 or 3 filled with NaN says nothing: the camera's own number holds for every pixel. A stack
of dark frames tells pages 1 and 3; page 2 needs light.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import CameraError, DeepStormError
from deep_storm.io.files import atomic_path
from deep_storm.io.marks import OURS
from deep_storm.io.stacks.pages import TiffPages

LABELS = ("offset [ADU]", "gain [photon/ADU]", "variance [ADU²]")


def read_camera_maps(path: str | os.PathLike[str]) -> CameraMaps:
    """Read camera maps.

    Parameters
    ----------
    path
        A TIFF as the module describes it; slices, channels or plain pages are all the same.

    Returns
    -------
    CameraMaps
        Each map (y, x); None where the page is NaN.

    Raises
    ------
    StackError
        The file is no TIFF, or damaged.
    CameraError
        It does not hold three pages of grey numbers, or a value cannot be a camera's.
    """
    offset, gain, variance = _pages(path)
    try:
        if (variance < 0).any():
            raise CameraError(
                f"the variance (page 3) is {variance.min():g} in a pixel",
                "values of at least 0",
                "measure the map again or set that pixel to the median",
            )
        noise = None if np.isnan(variance).all() else np.sqrt(variance)
        return CameraMaps(offset, None if np.isnan(gain).all() else gain, noise)
    except DeepStormError as error:
        raise CameraError(
            f"{os.fspath(path)}: {error.received}", error.expected, error.advice
        ) from error


def write_camera_maps(
    path: str | os.PathLike[str], maps: CameraMaps, overwrite: bool = False
) -> None:
    """Write camera maps as :func:`read_camera_maps` reads them.

    Parameters
    ----------
    path
        The TIFF file.
    maps
        (y, x) each; gain and read-out noise may be missing.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    CameraError
        There is no baseline.
    OutputError
        The file exists already or cannot be written.
    """
    if maps.baseline_adu is None:
        raise CameraError("camera maps without a baseline", "at least the baseline of every pixel")
    pages = np.full((3, *maps.baseline_adu.shape), np.nan, np.float32)
    pages[0] = maps.baseline_adu
    if maps.photons_per_adu is not None:
        pages[1] = maps.photons_per_adu
    if maps.read_noise_adu is not None:
        pages[2] = maps.read_noise_adu**2
    about = {"axes": "ZYX", "Labels": list(LABELS)}
    with atomic_path(path, overwrite) as partial:
        tifffile.imwrite(partial, pages, imagej=True, metadata=about, software=OURS)


def _pages(path: str | os.PathLike[str]) -> npt.NDArray[np.float32]:
    """Return the three pages, float32 (3, y, x)."""
    stored = TiffPages(Path(path))
    layout, count = stored.layout, stored.count
    shape = [n for n in (count, layout.samples) if n > 1] + [layout.height, layout.width]
    # What ImageJ calls a slice, a channel or a time point has another place among the pages.
    apart = layout.samples == 1 or layout.planar
    if count * layout.samples != 3 or not apart or layout.kind not in "uif" or stored.cut:
        raise CameraError(
            f"{os.fspath(path)} holds {' × '.join(map(str, shape))}",
            "three pages of one size: offset (ADU), gain (photon/ADU) and variance (ADU²)",
            "stack the three maps in Fiji (Image > Stacks > Images to Stack) as 32-bit images",
        )
    pages = np.empty((count, *shape[-2:]) if count == 3 else (1, *shape), layout.dtype)
    try:
        stored.read(0, pages)
    finally:
        stored.file.close()
    return pages.reshape(3, *shape[-2:]).astype(np.float32)
