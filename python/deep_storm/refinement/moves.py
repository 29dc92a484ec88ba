"""Fit the emitters of a frame; let them be born, split and die where the evidence says so.

Each move compares the same window with two numbers of emitters, both fitted, by the logarithm of
the evidence (:func:`deep_storm.refinement.block.fit`).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel
from deep_storm.psf.cholesky import solve
from deep_storm.refinement.block import fit
from deep_storm.refinement.prior import COLUMNS, PARAMETERS, Prior, Values
from deep_storm.refinement.scene import (
    MAX_IN_BLOCK,
    NEIGHBOUR_SIGMAS,
    WINDOW_SIGMAS,
    Integers,
    Scene,
    add_light,
    copy_row,
    insert,
    leave,
    neighbours,
    window,
)

SETTLING = cast(int, np.int64(2))
"""Steps of a fit that begins close to its end (numba would compile anew for each Python int),"""
SEARCHING = cast(int, np.int64(7))
"""and of one that begins with another number of emitters."""
SPLIT_SIGMAS = 0.6
"""How far from the old place the two halves of an emitter begin,"""
MIN_HALF = 0.4
"""with at least this share of the photons that an emitter has in the mean."""
NEVER = -1e300
MAX_EVIDENCE = 12.0
"""More evidence for an emitter is not told apart: e¹² times as likely as none."""
BORN_SHARE = 0.5
"""A new emitter begins with this share of them."""
SAME, CHANGED = cast(bool, np.bool_(False)), cast(bool, np.bool_(True))
UNJUDGED, JUDGED = SAME, CHANGED


class Cut(NamedTuple):
    """A window of a frame and the emitters in it that shall be fitted.

    Attributes
    ----------
    top, left
        Its corner.
    data, base
        Photons, and expected photons without these emitters.
    p
        ``(emitters, 10)``.
    mean
        Space for the expected photons with them.
    """

    top: int
    left: int
    data: Values
    base: Values
    p: Values
    mean: Values


@kernel(fastmath=True, error_model="numpy")
def cut_out(scene: Scene, members: Integers, extra: Values, prior: Prior) -> Cut:
    """Cut out the window of some emitters; ``extra`` ones shall fit into it, too."""
    p = np.empty((members.size, COLUMNS))
    for n in range(members.size):
        copy_row(p, n, scene.p, members[n])
    reach = WINDOW_SIGMAS * prior.sigma_px
    top, bottom, left, right = window(scene, np.concatenate((p, extra)), reach)
    data = scene.data[top:bottom, left:right].copy()
    base = scene.mean[top:bottom, left:right].copy()
    add_light(base, top, left, p, -1.0, prior)
    return Cut(top, left, data, base, p, np.empty(base.shape))


@kernel(fastmath=True, error_model="numpy")
def fit_cut(cut: Cut, p: Values, prior: Prior, iterations: int, least: float) -> Any:
    """Fit emitters ``p`` (changed in place) in a window; return evidence and factor.

    ``least``: evidence that is of use.
    """
    data, base, mean = cut.data, cut.base, cut.mean
    return fit(data, base, cut.top, cut.left, p, prior, iterations, least, JUDGED, mean)


@kernel(fastmath=True, error_model="numpy")
def commit(scene: Scene, members: Integers, p: Values, cut: Cut, prior: Prior, fresh: bool) -> None:
    """Give emitters their new parameters; ``fresh`` when their number has changed."""
    for n in range(members.size):
        k = members[n]
        if scene.alive[k]:
            leave(scene, k)
        scene.alive[k] = 1
        copy_row(scene.p, k, p, n)
        insert(scene, k)
        if fresh:
            scene.fresh[k] = 1
    height, width = cut.base.shape
    add_light(cut.base, cut.top, cut.left, p, 1.0, prior)
    for j in range(height):
        for i in range(width):
            scene.mean[cut.top + j, cut.left + i] = cut.base[j, i]


@kernel(fastmath=True, error_model="numpy")
def with_neighbours(scene: Scene, k: int, prior: Prior, most: int) -> Integers:
    """Return ``k`` and its nearest neighbours, at most ``most`` together."""
    radius = NEIGHBOUR_SIGMAS * prior.sigma_px
    others = neighbours(scene, scene.p[k, 0], scene.p[k, 1], k, radius, most - 1)
    members = np.empty(others.size + 1, np.int64)
    members[0] = k
    for n in range(others.size):
        members[n + 1] = others[n]
    return members


@kernel(fastmath=True, error_model="numpy")
def joined_by(members: Integers, k: int) -> Integers:
    """Return the members and ``k``."""
    every = np.empty(members.size + 1, np.int64)
    for n in range(members.size):
        every[n] = members[n]
    every[-1] = k
    return every


@kernel(fastmath=True, error_model="numpy")
def sweep(scene: Scene, prior: Prior, iterations: int) -> None:
    """Fit each emitter once, together with its neighbours."""
    done = np.zeros(scene.used[0], np.int8)
    nothing = np.empty((0, COLUMNS))
    for k in range(scene.used[0]):
        if not scene.alive[k] or done[k] or scene.stop[0]:
            continue
        members = with_neighbours(scene, k, prior, MAX_IN_BLOCK)
        cut = cut_out(scene, members, nothing, prior)
        fit(
            cut.data,
            cut.base,
            cut.top,
            cut.left,
            cut.p,
            prior,
            iterations,
            NEVER,
            UNJUDGED,
            cut.mean,
        )
        commit(scene, members, cut.p, cut, prior, SAME)
        for n in range(members.size):
            done[members[n]] = 1


@kernel(fastmath=True, error_model="numpy")
def room_for(scene: Scene) -> int:
    """Return the row of a new emitter, or −1 when there is no room."""
    k = scene.used[0]
    if k >= scene.p.shape[0]:
        return -1
    scene.used[0] = k + 1
    return k


@kernel(fastmath=True, error_model="numpy")
def weigh(
    scene: Scene, chosen: Integers, todo: npt.NDArray[np.int8], prior: Prior, least: float
) -> None:
    """Compare with and without each emitter; those with too little evidence for them die.

    Their evidence and the standard deviations of their parameters are noted in ``scene.judged``.
    Of the chosen ones, those count that are marked in ``todo`` or have changed neighbours.
    """
    for k in chosen:
        if scene.stop[0] or not (todo[k] or scene.fresh[k]):
            continue
        members = with_neighbours(scene, k, prior, MAX_IN_BLOCK)
        cut = cut_out(scene, members, np.empty((0, COLUMNS)), prior)
        there, factor = fit_cut(cut, cut.p, prior, SETTLING, NEVER)
        rest = cut.p[1:].copy()
        gone, _ = fit_cut(cut, rest, prior, SEARCHING, there - max(least, MAX_EVIDENCE))
        scene.judged[k, 0] = there - gone
        if there - gone < least:
            leave(scene, k)
            scene.alive[k] = 0
            commit(scene, members[1:], rest, cut, prior, CHANGED)
            continue
        unit = np.zeros(factor.shape[0])
        for a in range(PARAMETERS):
            unit[:] = 0.0
            unit[a] = 1.0
            solve(factor, unit)
            scene.judged[k, 1 + a] = math.sqrt(max(unit[a], 0.0))
        commit(scene, members, cut.p, cut, prior, SAME)


class Births(NamedTuple):
    """Places where emitters are tried.

    Attributes
    ----------
    places
        ``(n, 2)``: x and y (px).
    shapes, known
        ``(n,)``: the shape that one may have there, and int8 whether it is known.
    starts
        ``(m,)``: shapes that one of which it is not known may begin with.
    source
        ``(n,)``: the proposals that they come from, −1 for none.
    beside
        ``(n, 6)``: what the frames beside say of the place.
    """

    places: Values
    shapes: Values
    known: npt.NDArray[np.int8]
    starts: Values
    source: Integers
    beside: Values


@kernel(fastmath=True, error_model="numpy")
def give_birth(scene: Scene, births: Births, prior: Prior) -> None:
    """Try a new emitter at each place; keep it when there is more evidence with it."""
    for n in range(births.places.shape[0]):
        if scene.stop[0]:
            return
        x, y = births.places[n]
        members = neighbours(scene, x, y, -1, NEIGHBOUR_SIGMAS * prior.sigma_px, MAX_IN_BLOCK - 1)
        born = np.empty((1, COLUMNS))
        born[0, :PARAMETERS] = x, y, BORN_SHARE * prior.photons, prior.shape
        born[0, PARAMETERS:] = births.beside[n]
        cut = cut_out(scene, members, born, prior)
        without, _ = fit_cut(cut, cut.p, prior, SETTLING, NEVER)
        after = np.concatenate((cut.p, born))
        with_it = NEVER
        for start in births.shapes[n : n + 1] if births.known[n] else births.starts:
            born[0, 3] = start
            tried = np.concatenate((cut.p, born))
            value, _ = fit_cut(cut, tried, prior, SEARCHING, without)
            if value > with_it:
                with_it = value
                after = tried
        k = room_for(scene) if with_it > without else -1
        if k >= 0:
            scene.source[k] = births.source[n]
            commit(scene, joined_by(members, k), after, cut, prior, CHANGED)


@kernel(fastmath=True, error_model="numpy")
def stretched(cut: Cut, x: float, y: float, sigma: float) -> float:
    """Return the angle along which the residual around a place is stretched."""
    across = 0.0
    along = 0.0
    height, width = cut.data.shape
    for j in range(height):
        for i in range(width):
            u, v = cut.left + i + 0.5 - x, cut.top + j + 0.5 - y
            far = (u * u + v * v) / (sigma * sigma)
            if far > 9.0:
                continue
            off = (cut.data[j, i] - cut.mean[j, i]) / cut.mean[j, i] * math.exp(-0.5 * far)
            along += off * (u * u - v * v)
            across += off * 2.0 * u * v
    return 0.5 * math.atan2(across, along)


@kernel(fastmath=True, error_model="numpy")
def split(scene: Scene, chosen: Integers, prior: Prior) -> None:
    """Try two emitters in place of each; keep them when there is more evidence for them."""
    for k in chosen:
        if scene.stop[0] or not scene.alive[k]:
            continue
        members = with_neighbours(scene, k, prior, MAX_IN_BLOCK - 1)
        cut = cut_out(scene, members, np.empty((0, COLUMNS)), prior)
        one, _ = fit_cut(cut, cut.p, prior, SETTLING, NEVER)
        angle = stretched(cut, cut.p[0, 0], cut.p[0, 1], prior.sigma_px)
        off_x, off_y = cut.p[0, 4] - cut.p[0, 0], cut.p[0, 5] - cut.p[0, 1]
        if off_x * math.cos(angle) + off_y * math.sin(angle) > 0.0:
            angle += math.pi  # the first half is the one that the frames beside know
        two = np.concatenate((cut.p, cut.p[:1]))
        for n in (0, two.shape[0] - 1):
            reach = SPLIT_SIGMAS * prior.sigma_px * (1.0 if n else -1.0)
            two[n, 0] += reach * math.cos(angle)
            two[n, 1] += reach * math.sin(angle)
            two[n, 2] = max(0.5 * cut.p[0, 2], MIN_HALF * prior.photons)
            two[n, 3] = prior.shape
        for a in range(PARAMETERS, COLUMNS):
            two[-1, a] = 0.0
        both, _ = fit_cut(cut, two, prior, SEARCHING, one)
        new = room_for(scene) if both > one else -1
        if new >= 0:
            scene.source[k] = -1
            commit(scene, joined_by(members, new), two, cut, prior, CHANGED)
