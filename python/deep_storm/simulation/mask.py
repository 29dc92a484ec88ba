"""Mask images: where emitters may be, drawn by the user.

A mask is spread over the whole field, whatever its own number of pixels; its values are
proportional to the probability of an emitter there. Positions within a mask pixel are continuous.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from deep_storm.errors import SettingsError
from deep_storm.io.foreign import check_regular, damage_as
from deep_storm.simulation.field import Field, Places

FloatArray = npt.NDArray[np.float64]
MaskLike = npt.NDArray[np.generic] | str | os.PathLike[str]


MAX_VALUES = 1 << 25
"""Of a mask image: 5,792 × 5,792 px."""


@dataclass(frozen=True)
class Mask:
    """Emitters distributed with the probabilities of a mask image.

    ``cumulative`` holds the summed probability of the pixels of the (rows, columns) image, row
    after row. There is no light from outside: the mask says nothing about it.
    """

    field: Field
    rows: int
    columns: int
    cumulative: FloatArray

    @property
    def share_in_field(self) -> float:
        """Share of the positions in the field: the whole mask lies in it."""
        return 1.0

    def positions(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Draw ``count`` positions: x and y in camera pixels."""
        pixel = np.searchsorted(self.cumulative, rng.random(count), side="right")
        row, column = np.divmod(pixel, self.columns)
        x = (column + rng.random(count)) * (self.field.width_px / self.columns)
        return x, (row + rng.random(count)) * (self.field.height_px / self.rows)

    def places(self, count: int, rng: np.random.Generator, reach_px: float) -> Places:
        """Draw ``count`` positions, x and y in camera pixels, at any depth."""
        x, y = self.positions(count, rng)
        return Places(x, y, rng.uniform(-reach_px, reach_px, count))


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

    check_regular(path, SettingsError, "a TIFF or PNG image")
    with damage_as(partial(_unreadable, path)):
        image = _pixels(path)
    if image.ndim == 3 and image.shape[2] in (3, 4):
        image = image[:, :, :3].mean(axis=2)
    return image


def _pixels(path: Path) -> npt.NDArray[np.generic]:
    """Read the pixels, after checking their number."""
    if path.suffix.lower() in (".tif", ".tiff"):
        logging.getLogger("tifffile").setLevel(
            logging.CRITICAL
        )  # what it says is said in the error
        # A file of a set is read alone: nothing that it names is opened.
        with tifffile.TiffFile(path, is_ome=False, is_mmstack=False) as tif:
            page = tif.pages.first
            _check_size(page.size)
            if len(tif.pages) > 1:
                raise ValueError("it has several pages")
            return np.asarray(page.asarray())
    from PIL import Image

    try:
        with Image.open(path) as image:
            _check_size(image.width * image.height * len(image.getbands()))
            simple = {"P": "RGB", "PA": "RGB", "LA": "L", "CMYK": "RGB"}.get(image.mode)
            return np.asarray(image.convert(simple) if simple else image)
    except Image.DecompressionBombError as error:
        raise ValueError("it is too large") from error


def _check_size(values: int) -> None:
    if values > MAX_VALUES:
        raise ValueError(f"it has {values:,} values, but a mask may have at most {MAX_VALUES:,}")


def _unreadable(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"the mask image {path} cannot be read ({reason})",
        "a TIFF or PNG image",
        "save it again as TIFF",
    )


@dataclass(frozen=True)
class MaskWindow:
    """The part of a mask's field that a patch covers.

    The emitters of the whole field are drawn and those far from the window left out, so a window
    on a bright part of the mask is denser than the mean, as in a movie.
    """

    mask: Mask
    field: Field
    left_px: float
    top_px: float

    @classmethod
    def drawn(cls, mask: Mask, field: Field, rng: np.random.Generator) -> MaskWindow:
        """Draw a window around a bright position of the mask, within the mask's field."""
        x, y = mask.positions(1, rng)
        left = x[0] - rng.uniform(0, field.width_px)
        top = y[0] - rng.uniform(0, field.height_px)
        return cls(
            mask,
            field,
            float(np.clip(left, 0, mask.field.width_px - field.width_px)),
            float(np.clip(top, 0, mask.field.height_px - field.height_px)),
        )

    @property
    def share_in_field(self) -> float:
        """Share of the mask's area in the window, so that the mean over it is right."""
        return self.field.area_um2 / self.mask.field.area_um2

    def positions(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Draw ``count`` positions in the whole field, without those far from the window."""
        x, y = self.mask.positions(count, rng)
        x, y = x - self.left_px, y - self.top_px
        near = self.field.contains(x, y, self.field.margin_px)
        return x[near], y[near]

    def places(self, count: int, rng: np.random.Generator, reach_px: float) -> Places:
        """Draw ``count`` positions and depths, without those far from the window."""
        x, y, z = self.mask.places(count, rng, reach_px)
        x, y = x - self.left_px, y - self.top_px
        near = self.field.contains(x, y, self.field.margin_px)
        return Places(x[near], y[near], z[near])
