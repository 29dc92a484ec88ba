"""Mask images: where emitters are, drawn by the user.

A mask is spread over the whole field, whatever its own number of pixels; its values are
proportional to the probability of an emitter there. Positions within a mask pixel are continuous.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
from tifffile import TiffFileError

from deep_storm.errors import SettingsError
from deep_storm.simulation.structures import Field

FloatArray = npt.NDArray[np.float64]
MaskLike = npt.NDArray[np.generic] | str | os.PathLike[str]


@dataclass(frozen=True)
class Mask:
    """Emitters where a mask image says, with the probabilities that it says.

    ``cumulative`` holds the summed probability of the pixels of the (rows, columns) image, row
    after row. There is no light from outside: the mask says nothing about it.
    """

    field: Field
    rows: int
    columns: int
    cumulative: FloatArray

    @property
    def share_in_field(self) -> float:
        """Share of the positions that fall into the field: the whole mask lies in it."""
        return 1.0

    def positions(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Draw ``count`` positions: x and y in camera pixels."""
        pixel = np.searchsorted(self.cumulative, rng.random(count), side="right")
        row, column = np.divmod(pixel, self.columns)
        x = (column + rng.random(count)) * (self.field.width_px / self.columns)
        return x, (row + rng.random(count)) * (self.field.height_px / self.rows)


def mask_structure(mask: MaskLike, field: Field) -> Mask:
    """Spread a mask image over a field.

    Parameters
    ----------
    mask
        Array of shape (y, x), not negative, or the path of an image (TIFF, PNG …; of a colour
        image the mean of red, green and blue).
    field
        The field; its margin stays empty.

    Raises
    ------
    SettingsError
        The image cannot be read, is not two-dimensional, has negative or non-finite values, or is
        black.
    """
    name = "the mask" if isinstance(mask, np.ndarray) else f"the mask image {os.fspath(mask)}"
    values = np.asarray(mask if isinstance(mask, np.ndarray) else _read(Path(mask)), np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise SettingsError(
            f"{name} has the shape {values.shape}", "one image (y, x)", "save a single slice"
        )
    if not np.isfinite(values).all() or values.min() < 0:
        raise SettingsError(
            f"{name} has negative or non-finite values",
            "values proportional to the probability of an emitter, from 0 up",
            "clip the image",
        )
    if values.max() == 0:
        raise SettingsError(
            f"{name} is black everywhere", "at least one bright pixel", "draw the structure bright"
        )
    cumulative = np.cumsum(values.ravel())
    cumulative /= cumulative[-1]
    rows, columns = values.shape
    return Mask(field, rows, columns, cumulative)


def _read(path: Path) -> npt.NDArray[np.generic]:
    """Read one image file; the mean over the colours of a colour image."""
    if not path.is_file():
        raise SettingsError(
            f"structure is {str(path)!r}, and there is no such file",
            "uniform, filaments, clusters, mixed, or the path of a mask image",
            "correct the name",
        )

    try:
        image = _pixels(path)
    except (OSError, ValueError, SyntaxError, TiffFileError) as error:
        raise SettingsError(
            f"the mask image {path} cannot be read ({error})",
            "a TIFF or PNG image",
            "save it again as TIFF",
        ) from error
    if image.ndim == 3 and image.shape[2] in (3, 4):
        image = image[:, :, :3].mean(axis=2)
    return image


def _pixels(path: Path) -> npt.NDArray[np.generic]:
    if path.suffix.lower() in (".tif", ".tiff"):
        return np.asarray(tifffile.imread(path))
    from skimage.io import imread

    return np.asarray(imread(path))
