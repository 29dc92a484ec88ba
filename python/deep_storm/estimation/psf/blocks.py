"""Blocks of the information matrix: one for each scene, and that of the PSF.

They make up the preconditioner of the joint fit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.psf.banded import solve
from deep_storm.estimation.psf.kernels import OF_EMITTER, Placed
from deep_storm.estimation.psf.surface import cell
from deep_storm.kernels import kernel
from deep_storm.psf.taps import TAPS

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


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
    if begin >= end or near >= far:
        return
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


@kernel(fastmath=True)
def add_psf_information(
    placed: Placed, first: int, stop: int, weight: FloatArray, knots: int, band: FloatArray
) -> None:
    """Add the information that emitters have of the PSF's coefficients, each by itself, in place.

    Parameters
    ----------
    placed
        The emitters.
    first, stop
        Which of them: all those of a single scene.
    weight
        Inverse variance of each pixel of that scene, float64 of shape (y, x).
    knots
        Knots per pixel.
    band
        Of the matrix (:mod:`deep_storm.estimation.psf.banded`), of shape (edge², reach + 1).
    """
    height, width = weight.shape
    size, reach = placed.window.shape[2], band.shape[1] - 1
    edge = round(band.shape[0] ** 0.5)
    shares = np.empty((TAPS, TAPS))
    for k in range(first, stop):
        for a in range(TAPS):
            for b in range(TAPS):
                share = placed.taps[k, 0, a] * placed.taps[k, 1, b]
                shares[a, b] = placed.photons[k] * share
        top, left = placed.corner[k, 0], placed.corner[k, 1]
        for j in range(max(0, -top), min(size, height - top)):
            for i in range(max(0, -left), min(size, width - left)):
                base = (placed.knot[k, 0] + j * knots) * edge + placed.knot[k, 1] + i * knots
                for a in range(TAPS):
                    for b in range(TAPS):
                        value = weight[top + j, left + i] * shares[a, b]
                        line, own = band[base + a * edge + b], a * edge + b
                        for c in range(a + 1):
                            last = b if c == a else TAPS - 1
                            for d in range(last + 1):
                                line[reach + c * edge + d - own] += value * shares[c, d]


class Blocks(NamedTuple):
    """Factors of the blocks of some scenes, each of emitters and nodes, one behind the other.

    Attributes
    ----------
    factors
        Bands, float64 of shape (values,).
    begins
        Where each scene's band begins, and the end, int64 of shape (scenes + 1,).
    order
        Unknowns of each scene as the band has them: photons, x and y of its emitters, then nodes.
    firsts
        Where each scene's begin there, and the end, int64 of shape (scenes + 1,).
    """

    factors: FloatArray
    begins: Integers
    order: Integers
    firsts: Integers

    @classmethod
    def of(cls, bands: list[FloatArray], orders: list[Integers]) -> Blocks:
        """Join the factors of scenes."""
        begins = np.cumsum([0, *(band.size for band in bands)])
        firsts = np.cumsum([0, *(order.size for order in orders)])
        flat = np.concatenate([band.ravel() for band in bands])
        return cls(flat, begins.astype(np.int64), np.concatenate(orders), firsts.astype(np.int64))


@kernel(fastmath=True)
def solve_blocks(blocks: Blocks, emitters: FloatArray, nodes: FloatArray) -> None:
    """Solve for the right-hand sides of scenes, in place.

    Parameters
    ----------
    blocks
        Factors.
    emitters
        Of all scenes, one scene behind the other, float64 of shape (unknowns,).
    nodes
        Float64 of shape (scenes, nodes).
    """
    begin = 0
    for s in range(nodes.shape[0]):
        order = blocks.order[blocks.firsts[s] : blocks.firsts[s + 1]]
        size, own = order.size, order.size - nodes.shape[1]
        x = np.empty(size)
        for i in range(size):
            u = order[i]
            x[i] = emitters[begin + u] if u < own else nodes[s, u - own]
        factor = blocks.factors[blocks.begins[s] : blocks.begins[s + 1]]
        solve(factor.reshape((size, factor.size // size)), x)
        for i in range(size):
            u = order[i]
            if u < own:
                emitters[begin + u] = x[i]
            else:
                nodes[s, u - own] = x[i]
        begin += own
