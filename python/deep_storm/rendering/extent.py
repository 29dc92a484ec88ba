"""How large an image is, and what to do about localizations far away that make it larger."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from deep_storm.errors import SettingsError, TableError

Values: TypeAlias = npt.NDArray[np.float64]

MAX_PIXELS = 2**28
"""Largest image in memory: 16,384 × 16,384 px, 1 GiB."""
MAX_PIXELS_IN_FILE = 2**31
"""Largest image in a file, 8 GiB; beyond it a stray localization is the likelier reason."""
BAND_PIXELS = 2**23
MIN_ROWS_OF_MOST = 100
PIXELS_TO_MIND = 2**24
STRAY_SHARE = 0.1
"""A larger image of which most localizations fill a smaller share is reported."""


class Extent(NamedTuple):
    """Size of an image: rows, columns, and the pixel size."""

    height: int
    width: int
    pixel_size_nm: float

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    def bands(self, max_pixels: int = BAND_PIXELS) -> Iterator[tuple[int, int]]:
        """Yield the ranges of rows, first and end, of bands of at most so many pixels."""
        rows = max(max_pixels // self.width, 1)
        for top in range(0, self.height, rows):
            yield top, min(top + rows, self.height)


def extent_of(
    x_px: Values,
    y_px: Values,
    pixel_size_nm: float,
    field_nm: tuple[float, float] | None,
    max_pixels: int = MAX_PIXELS,
) -> Extent:
    """Return the size of the image: the field, or from 0 to the pixel of the largest coordinate.

    Raises
    ------
    TableError
        There is neither a position nor a field.
    SettingsError
        The field has no area, or the image would be too large.
    """
    if field_nm is not None:
        # A field of 6400.0000001 nm, as unit conversions give, does not need one pixel more.
        width, height = (math.ceil(edge / pixel_size_nm - 1e-6) for edge in field_nm)
    elif len(x_px):
        width, height = (max(math.floor(v.max()) + 1, 1) for v in (x_px, y_px))
    else:
        raise TableError(
            "the table is empty", "at least one localization, or a field", "give the field's size"
        )
    if width < 1 or height < 1:
        raise SettingsError(f"the field is {field_nm} nm", "two positive numbers", "correct it")
    if width * height > max_pixels:
        fitting_nm = pixel_size_nm * math.sqrt(width * height / max_pixels)
        step = 10.0 ** (math.floor(math.log10(fitting_nm)) - 1)
        raise SettingsError(
            f"an image of {width} × {height} px is too large",
            f"at most {max_pixels} px in all",
            f"set pixel_size_nm to {math.ceil(fitting_nm / step + 1) * step:.6g} instead of "
            f"{pixel_size_nm:g}{_or_where_most_are(x_px * pixel_size_nm, y_px * pixel_size_nm)}",
        )
    return Extent(height, width, pixel_size_nm)


def _most(x_nm: Values, y_nm: Values) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return corner and size, in whole micrometres, of the region with all but 1 % of the rows."""
    first, last = np.percentile([x_nm, y_nm], [0.5, 99.5], axis=1)
    margin = 0.05 * (last - first) + 100.0
    corner = np.floor((first - margin) / 1000.0) * 1000.0
    size = np.ceil((last + margin - corner) / 1000.0) * 1000.0
    return (float(corner[0]), float(corner[1])), (float(size[0]), float(size[1]))


def _or_where_most_are(x_nm: Values, y_nm: Values) -> str:
    if len(x_nm) < MIN_ROWS_OF_MOST:
        return ", or remove stray localizations far away"
    corner, size = _most(x_nm, y_nm)
    return (
        f", or draw only where most localizations are: corner_nm {corner[0]:.0f} {corner[1]:.0f} "
        f"and field_nm {size[0]:.0f} {size[1]:.0f}"
    )


def tell_stray(x_nm: Values, y_nm: Values, extent: Extent) -> None:
    """Warn if a few distant localizations make the image much larger."""
    if extent.pixels < PIXELS_TO_MIND or len(x_nm) < MIN_ROWS_OF_MOST:
        return
    _, size = _most(x_nm, y_nm)
    share = size[0] * size[1] / (extent.pixels * extent.pixel_size_nm**2)
    if share < STRAY_SHARE:
        warnings.warn(
            f"99 % of the localizations lie in {share:.1%} of the image"
            f"{_or_where_most_are(x_nm, y_nm).replace(', or draw', '; draw')}",
            stacklevel=4,
        )
