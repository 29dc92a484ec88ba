"""The background as a surface: values at nodes, linear between them.

Scenes of a *view* – the same part of the field at about the same time – share a background, and
each differs from it. How much they differ (light from far out of focus, which is another one in
every frame) is found in the movie: without such light all scenes of a view have the same
background. What they share has finer nodes: it stays while molecules blink, so it does not take
their tails, and a hill that nodes cannot follow would be taken for molecules and their tails.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

STEP_SIGMAS = 9.0
"""Distance of a scene's nodes: wide enough that a PSF's tails are not taken for background."""
SHARED_STEP_SIGMAS = 4.5
"""Distance of the nodes of what scenes share."""


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


def make_grid(
    height_px: int, width_px: int, sigma_px: float, step_sigmas: float = STEP_SIGMAS
) -> Grid:
    """Return the nodes for scenes of this size and a PSF of this width."""
    step_px = step_sigmas * sigma_px
    rows, columns = (max(1, math.ceil(edge / step_px)) for edge in (height_px, width_px))
    return Grid(rows, columns, step_px)


@kernel(fastmath=True)
def cell(at_px: float, count: int, step_px: float) -> tuple[int, int, float]:
    """Return the two nodes around a position along one axis, and the weight of the second."""
    at = min(max(at_px / step_px - 0.5, 0.0), count - 1.0)
    first = min(int(at), max(count - 2, 0))
    return first, min(first + 1, count - 1), at - first


@kernel(fastmath=True)
def _shares(length_px: int, count: int, step_px: float) -> tuple[FloatArray, Integers, Integers]:
    """Return each node's share of the pixels along an axis, its first pixel, and the last's end."""
    shares = np.zeros((count, length_px))
    first, end = np.full(count, length_px), np.zeros(count, np.int64)
    for i in range(length_px):
        before, after, across = cell(i + 0.5, count, step_px)
        shares[before, i] += 1.0 - across
        shares[after, i] += across
        for node in (before, after):
            first[node], end[node] = min(first[node], i), i + 1
    return shares, first, end


@kernel(fastmath=True)
def add_surfaces(nodes: FloatArray, step_px: float, image: FloatArray) -> None:
    """Add surfaces with nodes (s, rows, columns) to scenes (s, y, x), in place."""
    scenes, height, width = image.shape
    _, rows, columns = nodes.shape
    shares, first, end = _shares(width, columns, step_px)
    for s in range(scenes):
        for j in range(height):
            above, below, down = cell(j + 0.5, rows, step_px)
            for column in range(columns):
                upper, lower = nodes[s, above, column], nodes[s, below, column]
                level = (1.0 - down) * upper + down * lower
                own = shares[column, first[column] : end[column]]
                out = image[s, j, first[column] : end[column]]
                for i in range(own.size):
                    out[i] += level * own[i]


@kernel(fastmath=True)
def gather_nodes(image: FloatArray, step_px: float, nodes: FloatArray) -> None:
    """Add the transpose of :func:`add_surfaces` to nodes (s, rows, columns), in place."""
    scenes, height, width = image.shape
    _, rows, columns = nodes.shape
    shares, first, end = _shares(width, columns, step_px)
    for s in range(scenes):
        for j in range(height):
            above, below, down = cell(j + 0.5, rows, step_px)
            for column in range(columns):
                own = shares[column, first[column] : end[column]]
                values = image[s, j, first[column] : end[column]]
                total = 0.0
                for i in range(own.size):
                    total += own[i] * values[i]
                nodes[s, above, column] += (1.0 - down) * total
                nodes[s, below, column] += down * total


def moved_to(other: Grid, nodes: FloatArray, grid: Grid) -> FloatArray:
    """Return surfaces of ``grid`` at the nodes of another grid, (s, rows, columns)."""
    along = []
    for count, own in ((other.rows, grid.rows), (other.columns, grid.columns)):
        matrix = np.zeros((count, own))
        for k in range(count):
            before, after, share = cell((k + 0.5) * other.step_px, own, grid.step_px)
            matrix[k, before] += 1.0 - share
            matrix[k, after] += share
        along.append(matrix)
    moved: FloatArray = along[0] @ nodes @ along[1].T
    return moved


def surfaces(nodes: FloatArray, step_px: float, height: int, width: int) -> FloatArray:
    """Return the surfaces of nodes (s, rows, columns), float64 of shape (s, height, width)."""
    image = np.zeros((len(nodes), height, width))
    add_surfaces(nodes, step_px, image)
    return image
