"""The confidence that a localization needs, chosen on simulated frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deep_storm.extraction.candidates import Candidates
from deep_storm.quality.matching import Points, match_count
from deep_storm.training.matched import near, points_of

THRESHOLDS = np.linspace(0.1, 0.9, 33)
PLATEAU = 0.002
MIN_PRECISION, MOST_GIVEN_UP = 0.9, 0.07
"""A table of which more would be false (0.88 is promised, and a movie is not quite its simulation)
has a higher threshold, for which at most this share of the best Jaccard index is given up: all of
it where that does not buy enough. The curve is flat there, and a rule that weighs one against the
other would leave the threshold to chance."""


def best_threshold(
    candidates: Candidates,
    truth: Points,
    confidence: npt.NDArray[np.floating],
    pixel_size_nm: float,
) -> float:
    """Return the middle of the thresholds whose Jaccard index is close to the best.

    In crowds that no one can tell apart, more than that: who reads the table takes its rows for
    true.
    """
    curves = jaccards(candidates, truth, confidence, THRESHOLDS.tolist(), pixel_size_nm)
    jaccard, precision = np.array(curves).T
    best = int(jaccard.argmax())
    near = jaccard >= jaccard[best] - PLATEAU
    low = best - int(np.argmin(near[best::-1])) + 1 if not near[: best + 1].all() else 0
    high = best + int(np.argmin(near[best:])) - 1 if not near[best:].all() else len(near) - 1
    usual = (THRESHOLDS[low] + THRESHOLDS[high]) / 2.0
    if not jaccard[best]:
        return float(usual)  # nothing was found, or there was nothing: no threshold is better
    affordable = jaccard >= (1.0 - MOST_GIVEN_UP) * jaccard[best]
    affordable[:best] = True  # what is precise enough below the best one asks for nothing more
    return float(round(max(usual, _precise_threshold(precision, affordable)), 4))


def _precise_threshold(
    precision: npt.NDArray[np.float64],
    affordable: npt.NDArray[np.bool_],
) -> float:
    """Return the least threshold with precision enough, or the most precise affordable one."""
    k = int(np.argmax(precision >= MIN_PRECISION))
    if precision[k] < MIN_PRECISION or not affordable[k]:
        return float(THRESHOLDS[np.where(affordable, precision, -np.inf).argmax()])
    if k == 0:
        return float(THRESHOLDS[0])
    return float(np.interp(MIN_PRECISION, precision[k - 1 : k + 1], THRESHOLDS[k - 1 : k + 1]))


def jaccards(
    candidates: Candidates,
    truth: Points,
    values: npt.NDArray[np.floating],
    cuts: Sequence[float],
    pixel_size_nm: float,
) -> list[tuple[float, float]]:
    """Return Jaccard index and precision of the candidates with at least a value, for each cut."""
    found, emitter = near(points_of(candidates, pixel_size_nm), truth)
    found_at = []
    for cut in cuts:
        kept = values >= cut
        pairs = kept[found]
        right = match_count(found[pairs], emitter[pairs])
        count = int(np.count_nonzero(kept))
        jaccard = right / max(1, count + truth.frame.size - right)
        found_at.append((jaccard, right / max(1, count)))
    return found_at
