"""Colours an image by a property of its localizations: depth, frame, density or confidence.

Every pixel has the hue of the mean value of the localizations in it, and is as bright as there are
many. The hues are those of :mod:`deep_storm.rendering.palette`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from deep_storm.errors import TableError
from deep_storm.localizations import depths_of
from deep_storm.rendering.drawing import Image
from deep_storm.rendering.extent import Values
from deep_storm.rendering.palette import SHADES, Rgb, palette
from deep_storm.settings import Rendering

DEPTH_PERCENTILES = (1, 99)
FINEST = 4096
"""Most pixels along an edge of the grid that densities are taken from."""


class Colouring(NamedTuple):
    """Meaning of the colours.

    ``shade`` is each localization's place between the lowest colour (0) and the highest (1);
    ``low`` and ``high`` are the values that these two stand for.
    """

    shade: Values
    low: float
    high: float
    name: str

    def legend(self) -> str:
        """Describe the colours in one line."""
        low, high = self.limits()
        return f"colour: {self.name} from {low} (blue) to {high} (red)"

    def limits(self) -> tuple[str, str]:
        """Return the two limits as text."""
        low, high = (f"{v:.0f}" if abs(v) >= 100 else f"{v:.3g}" for v in (self.low, self.high))
        return low, high


def colouring_of(table: pd.DataFrame, rendering: Rendering) -> Colouring:
    """Compute each localization's colour.

    Frames run from the first to the last; densities logarithmically, and depths, from the 1st to
    the 99th percentile; confidence from 0 to 1.

    Parameters
    ----------
    table
        Columns ``z_nm``, ``frame`` or ``confidence`` for these; at least one row.
    rendering
        What to colour by.

    Raises
    ------
    TableError
        The column is missing or has a value that is not finite.
    """
    if rendering.colour == "density":
        density = local_density_per_um2(table, rendering.density_sigma_nm)
        low, high = (max(float(v), 1e-9) for v in np.percentile(density, (1, 99)))
        span = math.log(high / low) if high > low else 1.0
        shade = np.clip(np.log(np.maximum(density, low) / low) / span, 0, 1)
        return Colouring(shade, low, high, "localizations per µm²")
    if rendering.colour == "z":
        z_nm = depths_of(table, "colours by depth")
        low, high = (float(v) for v in np.percentile(z_nm, DEPTH_PERCENTILES))
        shade = np.clip((z_nm - low) / max(high - low, 1e-9), 0, 1)
        return Colouring(shade, low, high, "z (nm)")
    name = "frame" if rendering.colour == "frame" else "confidence"
    values = _column(table, name)
    if name == "confidence":
        return Colouring(np.clip(values, 0, 1), 0.0, 1.0, name)
    low, high = float(values.min()), float(values.max())
    return Colouring((values - low) / max(high - low, 1.0), low + 1, high + 1, name)


def _column(table: pd.DataFrame, name: str) -> Values:
    if name not in table.columns:
        raise TableError(
            f"the table has no column {name}",
            f"a {name} for each localization",
            "choose another colour",
        )
    values = table[name].to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise TableError(
            f"the table has {values[bad[0]]} as {name} in row {bad[0] + 1}",
            "a finite number",
            "remove that row or choose another colour",
        )
    return values


def local_density_per_um2(table: pd.DataFrame, sigma_nm: float) -> Values:
    """Return the localizations per µm² around each localization, of all frames together.

    Neighbours count by a Gaussian of their distance, with the standard deviation ``sigma_nm``;
    they are counted on a grid of a quarter of it, or coarser in a large field.
    """
    from scipy.ndimage import gaussian_filter

    x_nm, y_nm = table["x_nm"].to_numpy(np.float64), table["y_nm"].to_numpy(np.float64)
    x_nm, y_nm = x_nm - x_nm.min(), y_nm - y_nm.min()
    cell_nm = max(sigma_nm / 4, max(x_nm.max(), y_nm.max()) / FINEST)
    column, row = (x_nm / cell_nm).astype(np.int64), (y_nm / cell_nm).astype(np.int64)
    width, height = int(column.max()) + 1, int(row.max()) + 1
    counts = np.bincount(row * width + column, minlength=width * height).reshape(height, width)
    smooth = gaussian_filter(counts.astype(np.float32), sigma_nm / cell_nm, mode="constant")
    return np.asarray(smooth[row, column] / (cell_nm / 1000) ** 2, dtype=np.float64)


def coloured(density: Image, shaded: Image, brightest: float) -> Rgb:
    """Colour a band.

    Parameters
    ----------
    density
        (y, x), localizations per pixel.
    shaded
        The same, each localization weighted with its shade.
    brightest
        Density of the brightest pixels.

    Returns
    -------
    (y, x, 3) uint8.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        shade = np.nan_to_num(shaded / density)
    index = np.clip(shade * (SHADES - 1) + 0.5, 0, SHADES - 1).astype(np.uint8)
    light = np.clip(density / np.float32(brightest), 0, 1)[..., None]
    return (palette()[index] * light + np.float32(0.5)).astype(np.uint8)
