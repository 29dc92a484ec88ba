"""The super-resolution image during a reconstruction: in memory, or on disk when too large.

An image of up to :data:`~deep_storm.io.mapped.MAX_PIXELS_IN_MEMORY` is one band of itself. A
larger one lies in a file without a name; it is drawn band by band, and each band leaves the memory
before the next one is touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deep_storm.io import mapped
from deep_storm.io.mapped import Float32, band_rows, let_go, on_disk


class Canvas:
    """An image that frames are added to.

    Parameters
    ----------
    height, width
        In super-resolution pixels.
    folder
        Where the file of a large image lies; default: the system's folder for such files.

    Attributes
    ----------
    pixels
        The image, float32 ``(y, x)``; mapped from its file when it is large.

    Raises
    ------
    OutputError
        The disk has no room for the file.
    """

    def __init__(self, height: int, width: int, folder: Path | None = None) -> None:
        if height * width <= mapped.MAX_PIXELS_IN_MEMORY:
            self.pixels: Float32 = np.zeros((height, width), np.float32)
        else:
            self.pixels = on_disk(height, width, folder)

    def bands(self) -> Iterator[tuple[int, Float32]]:
        """Yield the first row and the pixels of each band, to be drawn into."""
        rows = band_rows(self.pixels)
        for top in range(0, len(self.pixels), rows):
            yield top, self.pixels[top : top + rows]
            let_go(self.pixels)

    def load(self, image: Float32) -> None:
        """Take the pixels of a checkpoint."""
        for top, band in self.bands():
            band[...] = image[top : top + len(band)]
            let_go(image)
