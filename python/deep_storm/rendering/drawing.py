"""A table prepared for drawing band by band.

A band is a range of the image's rows. Bands are drawn beside each other by threads, and one after
the other into a file when the image does not fit into memory; the pixels are the same.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import TableError
from deep_storm.localizations import depths_of
from deep_storm.rendering.extent import MAX_PIXELS, Extent, Values, extent_of, tell_stray
from deep_storm.rendering.kernels import REACH_SIGMA, elliptical_gaussians, triangles
from deep_storm.settings import Rendering

Image: TypeAlias = npt.NDArray[np.float32]

STRIPS_PER_CORE = 4
AXIAL = "uncertainty_z_nm"
WIDEST = 20.0
"""Uncertainties above this many times the median are drawn as wide as that: what they add is a
haze that nobody sees, and a few of them would take longer than all the others."""


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
        tell_stray(view.across_nm + corner_nm[0], view.down_nm + corner_nm[1], extent)
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
