"""Draw a localization table as an image.

Corner rule: pixel (0, 0) of the image reaches from 0 to ``pixel_size_nm`` in x and y. What lies
outside the image is left out, never moved to its border.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import SettingsError, TableError
from deep_storm.settings import Rendering

Values: TypeAlias = npt.NDArray[np.floating[Any]]
Image: TypeAlias = npt.NDArray[np.float32]

MOST_PIXELS = 2**28
"""Largest image: 16,384 × 16,384 px, 1 GiB."""
REACH_SIGMA = 4.5
"""A Gaussian is drawn this far from its centre; 14 in a million of it lie beyond."""


def render(
    table: pd.DataFrame,
    rendering: Rendering | None = None,
    field_nm: tuple[float, float] | None = None,
) -> Image:
    """Draw a table as an image.

    ``histogram`` counts the localizations in each pixel. ``gaussian`` draws each of them as a
    Gaussian integrated over the pixels, of sum 1, as wide as its uncertainty (or ``sigma_nm`` when
    that is set). A row whose uncertainty is not a positive number gets the median of the others.

    Parameters
    ----------
    table
        Columns ``x_nm`` and ``y_nm``; ``uncertainty_xy_nm`` for Gaussians without ``sigma_nm``.
    rendering
        Method and pixel size.
    field_nm
        Width and height of the field, rounded up to whole pixels. By default the image reaches
        from 0 to the pixel of the largest coordinate.

    Returns
    -------
    float32 image (y, x); its sum is the number of localizations inside.

    Raises
    ------
    TableError
        There is neither an uncertainty nor ``sigma_nm``, or neither a row nor a field.
    SettingsError
        The image would be too large.
    """
    rendering = rendering if rendering is not None else Rendering()
    pixel_size_nm = rendering.pixel_size_nm
    x_px = table["x_nm"].to_numpy(dtype=np.float64) / pixel_size_nm
    y_px = table["y_nm"].to_numpy(dtype=np.float64) / pixel_size_nm
    shape = _shape(x_px, y_px, pixel_size_nm, field_nm)
    if rendering.method == "histogram":
        return _histogram(x_px, y_px, shape)
    sigma_px = _sigma_nm(table, rendering.sigma_nm) / pixel_size_nm
    return _gaussians(x_px, y_px, sigma_px, shape)


def emitter_image(
    truth: pd.DataFrame, shape_px: tuple[int, int], pixel_size_nm: float, blur_px: float = 1.0
) -> Image:
    """Draw true emitters as equal Gaussians: the image a reconstruction is compared with.

    Parameters
    ----------
    truth
        Columns ``x_nm`` and ``y_nm``.
    shape_px
        (height, width) of the image.
    pixel_size_nm
        Pixel size of the image.
    blur_px
        Standard deviation of each emitter's Gaussian in image pixels; 0 counts emitters.

    Returns
    -------
    float32 image (y, x).
    """
    x_px = truth["x_nm"].to_numpy(dtype=np.float64) / pixel_size_nm
    y_px = truth["y_nm"].to_numpy(dtype=np.float64) / pixel_size_nm
    if blur_px <= 0:
        return _histogram(x_px, y_px, shape_px)
    return _gaussians(x_px, y_px, np.full(len(x_px), float(blur_px)), shape_px)


@numba.njit(nogil=True, cache=True)
def add_gaussians(
    image: npt.NDArray[Any], x_px: Values, y_px: Values, sigma_px: Values, weight: Values
) -> None:
    """Add pixel-integrated Gaussians to an image, in place.

    Compiled, and free of the interpreter lock: several threads may draw into images of their own.

    Parameters
    ----------
    image
        (y, x), float32 or float64, changed in place.
    x_px, y_px
        (n,), centres in pixels of the image, corner rule (the centre of pixel 0 is 0.5).
    sigma_px
        (n,), standard deviations in pixels; a Gaussian of 0 falls into one pixel.
    weight
        (n,), sum of each Gaussian.

    Notes
    -----
    Rows that are not finite or have a negative sigma are skipped.
    """
    height, width = image.shape
    in_columns = np.empty(width)
    in_rows = np.empty(height)
    for i in range(len(x_px)):
        sigma = float(sigma_px[i])
        finite = math.isfinite(x_px[i]) and math.isfinite(y_px[i]) and math.isfinite(weight[i])
        if not finite or not (0 <= sigma < math.inf):
            continue
        left, right = _integrate(in_columns, width, float(x_px[i]), sigma)
        top, bottom = _integrate(in_rows, height, float(y_px[i]), sigma)
        for y in range(top, bottom):
            in_row = weight[i] * in_rows[y]
            for x in range(left, right):
                image[y, x] += in_row * in_columns[x]


@numba.njit(nogil=True, cache=True)
def _integrate(shares: Values, length: int, centre: float, sigma: float) -> tuple[int, int]:
    """Fill in the share of a 1D Gaussian that each pixel gets; return the range that was filled."""
    reach = REACH_SIGMA * sigma
    # Compared as floats first: a far-away centre would overflow an integer.
    if centre + reach < 0 or centre - reach >= length:
        return 0, 0
    start = max(math.floor(max(centre - reach, 0.0)), 0)
    end = min(math.floor(min(centre + reach, float(length))) + 1, length)
    if sigma == 0:
        shares[start] = 1.0
        return start, end
    scale = 1.0 / (sigma * math.sqrt(2.0))
    below = math.erf((start - centre) * scale)
    for k in range(start, end):
        above = math.erf((k + 1 - centre) * scale)
        shares[k] = 0.5 * (above - below)
        below = above
    return start, end


def _shape(
    x_px: Values, y_px: Values, pixel_size_nm: float, field_nm: tuple[float, float] | None
) -> tuple[int, int]:
    """Return (height, width) of the image in pixels."""
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
    if width * height > MOST_PIXELS:
        fitting_nm = pixel_size_nm * math.sqrt(width * height / MOST_PIXELS)
        step = 10.0 ** (math.floor(math.log10(fitting_nm)) - 1)
        raise SettingsError(
            f"an image of {width} × {height} px is too large",
            f"at most {MOST_PIXELS} px in all",
            f"set pixel_size_nm to {math.ceil(fitting_nm / step + 1) * step:.6g} instead of "
            f"{pixel_size_nm:g}, or remove stray localizations far away",
        )
    return height, width


def _histogram(x_px: Values, y_px: Values, shape: tuple[int, int]) -> Image:
    height, width = shape
    # NaN compares false, so rows without a position are left out too.
    inside = (x_px >= 0) & (x_px < width) & (y_px >= 0) & (y_px < height)
    column, row = x_px[inside].astype(np.int64), y_px[inside].astype(np.int64)
    counts = np.bincount(row * width + column, minlength=height * width)
    return counts.reshape(shape).astype(np.float32)


def _gaussians(x_px: Values, y_px: Values, sigma_px: Values, shape: tuple[int, int]) -> Image:
    image = np.zeros(shape, dtype=np.float32)
    # Row after row of the image stays in the cache: twice as fast for a million localizations.
    order = np.argsort(y_px, kind="stable")
    add_gaussians(image, x_px[order], y_px[order], sigma_px[order], np.ones(len(order)))
    return image


def _sigma_nm(table: pd.DataFrame, sigma_nm: float | None) -> npt.NDArray[np.float64]:
    """Return the width of every row's Gaussian."""
    if sigma_nm is not None:
        return np.full(len(table), sigma_nm)
    if not len(table):
        return np.empty(0)
    known = "uncertainty_xy_nm" in table.columns
    values = table["uncertainty_xy_nm"].to_numpy(np.float64) if known else np.zeros(len(table))
    usable = np.isfinite(values) & (values > 0)
    if not usable.any():
        raise TableError(
            "the table has no " + ("usable " if known else "") + "column uncertainty_xy",
            "an uncertainty for each localization",
            "set sigma_nm, or draw a histogram",
        )
    return np.where(usable, values, np.median(values[usable]))
