"""Draw a localization table as an image.

Corner rule: pixel (0, 0) of the image reaches from 0 to ``pixel_size_nm`` in x and y. What lies
outside the image is left out, never moved to its border.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deep_storm.rendering.drawing import Drawing, Image, drawing_of
from deep_storm.rendering.extent import MAX_PIXELS_IN_FILE, Extent
from deep_storm.rendering.kernels import add_gaussians
from deep_storm.rendering.renderer import MAX_PIXELS_KEPT, Levels, Renderer
from deep_storm.rendering.slices import Slices, draw_slices
from deep_storm.settings import Rendering

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MAX_PIXELS_IN_FILE",
    "MAX_PIXELS_KEPT",
    "Levels",
    "Renderer",
    "Slices",
    "add_gaussians",
    "draw_slices",
    "emitter_image",
    "render",
]


def render(
    table: pd.DataFrame,
    rendering: Rendering = Rendering(),
    field_nm: tuple[float, float] | None = None,
) -> Image:
    """Draw a table as an image.

    ``histogram`` counts the localizations in each pixel. ``gaussian`` draws each of them as a
    Gaussian integrated over the pixels, of sum 1, as wide as its uncertainty (or ``sigma_nm`` when
    that is set). A row whose uncertainty is not a positive number gets the median of the others.
    ``shifted-histogram`` is the mean of all histograms with bins of ``shifts`` pixels, shifted
    against each other by whole pixels [1]_.

    Parameters
    ----------
    table
        Columns ``x_nm`` and ``y_nm``; ``uncertainty_xy_nm`` for Gaussians without ``sigma_nm``.
    rendering
        Method and pixel size; colour and depth are for files (see :class:`Renderer`).
    field_nm
        Width and height of the field, rounded up to whole pixels. By default the image reaches
        from 0 to the pixel of the largest coordinate.

    Returns
    -------
    float32 image (y, x); its sum is the number of localizations inside.

    Raises
    ------
    TableError
        A position is missing or not finite, there is neither an uncertainty nor ``sigma_nm``, or
        neither a row nor a field.
    SettingsError
        The image would be too large.

    References
    ----------
    .. [1] D. W. Scott, "Averaged shifted histograms: effective nonparametric density estimators in
       several dimensions", Annals of Statistics 13, 1024 (1985).
       https://doi.org/10.1214/aos/1176349654
    """
    return drawing_of(table, rendering, field_nm).draw()


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
    width_px = np.full(len(x_px), float(blur_px)) if blur_px > 0 else None
    return Drawing(Extent(*shape_px, pixel_size_nm), x_px, y_px, width_px).draw()
