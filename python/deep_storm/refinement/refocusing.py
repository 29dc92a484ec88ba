"""Look for emitters at other depths than where their fits have ended.

The light of an emitter above and below the focus is alike, and a fit ends on its own side. Where
emitters overlap, the neighbours have made up for a wrong depth, so that they are fitted along: with
them held where they are, hardly any fit leaves its side.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from deep_storm.kernels import kernel
from deep_storm.refinement.moves import (
    NEVER,
    SAME,
    SETTLING,
    commit,
    cut_out,
    fit_cut,
    with_neighbours,
)
from deep_storm.refinement.prior import COLUMNS, Prior, Values
from deep_storm.refinement.scene import Integers, Scene, copy_into

MAX_TOGETHER = cast(int, np.int64(4))
"""Emitters that are fitted together from each depth."""
FIRST = cast(int, np.int64(3))
"""Steps from each; only the best then go on,"""
MAX_BEST = 3
"""so many of them,"""
FURTHER = cast(int, np.int64(5))
"""for so many more steps."""
HERE = 0.1
"""No fit begins closer than this to where the emitter is, as a share of all depths."""


@kernel(fastmath=True, error_model="numpy")
def came_back(p: Values, before: Values, near: float) -> bool:
    """Return whether no emitter of a fit ends at another depth than before."""
    farthest = 0.0
    for k in range(p.shape[0]):
        farthest = max(farthest, abs(p[k, 3] - before[k, 3]))
    return farthest < near


@kernel(fastmath=True, error_model="numpy")
def refocus(scene: Scene, chosen: Integers, starts: Values, prior: Prior) -> None:
    """Fit each chosen emitter and its neighbours from other depths, too, and keep the best.

    Parameters
    ----------
    chosen
        Emitters.
    starts
        Depths of one of them that a fit may begin with.
    """
    nothing = np.empty((0, COLUMNS))
    near = HERE * (prior.max_shape - prior.min_shape)
    for k in chosen:
        if scene.stop[0]:
            return
        members = with_neighbours(scene, k, prior, MAX_TOGETHER)
        cut = cut_out(scene, members, nothing, prior)
        best = cut.p.copy()
        most, _ = fit_cut(cut, best, prior, SETTLING, NEVER)
        here = best[0, 3]
        told = 1 if best[0, 9] > 0.0 else 0  # by the frames beside
        tried = np.empty((starts.size + told, members.size, COLUMNS))
        values = np.full(starts.size + told, NEVER)
        for n in range(starts.size + told):
            start = best[0, 8] if n == starts.size else starts[n]
            if abs(start - here) < near:
                continue
            copy_into(tried[n], best)
            tried[n, 0, 3] = start
            values[n], _ = fit_cut(cut, tried[n], prior, FIRST, most)
            if not came_back(tried[n], best, near):
                continue
            # It is perhaps closer to where all of these end.
            if values[n] > most:
                most = values[n]
                copy_into(best, tried[n])
            values[n] = NEVER
        for _ in range(MAX_BEST):
            go_on = values.argmax()
            if values[go_on] == NEVER:
                break
            values[go_on] = NEVER
            value, _ = fit_cut(cut, tried[go_on], prior, FURTHER, most)
            if value > most:
                most = value
                copy_into(best, tried[go_on])
        commit(scene, members, best, cut, prior, SAME)
