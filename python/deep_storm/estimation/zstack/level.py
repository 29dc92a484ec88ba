"""How much light lies far out: what a fit of single beads cannot tell from their background.

Light that is as bright in the whole window makes the background of a bead, as it is fitted, rise
with the bead's photons. Where beads are not equally bright, that slope is the level that the PSF
lacks. A perfect lens's tails are known before, about as well as they are large: aberrations send
more light there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.zstack.fit import BeadFit
from deep_storm.robust import robust_std

FloatArray = npt.NDArray[np.float64]

MIN_BEADS = 5
MAX_TAILS = 4.0
"""No lens has so many times a perfect one's tails; beads beside others seem to."""
ROUNDS, FAR = 5, 2.0
"""Beads that are off by more than so many deviations count less."""


class Level(NamedTuple):
    """A level per photon and pixel, and its standard deviation."""

    value: float
    error: float


def seen_level(beads: list[BeadFit]) -> Level | None:
    """Return the level that the PSF of a fit lacks, None where beads do not tell.

    Parameters
    ----------
    beads
        Fitted beads.
    """
    known = [(math.exp(b.at[3]), b.at[5] - b.around) for b in beads if b.around is not None]
    if len(known) < MIN_BEADS:
        return None
    photons, above = np.array(known).T
    weight = np.ones(len(known))
    slope, spread, extent = 0.0, 0.0, 0.0
    for _ in range(ROUNDS):
        centre = float(weight @ photons) / weight.sum()
        extent = float(weight @ (photons - centre) ** 2)
        if extent <= 0.0:
            return None
        usual = float(weight @ above) / weight.sum()
        slope = float(weight @ ((photons - centre) * (above - usual))) / extent
        off = np.abs(above - usual - slope * (photons - centre))
        spread = robust_std(off, 0.0) * math.sqrt(len(known) / (len(known) - 2))
        weight = np.minimum(1.0, FAR * spread / np.maximum(off, 1e-12))
    return Level(slope, max(spread, 1e-12) / math.sqrt(extent))


def combined(seen: Level | None, expected: float, tail: float) -> float:
    """Return the level of what beads show and what is known before.

    Parameters
    ----------
    seen
        As beads show it.
    expected
        The level with the tails of a perfect lens.
    tail
        These tails, which are also how well it is known.
    """
    if seen is None:
        return expected
    trust = tail**2 / (tail**2 + seen.error**2)
    change = trust * (seen.value - expected)
    return expected + float(np.clip(change, -tail, (MAX_TAILS - 1.0) * tail))
