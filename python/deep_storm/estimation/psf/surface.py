"""The background as a surface: values at nodes, linear between them.

Each scene has nodes of its own, which scatter around those of its *view* – the same part of the
field at about the same time. How much they scatter (light from far out of focus, which is another
one in every frame) is found in the movie: without such light all scenes of a view have the same
background.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel

FloatArray = npt.NDArray[np.float64]

STEP_SIGMAS = 9.0
"""Distance of the nodes: wide enough that a PSF's tails are not taken for background."""


class Grid(NamedTuple):
    """Positions of the nodes: the centres of square cells of ``step_px``.

    Attributes
    ----------
    rows, columns
        Number of nodes.
    step_px
        Their distance.
    """

    rows: int
    columns: int
    step_px: float

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.rows * self.columns


def make_grid(height_px: int, width_px: int, sigma_px: float) -> Grid:
    """Return the nodes for scenes of this size and a PSF of this width."""
    step_px = STEP_SIGMAS * sigma_px
    rows, columns = (max(1, math.ceil(edge / step_px)) for edge in (height_px, width_px))
    return Grid(rows, columns, step_px)


@kernel(fastmath=True)
def cell(at_px: float, count: int, step_px: float) -> tuple[int, int, float]:
    """Return the two nodes around a position along one axis, and the weight of the second."""
    at = min(max(at_px / step_px - 0.5, 0.0), count - 1.0)
    first = min(int(at), max(count - 2, 0))
    return first, min(first + 1, count - 1), at - first


@kernel(fastmath=True)
def add_surfaces(nodes: FloatArray, step_px: float, image: FloatArray) -> None:
    """Add surfaces with nodes (s, rows, columns) to scenes (s, y, x), in place."""
    scenes, height, width = image.shape
    _, rows, columns = nodes.shape
    for s in range(scenes):
        for j in range(height):
            above, below, down = cell(j + 0.5, rows, step_px)
            for i in range(width):
                left, right, across = cell(i + 0.5, columns, step_px)
                upper = (1.0 - across) * nodes[s, above, left] + across * nodes[s, above, right]
                lower = (1.0 - across) * nodes[s, below, left] + across * nodes[s, below, right]
                image[s, j, i] += (1.0 - down) * upper + down * lower


@kernel(fastmath=True)
def gather_nodes(image: FloatArray, step_px: float, nodes: FloatArray) -> None:
    """Add the transpose of :func:`add_surfaces` to nodes (s, rows, columns), in place."""
    scenes, height, width = image.shape
    _, rows, columns = nodes.shape
    for s in range(scenes):
        for j in range(height):
            above, below, down = cell(j + 0.5, rows, step_px)
            for i in range(width):
                left, right, across = cell(i + 0.5, columns, step_px)
                upper, lower = (1.0 - down) * image[s, j, i], down * image[s, j, i]
                nodes[s, above, left] += (1.0 - across) * upper
                nodes[s, above, right] += across * upper
                nodes[s, below, left] += (1.0 - across) * lower
                nodes[s, below, right] += across * lower


def surfaces(nodes: FloatArray, step_px: float, height: int, width: int) -> FloatArray:
    """Return the surfaces of nodes (s, rows, columns), float64 of shape (s, height, width)."""
    image = np.zeros((len(nodes), height, width))
    add_surfaces(nodes, step_px, image)
    return image
