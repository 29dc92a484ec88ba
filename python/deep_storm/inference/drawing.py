"""What a chunk of frames adds to the super-resolution image, and how it is drawn.

The image is drawn chunk after chunk, in the order of frames, and within a chunk in bands of rows
side by side. What a pixel gets does not depend on the bands: the same numbers in the same order.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.canvas import Canvas
from deep_storm.inference.stages import StageClock

Float32 = npt.NDArray[np.float32]
MAX_BANDS = 4
"""Each band has to look at all that is drawn."""
MIN_ROWS = 64
"""Of a band: the lower, the more of what is drawn reaches into two."""


class Drawing(Protocol):
    """What a chunk of frames adds to the image."""

    def draw(self, band: Float32, top: int) -> None:
        """Add it to a band of the image that begins at row ``top``."""


class Gaussians(NamedTuple):
    """Gaussians, arrays of the same length: place, sigma (super-resolution px) and weight."""

    x: Float32
    y: Float32
    sigma: Float32
    weight: Float32

    def draw(self, band: Float32, top: int) -> None:
        """Add them to a band of the image that begins at row ``top``."""
        from deep_storm.rendering.kernels import gaussians  # pandas

        gaussians(band, top, *self)


def drawn_refined(
    candidates: Candidates, confidence: npt.NDArray[np.floating], upsampling: int
) -> Gaussians:
    """Return each emitter as a Gaussian of its uncertainty, weighted by its confidence."""
    scale = np.float32(upsampling)
    return Gaussians(
        candidates.x_px * scale,
        candidates.y_px * scale,
        candidates.spread_px * scale,
        confidence.astype(np.float32),
    )


class Painter:
    """Draws into a canvas, in several bands at a time.

    Parameters
    ----------
    stages
        Processor time is counted there.
    """

    def __init__(self, stages: StageClock) -> None:
        self._stages = stages
        self._bands = min(os.cpu_count() or 1, MAX_BANDS)
        self._pool = ThreadPoolExecutor(self._bands)

    def __enter__(self) -> Painter:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def draw(self, drawing: Drawing, canvas: Canvas) -> None:
        """Add a chunk to the image."""
        for top, band in canvas.bands():
            rows = max(-(-len(band) // self._bands), MIN_ROWS)
            pieces = [(band[r : r + rows], top + r) for r in range(0, len(band), rows)]
            list(self._pool.map(lambda piece: self._draw(drawing, *piece), pieces))

    def _draw(self, drawing: Drawing, band: Float32, top: int) -> None:
        with self._stages.measured("draw"):
            drawing.draw(band, top)
