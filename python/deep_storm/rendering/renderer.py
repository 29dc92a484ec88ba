"""From a table to the pixels of an image file: whole or in bands, in numbers or colours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import SettingsError
from deep_storm.progress import Progress, silent
from deep_storm.rendering.colours import Colouring, coloured, colouring_of
from deep_storm.rendering.drawing import Image, drawing_of, seen_from
from deep_storm.rendering.extent import MAX_PIXELS_IN_FILE, Extent
from deep_storm.settings import Rendering

MAX_PIXELS_KEPT = 2**26
"""A larger image (8192 × 8192 px, 256 MiB) is drawn band by band and never whole in memory."""
SAMPLES = 2**22
"""Pixels that percentiles are taken from, at least, of a larger image."""
BRIGHTEST_PERCENTILE, SHOWN_PERCENTILE = 99.0, 99.7
MAX_16_BIT = 65535


class Levels(NamedTuple):
    """Statistics of the pixels of a drawing.

    ``brightest`` is the 99th percentile of those that are not empty, ``shown`` the 99.7th of all
    (or the largest, when that is 0), ``total`` their sum.
    """

    brightest: float
    largest: float
    shown: float
    total: float


class Renderer:
    """A table that is drawn as an image.

    Parameters
    ----------
    table
        Columns ``x_nm`` and ``y_nm``; ``uncertainty_xy_nm`` for Gaussians without a width;
        ``frame`` or ``confidence`` for these colours.
    rendering
        Method, pixel size, colour and depth.
    max_pixels
        The largest image allowed.

    Raises
    ------
    TableError
        The table is empty, or a column is missing or has values that are not finite.
    SettingsError
        The image would be too large, or 16 bits are asked for together with a colour.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        rendering: Rendering,
        max_pixels: int = MAX_PIXELS_IN_FILE,
    ) -> None:
        if rendering.colour != "grey" and rendering.depth != "float32":
            raise SettingsError(
                f"depth {rendering.depth} together with colour {rendering.colour}",
                "one of them: a colour image has 8 bits of red, green and blue",
                "leave one out",
            )
        self.rendering = rendering
        self.drawing = drawing_of(table, rendering, max_pixels=max_pixels)
        self.corner_nm = seen_from(table, rendering).corner_nm
        self.colouring: Colouring | None = None
        if rendering.colour != "grey":
            self.colouring = colouring_of(table, rendering)

    @property
    def extent(self) -> Extent:
        """Size of the image."""
        return self.drawing.extent

    @property
    def is_kept(self) -> bool:
        """Whether the image is drawn once and kept in memory."""
        return self.extent.pixels <= MAX_PIXELS_KEPT

    @cached_property
    def image(self) -> Image:
        """The whole image, float32 (y, x), in localizations per pixel."""
        return self.drawing.draw()

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the pixels that :meth:`pixels` yields."""
        return np.dtype("uint8" if self.colouring is not None else self.rendering.depth)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image that :meth:`pixels` yields: (y, x), or (y, x, 3) in colour."""
        channels = (3,) if self.colouring is not None else ()
        return (self.extent.height, self.extent.width, *channels)

    def levels(self, progress: Progress = silent) -> Levels:
        """Compute statistics of all pixels."""
        step = max(self.extent.pixels // SAMPLES, 1)
        samples, largest, total = [], 0.0, 0.0
        for top, end in self.extent.bands():
            band = self._density(top, end)
            samples.append(band.ravel()[::step])
            largest = max(largest, float(band.max()))
            total += float(band.sum(dtype=np.float64))
            if not self.is_kept:
                progress(end, 2 * self.extent.height, "rows drawn")
        some = np.concatenate(samples)
        lit = some[some > 0]
        brightest = float(np.percentile(lit, BRIGHTEST_PERCENTILE)) if len(lit) else largest
        shown = float(np.percentile(some, SHOWN_PERCENTILE))
        return Levels(brightest or 1.0, largest, shown or largest or 1.0, total)

    def scale(self, levels: Levels) -> float:
        """Return the factor from localizations per pixel to the values in the file.

        Counts stay counts in 16 bits as long as they fit.
        """
        if self.dtype != np.uint16 or levels.largest == 0:
            return 1.0
        counts = self.rendering.method == "histogram" and levels.largest <= MAX_16_BIT
        return 1.0 if counts else MAX_16_BIT / levels.largest

    def pixels(self, levels: Levels, progress: Progress = silent) -> Iterator[npt.NDArray[Any]]:
        """Yield the bands from top to bottom, with the shape and dtype of the image file."""
        scale = np.float32(self.scale(levels))
        for top, end in self.extent.bands():
            band = self._density(top, end)
            if self.colouring is not None:
                shaded = self.drawing.draw(top, end, self.colouring.shade)
                yield coloured(band, shaded, levels.brightest)
            elif self.dtype == np.uint16:
                yield np.clip(band * scale + np.float32(0.5), 0, MAX_16_BIT).astype(np.uint16)
            else:
                yield band
            done = end if self.is_kept else self.extent.height + end
            progress(done, self.extent.height * (1 if self.is_kept else 2), "rows written")

    def _density(self, top: int, end: int) -> Image:
        return self.image[top:end] if self.is_kept else self.drawing.draw(top, end)
