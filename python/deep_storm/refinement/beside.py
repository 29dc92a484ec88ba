"""Where molecules are that are on in the frames beside one: what a fit of this frame may expect.

A molecule stays where it is for some frames in a row. With a mean of ``n`` frames it goes on to the
next one with probability ``c = 1 − 1/n``, whatever its age. So one that is seen before and after a
frame is on in it, one that is seen on one side only with probability ``c / (1 + c)``, or ``c``
where the other side is not known.

An emitter that may be such a molecule is likelier there than anywhere else, by how many times is
noted: the probability, times the density of a normal distribution at its middle, over the density
of emitters everywhere (:func:`deep_storm.refinement.prior.odds_of_place`). Where depth is stated,
it is noted, too, with its certainty.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from deep_storm.refinement.prior import COLUMNS, PARAMETERS, Values

Rows = npt.NDArray[np.int64]
PLACE_COLUMNS = COLUMNS - PARAMETERS
GATE_SIGMAS = 3.0
"""Two positions farther apart than this are not those of one molecule."""
STRAY_PX = 0.3
"""Beside the spread of a place, how far from it an emitter may begin to be fitted."""
MAX_PROBABILITY = 0.98


class OnBeside(NamedTuple):
    """What is seen in one of the frames beside, arrays of length n.

    Attributes
    ----------
    x_px, y_px
        Positions (corner rule).
    spread_px
        Their standard deviations along one axis, from that which the frame itself does not say.
    probability
        That there is a molecule.
    z_px, z_certainty
        Depths and one over their variance (1/px²); 0 where depth is not stated.
    """

    x_px: Values
    y_px: Values
    spread_px: Values
    probability: Values
    z_px: Values
    z_certainty: Values

    @property
    def places(self) -> Values:
        """Positions, ``(n, 2)``."""
        return np.stack([self.x_px, self.y_px], axis=1)

    @property
    def depths(self) -> Values:
        """Depths and their certainty, ``(n, 2)``."""
        return np.stack([self.z_px, self.z_certainty], axis=1)

    @property
    def certainty(self) -> Values:
        """One over the variance, 1/px²."""
        certainty: Values = self.spread_px**-2
        return certainty


class _Pairs(NamedTuple):
    """Rows of both sides that are likely one molecule, and the probability that they are."""

    before: Rows
    after: Rows
    same: Values


def places_beside(
    before: OnBeside | None, after: OnBeside | None, frames_seen: float, log_density: float
) -> Values:
    """Return what the frames beside one say of places in it.

    Parameters
    ----------
    before, after
        What is seen in them; None where it is not known.
    frames_seen
        In a row by a molecule, in the mean.
    log_density
        Logarithm of the emitters per pixel expected.

    Returns
    -------
    x and y (px), certainty (1/px²), the odds, depth (px) and its certainty, ``(n, 6)``.
    """
    goes_on = 1.0 - 1.0 / frames_seen
    density = float(np.exp(log_density))
    alone = goes_on if before is None or after is None else goes_on / (1.0 + goes_on)
    found, left = [], []
    if before is not None and after is not None:
        pairs = _pairs(before, after, goes_on, density)
        found.append(_joined(before, after, pairs, density))
        left = [_without(before, pairs.before), _without(after, pairs.after)]
    else:
        left = [side for side in (before, after) if side is not None]
    found += [_said(s.places, s.certainty, alone * s.probability, density, s.depths) for s in left]
    return np.concatenate([np.empty((0, PLACE_COLUMNS)), *found])


def _pairs(before: OnBeside, after: OnBeside, goes_on: float, density: float) -> _Pairs:
    """Return which rows are likely those of one molecule, and how likely."""
    one, other, far = _nearest(before.places, after.places, before.spread_px, after.spread_px)
    variance = before.spread_px[one] ** 2 + after.spread_px[other] ** 2
    same = goes_on**2 * np.exp(-0.5 * far**2 / variance) / (2.0 * np.pi * variance)
    return _Pairs(one, other, same / (same + density))


def _nearest(
    places: Values, others: Values, spread_px: Values, others_spread_px: Values
) -> tuple[Rows, Rows, Values]:
    """Pair places that are closer than the gate, each once, the nearest first.

    Only those close to each other are compared: large frames have tens of thousands.

    Returns
    -------
    Rows of both, and their distances (px).
    """
    if not len(places) or not len(others):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    widest = GATE_SIGMAS * float(np.hypot(spread_px.max(), others_spread_px.max()))
    near = cKDTree(places).sparse_distance_matrix(cKDTree(others), widest, output_type="ndarray")
    one, other, far = (near[name] for name in ("i", "j", "v"))
    cost = far / np.hypot(spread_px[one], others_spread_px[other])
    taken = set[int](), set[int]()
    chosen = []
    for k in np.lexsort((other, one, cost)).tolist():
        pair = int(one[k]), int(other[k])
        if cost[k] >= GATE_SIGMAS:
            break
        if pair[0] not in taken[0] and pair[1] not in taken[1]:
            chosen.append(k)
            for rows, row in zip(taken, pair, strict=True):
                rows.add(row)
    return one[chosen], other[chosen], far[chosen]


def _joined(
    before: OnBeside,
    after: OnBeside,
    pairs: _Pairs,
    density: float,
) -> Values:
    """Return the places of molecules that are seen on both sides."""
    one, other, same = pairs
    certain, more = before.certainty[one], after.certainty[other]
    both = certain + more
    places = (before.places[one].T * certain + after.places[other].T * more) / both
    probability = same * before.probability[one] * after.probability[other]
    depths = _joined_depths(before.depths[one], after.depths[other])
    return _said(places.T, both, probability, density, depths)


def _joined_depths(one: Values, other: Values) -> Values:
    """Return the depths of molecules that are seen on both sides, if these agree, ``(n, 2)``."""
    certainty = one[:, 1] + other[:, 1]
    some = (one[:, 1] > 0.0) & (other[:, 1] > 0.0)
    far = np.zeros(len(one))
    far[some] = np.abs(one - other)[some, 0] / np.hypot(
        one[some, 1] ** -0.5, other[some, 1] ** -0.5
    )
    depth = one[:, 0] * one[:, 1] + other[:, 0] * other[:, 1]
    depth = np.divide(depth, certainty, out=np.zeros(len(one)), where=certainty > 0.0)
    return np.column_stack([depth, np.where(far < GATE_SIGMAS, certainty, 0.0)])


def _without(side: OnBeside, rows: Rows) -> OnBeside:
    return OnBeside(*(np.delete(values, rows) for values in side))


def _said(
    places: Values, certainty: Values, probability: Values, density: float, depths: Values
) -> Values:
    probability = np.minimum(probability, MAX_PROBABILITY)
    odds = probability * certainty / (2.0 * np.pi * density)
    return np.column_stack([places, certainty, odds, depths])


def assigned(places: Values, beside: Values) -> tuple[Values, Values]:
    """Give each place at most one of those that the frames beside say something of.

    Parameters
    ----------
    places
        Where fits of emitters begin, ``(n, 2)``.
    beside
        ``(m, 6)``, of :func:`places_beside`.

    Returns
    -------
    What is said of each place, ``(n, 6)``, zeros for nothing; and what belongs to none.
    """
    own = np.zeros((len(places), PLACE_COLUMNS))
    stray_px = np.full(len(places), STRAY_PX)
    some, theirs, _ = _nearest(places, beside[:, :2], stray_px, beside[:, 2] ** -0.5)
    own[some] = beside[theirs]
    return own, np.delete(beside, theirs, axis=0)
