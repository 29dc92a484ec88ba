"""A table prepared for drawing band by band.

A band is a range of the image's rows. Bands are drawn beside each other by threads, and one after
the other into a file when the image does not fit into memory; the pixels are the same.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import SettingsError, TableError
from deep_storm.localizations import depths_of
from deep_storm.rendering.kernels import REACH_SIGMA, elliptical_gaussians, triangles
from deep_storm.settings import Rendering

Values: TypeAlias = npt.NDArray[np.float64]
Image: TypeAlias = npt.NDArray[np.float32]

MAX_PIXELS = 2**28
"""Largest image in memory: 16,384 × 16,384 px, 1 GiB."""
MAX_PIXELS_IN_FILE = 2**31
"""Largest image in a file, 8 GiB; beyond it a stray localization is the likelier reason."""
BAND_PIXELS = 2**23
STRIPS_PER_CORE = 4
MIN_ROWS_OF_MOST = 100
PIXELS_TO_MIND = 2**24
STRAY_SHARE = 0.1
"""A larger image of which most localizations fill a smaller share is told."""
AXIAL = "uncertainty_z_nm"
WIDEST = 20.0
"""Uncertainties above this many times the median are drawn as wide as that: what they add is a
haze that nobody sees, and a few of them would take longer than all the others."""


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


class Drawing:
    """Localizations sorted by row, ready to be drawn.

    Parameters
    ----------
    extent
        Size of the image.
    x_px, y_px
        Positions in pixels of the image, finite.
    width_px
        Standard deviation of each one's Gaussian; None draws (shifted) histograms.
    bins
        Pixels along the bin of an average shifted histogram; 1 is the plain histogram.
    height_px
        Standard deviation of each one's Gaussian along y, where it differs.
    """

    def __init__(
        self,
        extent: Extent,
        x_px: Values,
        y_px: Values,
        width_px: Values | None,
        bins: int = 1,
        height_px: Values | None = None,
    ) -> None:
        self.extent = extent
        # Row after row of the image stays in the cache, and a band finds its rows by bisection.
        row = np.clip(np.floor(y_px), -1, extent.height) + 1
        # Small numbers are sorted by their digits, which is ten times faster.
        row = row.astype(np.uint16 if extent.height < 2**16 - 2 else np.int64)
        self._order = np.argsort(row, kind="stable")
        self._row = row[self._order].astype(np.int64) - 1
        self._x, self._y = x_px[self._order], y_px[self._order]
        tall_px = width_px if height_px is None else height_px
        self._width = None if width_px is None else width_px[self._order]
        self._height = None if tall_px is None else tall_px[self._order]
        self._bins = bins
        reach = bins if tall_px is None else REACH_SIGMA * float(tall_px.max(initial=0.0))
        self._reach = math.ceil(reach) + 1

    def __len__(self) -> int:
        return len(self._row)

    @property
    def inside(self) -> int:
        """Number of localizations inside the image."""
        within = (self._row >= 0) & (self._row < self.extent.height)
        within &= (self._x >= 0) & (self._x < self.extent.width)
        return int(np.count_nonzero(within))

    def draw(self, top: int = 0, end: int | None = None, weight: Values | None = None) -> Image:
        """Draw the rows ``top`` to ``end − 1`` of the image, with all cores.

        Parameters
        ----------
        top, end
            The band's rows; by default all.
        weight
            Sum of each localization, in the table's order; default 1.

        Returns
        -------
        float32 band (y, x).
        """
        end = self.extent.height if end is None else end
        band = np.zeros((end - top, self.extent.width), np.float32)
        ordered = np.ones(len(self)) if weight is None else weight[self._order]
        cuts = self._cuts(top, end)

        def work(first: int, last: int) -> None:
            self._draw_into(band[first - top : last - top], first, ordered)

        with ThreadPoolExecutor(cores()) as pool:
            list(pool.map(work, cuts[:-1], cuts[1:]))
        return band

    def _cuts(self, top: int, end: int) -> list[int]:
        """Cut a band into strips with about equal numbers of localizations."""
        first, last = np.searchsorted(self._row, (top, end))
        share = np.linspace(first, max(last - 1, first), STRIPS_PER_CORE * cores() + 1)[1:-1]
        inner = self._row[share.astype(np.int64)] if last > first else ()
        return sorted({top, end, *(int(row) for row in inner if row > top)})

    def _draw_into(self, strip: Image, top: int, weight: Values) -> None:
        """Draw into one strip the localizations that reach it."""
        limits = top - self._reach, top + len(strip) + self._reach
        some = slice(*(int(place) for place in np.searchsorted(self._row, limits)))
        if self._width is not None and self._height is not None:
            across, down = self._width[some], self._height[some]
            elliptical_gaussians(
                strip, top, self._x[some], self._y[some], across, down, weight[some]
            )
            return
        # Clipped first: a far-away position would overflow an integer.
        column = np.floor(np.clip(self._x[some], -self._bins, self.extent.width + self._bins))
        row = np.floor(np.clip(self._y[some], -self._bins, self.extent.height + self._bins))
        triangles(
            strip, top, column.astype(np.int64), row.astype(np.int64), self._bins, weight[some]
        )


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def drawing_of(
    table: pd.DataFrame,
    rendering: Rendering,
    field_nm: tuple[float, float] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Drawing:
    """Prepare a table for drawing.

    Parameters
    ----------
    table
        Columns ``x_nm`` and ``y_nm``, and ``z_nm`` for a view from the side; ``uncertainty_xy_nm``
        (and ``uncertainty_z_nm``) for Gaussians without ``sigma_nm``.
    rendering
        Method, pixel size and view.
    field_nm
        Width and height of the field, instead of the one in ``rendering``.
    max_pixels
        The largest image allowed.

    Raises
    ------
    TableError
        A position is missing or not a finite number, there is neither an uncertainty nor
        ``sigma_nm``, or neither a row nor a field.
    SettingsError
        The image would be too large.
    """
    view = seen_from(table, rendering)
    x_px, y_px = (v / rendering.pixel_size_nm for v in (view.across_nm, view.down_nm))
    field = rendering.field_nm if field_nm is None else field_nm
    extent = extent_of(x_px, y_px, rendering.pixel_size_nm, field, max_pixels)
    if field is None and rendering.view == "xy":
        corner_nm = rendering.corner_nm or (0.0, 0.0)
        _tell_stray(view.across_nm + corner_nm[0], view.down_nm + corner_nm[1], extent)
    if rendering.method == "gaussian":
        width_px = _sigma_nm(table, rendering.sigma_nm) / rendering.pixel_size_nm
        height_px = None
        if rendering.view != "xy" and "uncertainty_z_nm" in table.columns:
            height_px = _sigma_nm(table, rendering.sigma_nm, AXIAL) / rendering.pixel_size_nm
        return Drawing(extent, x_px, y_px, width_px, height_px=height_px)
    bins = 1 if rendering.method == "histogram" else rendering.shifts
    return Drawing(extent, x_px, y_px, None, bins)


class View(NamedTuple):
    """Where localizations lie in an image, nm from its upper left corner.

    ``corner_nm`` is where that corner lies along both axes of the view.
    """

    across_nm: Values
    down_nm: Values
    corner_nm: tuple[float, float]


def seen_from(table: pd.DataFrame, rendering: Rendering) -> View:
    """Return where localizations lie in the view that is asked for; from the side, z is upwards.

    Raises
    ------
    TableError
        A position is missing or not a finite number.
    """
    if rendering.view == "xy":
        corner = rendering.corner_nm or (0.0, 0.0)
        return View(
            _positions(table, "x_nm") - corner[0], _positions(table, "y_nm") - corner[1], corner
        )
    across = _positions(table, f"{rendering.view[0]}_nm")
    z_nm = depths_of(table, "a view from the side")
    step = rendering.pixel_size_nm
    highest = math.ceil(float(z_nm.max(initial=0.0 if not len(z_nm) else -math.inf)) / step) * step
    corner = rendering.corner_nm or (0.0, highest)
    return View(across - corner[0], corner[1] - z_nm, corner)


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


def _tell_stray(x_nm: Values, y_nm: Values, extent: Extent) -> None:
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


def _positions(table: pd.DataFrame, name: str) -> Values:
    """Return a coordinate of all rows, which must be finite."""
    if name not in table.columns:
        raise TableError(
            f"the table has no column {name} (columns: {', '.join(map(str, table.columns))})",
            "positions in nm",
            "export the table again with x [nm] and y [nm]",
        )
    values = table[name].to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise TableError(
            f"the table has {values[bad[0]]} as {name} in row {bad[0] + 1}",
            "a finite number",
            "remove that row or export the table again",
        )
    return values


def _sigma_nm(
    table: pd.DataFrame, sigma_nm: float | None, column: str = "uncertainty_xy_nm"
) -> Values:
    """Return the sigma of every row's Gaussian."""
    if sigma_nm is not None:
        return np.full(len(table), sigma_nm)
    if not len(table):
        return np.empty(0)
    known = column in table.columns
    values = table[column].to_numpy(np.float64) if known else np.zeros(len(table))
    usable = np.isfinite(values) & (values > 0)
    if not usable.any():
        name = column.removesuffix("_nm")
        raise TableError(
            "the table has no " + ("usable " if known else "") + f"column {name}",
            "an uncertainty for each localization",
            "set sigma_nm, or draw a histogram",
        )
    median = float(np.median(values[usable]))
    return np.minimum(np.where(usable, values, median), WIDEST * median)
