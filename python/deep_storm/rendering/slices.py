"""A table drawn as a stack of slices along z."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import SettingsError
from deep_storm.localizations import depths_of
from deep_storm.progress import Progress, silent
from deep_storm.rendering.drawing import drawing_of
from deep_storm.rendering.extent import Extent
from deep_storm.settings import Rendering

MAX_SLICES = 10_000
MAX_VALUES = 2**28
"""Of all slices together, 1 GiB."""


class Slices(NamedTuple):
    """Slices of a field.

    Attributes
    ----------
    image
        float32 of shape (z, y, x), in localizations per pixel.
    first_nm
        Depth at which the first slice begins.
    slice_nm
        Thickness of each.
    extent
        Size of a slice.
    """

    image: npt.NDArray[np.float32]
    first_nm: float
    slice_nm: float
    extent: Extent

    def legend(self) -> str:
        """Say which depths there are, in one line."""
        last_nm = self.first_nm + len(self.image) * self.slice_nm
        return (
            f"{len(self.image)} slices of {self.slice_nm:g} nm along z, from {self.first_nm:g} to "
            f"{last_nm:g} nm"
        )


def draw_slices(table: pd.DataFrame, rendering: Rendering, progress: Progress = silent) -> Slices:
    """Draw each slice along z as :func:`~deep_storm.rendering.render` draws a table.

    Slices begin at whole multiples of their thickness; a localization is in one of them.

    Parameters
    ----------
    table
        Columns as for an image, and ``z_nm``; at least one row.
    rendering
        Method, pixel size, and thickness of the slices.
    progress
        Called with the slices done.

    Raises
    ------
    TableError
        There are no depths, or something else is missing.
    SettingsError
        There are too many pixels, or settings contradict each other.
    """
    slice_nm = rendering.slice_nm
    if slice_nm is None:
        raise SettingsError("slices without a thickness", "slice_nm", "give --slice-nm 50")
    _check_alone(rendering)
    z_nm = depths_of(table, "slices along z")
    first = math.floor(float(z_nm.min()) / slice_nm)
    place = np.floor(z_nm / slice_nm).astype(np.int64) - first
    count = int(place.max()) + 1
    extent = drawing_of(table, rendering).extent
    if count > MAX_SLICES or count * extent.pixels > MAX_VALUES:
        raise SettingsError(
            f"{count:,} slices of {extent.width} × {extent.height} px are too many",
            f"at most {MAX_SLICES:,} slices and {MAX_VALUES:,} pixels in all",
            "make slice_nm or pixel_size_nm larger, or filter the table by z first",
        )
    field_nm = (extent.width * extent.pixel_size_nm, extent.height * extent.pixel_size_nm)
    image = np.zeros((count, extent.height, extent.width), np.float32)
    for number in range(count):
        rows = table.loc[place == number]
        if len(rows):
            image[number] = drawing_of(rows, rendering, field_nm).draw()
        progress(number + 1, count, "slices drawn")
    return Slices(image, first * slice_nm, slice_nm, extent)


def _check_alone(rendering: Rendering) -> None:
    """Refuse what slices cannot have."""
    for name, usual in (("colour", "grey"), ("depth", "float32"), ("view", "xy")):
        value = getattr(rendering, name)
        if value != usual:
            raise SettingsError(
                f"slices together with {name} {value}",
                f"slices with {name} {usual}",
                f"leave out slice_nm or {name}",
            )
