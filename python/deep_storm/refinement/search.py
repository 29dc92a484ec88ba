"""Search for number and parameters of the emitters of a frame, move by move."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from deep_storm.refinement.moves import (
    NEVER,
    SETTLING,
    Births,
    give_birth,
    split,
    sweep,
    weigh,
)
from deep_storm.refinement.prior import COLUMNS, PARAMETERS, Prior, Values
from deep_storm.refinement.refocusing import refocus
from deep_storm.refinement.residuals import peaks, settle_background
from deep_storm.refinement.scene import Scene, draw

PEAK = 3.0
"""Light left over is tried as an emitter when it stands out by so many standard deviations."""
ROUNDS = 2
FIRST_STEPS = cast(int, np.int64(3))
NO_SOURCE = -1


def settle(scene: Scene, background: Values, prior: Prior) -> None:
    """Fit all emitters once, and the background between them."""
    settle_background(scene, background, prior)
    sweep(scene, prior, SETTLING)
    draw(scene, background, prior)


class Tried(NamedTuple):
    """Candidates that are not there from the beginning, and shapes that fits may begin with.

    Attributes
    ----------
    places
        ``(n, 2)``: the likeliest first.
    shapes
        ``(n,)``: theirs; NaN where it is not known.
    source
        ``(n,)``: their numbers among the proposals, −1 for none.
    beside
        ``(n, 6)``: what the frames beside say of their places.
    starts
        ``(m,)``: shapes of an emitter of which nothing is known.
    unsure
        ``(capacity,)`` int8: emitters of which the shape is not known well enough to begin with.
    """

    places: Values
    shapes: Values
    source: npt.NDArray[np.int64]
    beside: Values
    starts: Values
    unsure: npt.NDArray[np.int8]


def change(scene: Scene, tried: Tried, prior: Prior) -> None:
    """Split, give birth and let die where the number of emitters has changed before."""
    todo = scene.fresh.copy()
    scene.fresh[:] = 0
    split(scene, np.flatnonzero(scene.alive & todo), prior)
    places = peaks(scene, prior, PEAK)
    nothing = np.zeros(len(places))
    source = np.full(len(places), NO_SOURCE)
    beside = np.zeros((len(places), COLUMNS - PARAMETERS))
    births = Births(places, nothing, nothing.astype(np.int8), tried.starts, source, beside)
    give_birth(scene, births, prior)
    weigh(scene, np.flatnonzero(scene.alive), todo, prior, 0.0)


def refocus_all(scene: Scene, chosen: npt.NDArray[np.int8], starts: Values, prior: Prior) -> None:
    """Look for the shape of the chosen emitters in several places."""
    if starts.size < 2:
        return
    refocus(scene, np.flatnonzero(scene.alive & chosen), starts, prior)


def search(scene: Scene, background: Values, tried: Tried, prior: Prior) -> None:
    """Find number and parameters of the emitters of a scene.

    Not compiled: numba would compile the kernels once more into each function that calls them.

    Parameters
    ----------
    background
        ``(height, width)``; corrected in place.
    tried
        What to try.
    """
    refocus_all(scene, tried.unsure, tried.starts, prior)
    sweep(scene, prior, FIRST_STEPS)
    settle(scene, background, prior)
    unknown = np.isnan(tried.shapes)
    shapes, known = np.where(unknown, 0.0, tried.shapes), (~unknown).astype(np.int8)
    births = Births(tried.places, shapes, known, tried.starts, tried.source, tried.beside)
    give_birth(scene, births, prior)
    scene.fresh[:] = 1
    for number in range(ROUNDS):
        change(scene, tried, prior)
        if number == 0:
            refocus_all(scene, scene.alive, tried.starts, prior)
        settle(scene, background, prior)
    weigh(scene, np.flatnonzero(scene.alive), np.ones_like(scene.alive), prior, NEVER)
