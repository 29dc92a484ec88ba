"""Emitters of one frame: their places, their light, and who is whose neighbour."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import Whole, kernel
from deep_storm.refinement.light import fill_share
from deep_storm.refinement.prior import COLUMNS, PARAMETERS, Prior, Values, reach_of

Integers = npt.NDArray[np.int64]
WINDOW_SIGMAS = 3.2
"""Half the window in which an emitter is fitted."""
NEIGHBOUR_SIGMAS = 2.6
"""Emitters closer than this are fitted together."""
MAX_IN_BLOCK = 6


class Scene(NamedTuple):
    """One frame and what explains it.

    Attributes
    ----------
    data
        Photons, raised by ``c`` (see :mod:`deep_storm.refinement.block`).
    mean
        Expected photons, raised alike.
    p
        ``(capacity, 10)``: x, y, photons, shape, and what the frames beside say of the place.
    alive
        ``(capacity,)`` int8: which of them are there.
    used
        ``(1,)``: rows of ``p`` that were ever used.
    source
        ``(capacity,)``: the proposal that each comes from, −1 for none.
    fresh
        ``(capacity,)`` int8: whether the number of emitters around it has changed.
    judged
        ``(capacity, 5)``: log evidence, standard deviations of x, y (px), photons and shape.
    stop
        ``(1,)`` int8: set from outside when the work shall end.
    head, following
        Emitters by grid cell, as linked lists.
    cell_px
        Edge of a grid cell.
    """

    data: Values
    mean: Values
    p: Values
    alive: npt.NDArray[np.int8]
    used: Integers
    source: Integers
    fresh: npt.NDArray[np.int8]
    judged: Values
    stop: npt.NDArray[np.int8]
    head: Integers
    following: Integers
    cell_px: float


@kernel(fastmath=True, error_model="numpy")
def copy_into(out: Values, values: Values) -> None:
    """Copy a table; numba takes seconds to compile an assignment of slices."""
    for j in range(values.shape[0]):
        for i in range(values.shape[1]):
            out[j, i] = values[j, i]


@kernel(fastmath=True, error_model="numpy")
def copy_row(out: Values, k: int, values: Values, n: int) -> None:
    """Copy row ``n`` of a table to row ``k`` of another."""
    for i in range(values.shape[1]):
        out[k, i] = values[n, i]


@kernel(fastmath=True, error_model="numpy")
def cell_of(scene: Scene, x: float, y: float) -> tuple[int, int]:
    """Return row and column of the grid cell at a place; outside the frame the nearest one."""
    row = min(max(int(y / scene.cell_px), 0), scene.head.shape[0] - 1)
    column = min(max(int(x / scene.cell_px), 0), scene.head.shape[1] - 1)
    return row, column


@kernel(fastmath=True, error_model="numpy")
def insert(scene: Scene, k: int) -> None:
    """Enter emitter ``k`` into the grid."""
    row, column = cell_of(scene, scene.p[k, 0], scene.p[k, 1])
    scene.following[k] = scene.head[row, column]
    scene.head[row, column] = k


@kernel(fastmath=True, error_model="numpy")
def leave(scene: Scene, k: int) -> None:
    """Take emitter ``k`` out of the grid; its position must be that of its entry."""
    row, column = cell_of(scene, scene.p[k, 0], scene.p[k, 1])
    other = scene.head[row, column]
    if other == k:
        scene.head[row, column] = scene.following[k]
        return
    while scene.following[other] != k:
        other = scene.following[other]
    scene.following[other] = scene.following[k]


@kernel(fastmath=True, error_model="numpy")
def neighbours(scene: Scene, x: float, y: float, without: int, radius: float, most: int) -> Any:
    """Return the emitters nearest to a place, at most ``most`` within the radius, nearest first."""
    found = np.empty(most, np.int64)
    far = np.empty(most)
    count = 0
    row, column = cell_of(scene, x, y)
    for r in range(max(row - 1, 0), min(row + 2, scene.head.shape[0])):
        for c in range(max(column - 1, 0), min(column + 2, scene.head.shape[1])):
            k = scene.head[r, c]
            while k >= 0:
                d = (scene.p[k, 0] - x) ** 2 + (scene.p[k, 1] - y) ** 2
                if k != without and d < radius * radius:
                    place = count
                    while place > 0 and far[place - 1] > d:
                        place -= 1
                    if place < most:
                        for n in range(min(count, most - 1), place, -1):
                            found[n] = found[n - 1]
                            far[n] = far[n - 1]
                        found[place] = k
                        far[place] = d
                        count = min(count + 1, most)
                k = scene.following[k]
    return found[:count]


@kernel(fastmath=True, error_model="numpy")
def window(scene: Scene, p: Values, reach: float) -> tuple[int, int, int, int]:
    """Return top, bottom, left, right of the pixels within reach of some emitters."""
    height, width = scene.data.shape
    top, bottom, left, right = height, 0, width, 0
    for k in range(p.shape[0]):
        top = min(top, math.floor(p[k, 1] - reach))
        bottom = max(bottom, math.floor(p[k, 1] + reach) + 1)
        left = min(left, math.floor(p[k, 0] - reach))
        right = max(right, math.floor(p[k, 0] + reach) + 1)
    top, left = min(max(top, 0), height - 1), min(max(left, 0), width - 1)
    return top, max(min(bottom, height), top + 1), left, max(min(right, width), left + 1)


@kernel(fastmath=True, error_model="numpy")
def add_light(image: Values, top: int, left: int, p: Values, sign: float, prior: Prior) -> None:
    """Add the light of emitters to a window of the frame, within their reach."""
    height, width = image.shape
    most = min(2 * math.ceil(prior.reaches_px.max()) + 2, max(height, width))
    share = np.empty((1, most, most), np.float32)
    for k in range(p.shape[0]):
        reach = reach_of(p[k, 3], prior)
        first = min(max(math.floor(p[k, 1] - reach) - top, 0), height)
        last = min(max(math.floor(p[k, 1] + reach) + 1 - top, 0), height)
        begin = min(max(math.floor(p[k, 0] - reach) - left, 0), width)
        end = min(max(math.floor(p[k, 0] + reach) + 1 - left, 0), width)
        if first >= last or begin >= end:
            continue
        fill_share(top + first, left + begin, last - first, end - begin, p, k, prior, share)
        photons = sign * p[k, 2]
        for j in range(first, last):
            for i in range(begin, end):
                image[j, i] += photons * share[0, j - first, i - begin]


@kernel(fastmath=True, error_model="numpy")
def draw(scene: Scene, background: Values, prior: Prior) -> None:
    """Draw the expected photons anew, so that cut-off tails do not add up."""
    copy_into(scene.mean, background)
    corner = Whole(0)
    for k in range(scene.used[0]):
        if scene.alive[k]:
            add_light(scene.mean, corner, corner, scene.p[k : k + 1], 1.0, prior)


@kernel(fastmath=True, error_model="numpy")
def make_scene(
    data: Values,
    background: Values,
    p: Values,
    capacity: int,
    prior: Prior,
    stop: npt.NDArray[np.int8],
) -> Scene:
    """Make the scene of a frame with the emitters ``p``, which are the first proposals."""
    height, width = data.shape
    # Not narrower than a pixel: there must not be more cells than pixels.
    cell_px = max(NEIGHBOUR_SIGMAS * prior.sigma_px, 1.0)
    cells = (int(height / cell_px) + 1, int(width / cell_px) + 1)
    scene = Scene(
        data,
        background.copy(),
        np.zeros((capacity, COLUMNS)),
        np.zeros(capacity, np.int8),
        np.zeros(1, np.int64),
        np.full(capacity, -1, np.int64),
        np.zeros(capacity, np.int8),
        np.zeros((capacity, 1 + PARAMETERS)),
        stop,
        np.full(cells, -1, np.int64),
        np.full(capacity, -1, np.int64),
        cell_px,
    )
    for k in range(p.shape[0]):
        copy_row(scene.p, k, p, k)
        scene.alive[k] = 1
        scene.source[k] = k
        insert(scene, k)
    scene.used[0] = p.shape[0]
    draw(scene, background, prior)
    return scene
