"""Beads in z-stacks: which there are, which can be used, and how wide a window they need."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from deep_storm.errors import PsfError
from deep_storm.estimation.psf.bead_search import (
    APART,
    MIN_NEIGHBOUR,
    Beads,
    away_from,
    find_beads,
    saturated_beads,
    smooth_background,
    too_close,
)
from deep_storm.estimation.psf.width import guess_sigma_px
from deep_storm.estimation.zstack.stacks import ZStack

FloatArray = npt.NDArray[np.float64]

MAX_BEADS = 100
"""Of a stack, the brightest first."""
LIGHT_WITHIN = 0.95
WIDER = 1.3
"""Half the window is so many times the distance within which that share of the light lies."""
MIN_REACH_PX, MAX_REACH_PX = 6, 24
MAX_TRIED, ENOUGH = 15, 3
"""Beads of a stack whose width is looked at; so many that have most room are enough."""
ONE_BEAD = 1.2
"""Maxima closer together than so many times half a window that is given are one bead."""
MIN_DARK = 0.1
"""Share of the pixels beyond all windows from which on they tell the background there."""
SPARE_PX = 2
"""Windows are cut again when beads are aligned; so far they may move."""


class Bead(NamedTuple):
    """A bead that can be used.

    Attributes
    ----------
    stack
        Which of the stacks it is in.
    row, column
        The pixel in the middle of its window.
    """

    stack: int
    row: int
    column: int


@dataclass
class Selection:
    """Which beads there are.

    Attributes
    ----------
    beads
        Those that can be used.
    found
        How many there are.
    left_out
        How many are not used, by the reason.
    reach_px
        Half the window that they are seen in.
    around
        Background of each stack beyond all windows, smooth, (y, x); None where hardly any is seen.
    """

    beads: list[Bead]
    found: int
    reach_px: int
    around: list[FloatArray | None] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def select_beads(stacks: list[ZStack], reach_px: int | None) -> Selection:
    """Find beads that are isolated and not saturated.

    Parameters
    ----------
    stacks
        Z-stacks.
    reach_px
        Half the window to see beads in; None: as wide as they are.

    Raises
    ------
    PsfError
        There are no beads in any of the stacks.
    """
    found = [_search(stack, reach_px) for stack in stacks]
    if not sum(beads.row.size for beads, _ in found):
        named = stacks[0].name if len(stacks) == 1 else f"{len(stacks)} stacks"
        raise PsfError(f"no beads in {named}", "beads that stand out", "give a z-stack of beads")
    if reach_px is None:
        reach_px = _reach(stacks, [beads for beads, _ in found])
    selection = Selection([], 0, reach_px)
    for number, (stack, (beads, sigma_px)) in enumerate(zip(stacks, found, strict=True)):
        _take(selection, number, stack, beads, sigma_px)
        dark = away_from(beads, stack.mean.shape, reach_px)
        seen = stack.mean + stack.background
        enough = dark.mean() >= MIN_DARK
        selection.around.append(smooth_background(seen, dark) if enough else None)
    return selection


def _search(stack: ZStack, reach_px: int | None) -> tuple[Beads, float]:
    mean = stack.mean
    sigma_px = guess_sigma_px((mean - np.median(mean))[None])
    if sigma_px is None:
        nothing = np.empty(0, np.int64)
        return Beads(nothing, nothing, np.empty(0)), 1.0
    beads = find_beads(mean, sigma_px)
    return beads if reach_px is None else _joined(beads, ONE_BEAD * reach_px), sigma_px


def _joined(beads: Beads, distance_px: float) -> Beads:
    """Return beads with maxima that lie close together as one: the spots of a PSF of several."""
    if not beads.row.size:
        return beads
    places = np.stack([beads.row, beads.column], axis=1)
    pairs = cKDTree(places).query_pairs(distance_px, output_type="ndarray")
    count = beads.row.size
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    number, member = connected_components(graph, directed=False)
    height = np.asarray(np.bincount(member, beads.height, number), dtype=np.float64)
    row, column = (
        np.rint(np.bincount(member, beads.height * axis, number) / height).astype(np.int64)
        for axis in (beads.row, beads.column)
    )
    order = np.argsort(-height)
    return Beads(row[order], column[order], height[order])


def _reach(stacks: list[ZStack], found: list[Beads]) -> int:
    """Return half the window that beads need: most of their light is in it in the mean plane.

    It is looked at as far as the border and the beads beside it let it, up to :data:`MAX_REACH_PX`.
    """
    free = [_free(beads, stack.mean.shape) for stack, beads in zip(stacks, found, strict=True)]
    best = np.sort(np.concatenate(free))[::-1]
    reach = int(min(best[min(ENOUGH, best.size) - 1], MAX_REACH_PX))
    if reach < MIN_REACH_PX:
        return MIN_REACH_PX
    offset = np.arange(-reach, reach + 1)
    distance = np.hypot(*np.meshgrid(offset, offset))
    order = np.argsort(distance, axis=None)
    far = distance.ravel()[order]
    radii = []
    for stack, beads, room in zip(stacks, found, free, strict=True):
        for k in np.flatnonzero(room >= reach)[:MAX_TRIED]:
            row, column = int(beads.row[k]), int(beads.column[k])
            cut = stack.mean[row - reach : row + reach + 1, column - reach : column + reach + 1]
            light = cut - np.median(cut[distance > 0.8 * reach])
            inside = np.cumsum(light.ravel()[order])
            total = float(inside[far <= reach][-1])
            radii.append(float(far[int(np.argmax(inside >= LIGHT_WITHIN * total))]))
    widest = float(np.median(radii))
    return int(np.clip(math.ceil(WIDER * widest), MIN_REACH_PX, MAX_REACH_PX))


def _free(beads: Beads, shape: tuple[int, ...]) -> FloatArray:
    """Return how far each bead is from the border, and halfway to one that disturbs it."""
    height, width = shape
    row, column = beads.row, beads.column
    border = np.minimum.reduce([row, column, height - 1 - row, width - 1 - column])
    free: FloatArray = border.astype(np.float64)
    places = np.stack([row, column], axis=1)
    pairs = cKDTree(places).query_pairs(2.0 * MAX_REACH_PX, output_type="ndarray")
    for one, other in (pairs.T, pairs.T[::-1]):
        disturbed = beads.height[other] > MIN_NEIGHBOUR * beads.height[one]
        half = 0.5 * np.hypot(*(places[one] - places[other]).T)
        np.minimum.at(free, one[disturbed], half[disturbed])
    return free


def _inside(beads: Beads, shape: tuple[int, ...], reach: int) -> npt.NDArray[np.bool_]:
    height, width = shape
    inside = (beads.row >= reach) & (beads.row < height - reach)
    inside &= (beads.column >= reach) & (beads.column < width - reach)
    return inside


def _take(selection: Selection, number: int, stack: ZStack, beads: Beads, sigma_px: float) -> None:
    """Add the usable beads of a stack to a selection, and count the others."""
    reach = selection.reach_px + SPARE_PX
    inside = _inside(beads, stack.photons.shape[1:], reach)
    saturated = saturated_beads(beads, stack.raw, sigma_px)
    close = too_close(beads, APART * selection.reach_px)
    good = np.flatnonzero(inside & ~close & ~saturated)
    used = good[:MAX_BEADS]
    selection.beads += [Bead(number, int(beads.row[k]), int(beads.column[k])) for k in used]
    selection.found += beads.row.size
    reasons = {
        "saturated": saturated,
        "too close to another bead": close & ~saturated,
        "too close to the border": ~inside & ~close & ~saturated,
    }
    selection.left_out.update({why: int(which.sum()) for why, which in reasons.items()})
    selection.left_out["beyond the number that is needed"] += good.size - used.size
