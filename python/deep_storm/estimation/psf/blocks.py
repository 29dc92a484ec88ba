"""Blocks of the information matrix, one for each scene: the preconditioner of the joint fit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.psf.kernels import OF_EMITTER, Placed
from deep_storm.estimation.psf.surface import cell
from deep_storm.kernels import kernel

FloatArray = npt.NDArray[np.float64]


@kernel(fastmath=True)
def scene_information(
    placed: Placed,
    first: int,
    stop: int,
    weight: FloatArray,
    core_px: int,
    rows: int,
    columns: int,
    step_px: float,
) -> FloatArray:
    """Return the information matrix of a scene's emitters and background nodes.

    Only the middle of the PSF counts where two emitters, or an emitter and a node, share a pixel.

    Parameters
    ----------
    placed
        The emitters.
    first, stop
        Which of them.
    weight
        Inverse variance of the scene's pixels, (y, x).
    core_px
        Half the edge of the middle.
    rows, columns, step_px
        The nodes.

    Returns
    -------
    Square matrix: photons, x and y of each emitter, then the nodes row by row.
    """
    size = OF_EMITTER * (stop - first) + rows * columns
    matrix = np.zeros((size, size))
    for k in range(first, stop):
        for other in range(k, stop):
            _fill_pair(placed, k, other, first, weight, core_px, matrix)
        _fill_nodes(placed, k, first, weight, core_px, rows, columns, step_px, matrix)
    _fill_background(weight, rows, columns, step_px, size - rows * columns, matrix)
    for a in range(size):
        for b in range(a):
            matrix[a, b] = matrix[b, a]
    return matrix


@kernel(fastmath=True)
def _fill_pair(
    placed: Placed,
    k: int,
    other: int,
    first: int,
    weight: FloatArray,
    core_px: int,
    matrix: FloatArray,
) -> None:
    height, width = weight.shape
    skip = placed.window.shape[2] // 2 - core_px
    edge = 2 * core_px
    top, left = placed.corner[k, 0], placed.corner[k, 1]
    top2, left2 = placed.corner[other, 0], placed.corner[other, 1]
    begin = max(top, top2) + skip
    end = min(min(top, top2) + skip + edge, height)
    near = max(left, left2) + skip
    far = min(min(left, left2) + skip + edge, width)
    for p in range(OF_EMITTER):
        for q in range(OF_EMITTER):
            total = 0.0
            for j in range(max(begin, 0), end):
                for i in range(max(near, 0), far):
                    own = placed.window[k, p, j - top, i - left]
                    total += weight[j, i] * own * placed.window[other, q, j - top2, i - left2]
            matrix[OF_EMITTER * (k - first) + p, OF_EMITTER * (other - first) + q] = total


@kernel(fastmath=True)
def _fill_nodes(
    placed: Placed,
    k: int,
    first: int,
    weight: FloatArray,
    core_px: int,
    rows: int,
    columns: int,
    step_px: float,
    matrix: FloatArray,
) -> None:
    height, width = weight.shape
    skip = placed.window.shape[2] // 2 - core_px
    top, left = placed.corner[k, 0], placed.corner[k, 1]
    nodes = matrix.shape[0] - rows * columns
    for j in range(max(top + skip, 0), min(top + skip + 2 * core_px, height)):
        above, below, down = cell(j + 0.5, rows, step_px)
        for i in range(max(left + skip, 0), min(left + skip + 2 * core_px, width)):
            before, after, across = cell(i + 0.5, columns, step_px)
            for p in range(OF_EMITTER):
                value = weight[j, i] * placed.window[k, p, j - top, i - left]
                line = matrix[OF_EMITTER * (k - first) + p]
                line[nodes + above * columns + before] += (1 - down) * (1 - across) * value
                line[nodes + above * columns + after] += (1 - down) * across * value
                line[nodes + below * columns + before] += down * (1 - across) * value
                line[nodes + below * columns + after] += down * across * value


@kernel(fastmath=True)
def _fill_background(
    weight: FloatArray, rows: int, columns: int, step_px: float, nodes: int, matrix: FloatArray
) -> None:
    height, width = weight.shape
    place, share = np.empty(4, np.int64), np.empty(4)
    for j in range(height):
        above, below, down = cell(j + 0.5, rows, step_px)
        for i in range(width):
            before, after, across = cell(i + 0.5, columns, step_px)
            place[0], place[1] = above * columns + before, above * columns + after
            place[2], place[3] = below * columns + before, below * columns + after
            share[0], share[1] = (1 - down) * (1 - across), (1 - down) * across
            share[2], share[3] = down * (1 - across), down * across
            for a in range(4):
                for b in range(4):
                    value = weight[j, i] * share[a] * share[b]
                    matrix[nodes + place[a], nodes + place[b]] += value
