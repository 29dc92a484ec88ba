"""Turns a raw score into a probability, checks it, and chooses a threshold on it.

A confidence is calibrated when, of all localizations that are given 0.8, 80 % are right. The map
from the network's score to that probability is learnt by isotonic regression [1]_ and kept as a
short table of knots.

References
----------
.. [1] B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass
   probability estimates", KDD 2002, 694. https://doi.org/10.1145/775047.775151
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from deep_storm.errors import ModelError

Values: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.NDArray[np.floating[Any]]
Flags: TypeAlias = npt.NDArray[np.bool_]

MAX_KNOTS = 64
THRESHOLD_DIGITS = 4
LOWEST, HIGHEST = 0.001, 0.999
"""No finite sample shows that something is certain."""
TILT = 0.001
"""Share of a strictly rising line that is mixed in, so that calibrating keeps the ranking."""
CANDIDATES_PER_BIN = 10


def calibration_error(confidence: Numbers, correct: Flags) -> float:
    """Return the expected calibration error.

    The mean over all localizations of ``|mean confidence − share that is right|`` of the bin of
    equal width in 0–1 that each falls into [1]_.

    Parameters
    ----------
    confidence
        (n,), in 0–1.
    correct
        (n,), whether each localization found an emitter.

    Returns
    -------
    The error in 0–1; ``nan`` without localizations.

    References
    ----------
    .. [1] C. Guo et al., "On calibration of modern neural networks", ICML 2017, PMLR 70, 1321.
       https://doi.org/10.48550/arXiv.1706.04599
    """
    counts, mean_confidence, share = reliability(confidence, correct)
    total = counts.sum()
    if not total:
        return math.nan
    used = counts > 0
    gaps = np.abs(mean_confidence[used] - share[used])
    return float(np.sum(counts[used] * gaps) / total)


def reliability(
    confidence: Numbers, correct: Flags, bins: int = 10
) -> tuple[npt.NDArray[np.int64], Values, Values]:
    """Return count, mean confidence and share of correct ones in bins of equal width.

    Returns
    -------
    Three arrays (bins,); the last two are ``nan`` in empty bins.
    """
    values = np.asarray(confidence, dtype=np.float64)
    place = np.clip((values * bins).astype(np.int64), 0, bins - 1)
    counts = np.bincount(place, minlength=bins).astype(np.int64)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(place, values, bins) / counts
        share = np.bincount(place, np.asarray(correct, np.float64), bins) / counts
    return counts, mean_confidence, share


def fit_isotonic(score: Numbers, correct: Flags) -> tuple[Values, Values]:
    """Fit the monotonic map from score to probability.

    The candidates are put into bins of about equal count, so that straight lines between the knots
    stay close to the data, and the shares of right ones are made rising.

    Parameters
    ----------
    score
        (n,), any finite numbers; higher means more likely.
    correct
        (n,), whether each candidate found an emitter.

    Returns
    -------
    Knots x (strictly rising) and y (strictly rising when there are at least two, within
    0.001–0.999), at most 64 of them, to be
    joined by straight lines.

    Raises
    ------
    ModelError
        There are no candidates, or a score is not finite.
    """
    from scipy.optimize import isotonic_regression

    values = np.asarray(score, dtype=np.float64)
    _check_candidates(values)
    n_bins = int(np.clip(len(values) // CANDIDATES_PER_BIN, 1, MAX_KNOTS - 2))
    # Equal scores must share a bin, hence edges taken from the scores themselves.
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)[1:-1], method="lower"))
    place = np.searchsorted(edges, values, side="left")
    counts = np.bincount(place, minlength=len(edges) + 1)
    used = counts > 0
    x = np.bincount(place, values, len(counts))[used] / counts[used]
    share = np.bincount(place, np.asarray(correct, np.float64), len(counts))[used] / counts[used]
    y = np.asarray(isotonic_regression(share, weights=counts[used]).x, dtype=np.float64)
    # The ranking shall reach to the ends of the outermost bins.
    if values.min() < x[0]:
        x, y = np.append(values.min(), x), np.append(y[0], y)
    if values.max() > x[-1]:
        x, y = np.append(x, values.max()), np.append(y, y[-1])
    line = np.linspace(0, 1, len(x)) if len(x) > 1 else y
    return x, LOWEST + (HIGHEST - LOWEST) * ((1 - TILT) * y + TILT * line)


def jaccard_curve(
    confidence: Numbers, correct: Flags, number_of_emitters: int
) -> tuple[Values, Values]:
    """Return the Jaccard index for each threshold.

    The candidates are matched once, all of them. That is a lower limit: with some of them gone,
    another might take over an emitter.

    Parameters
    ----------
    confidence
        (n,), of all candidates.
    correct
        (n,), whether each was matched to an emitter.
    number_of_emitters
        All true emitters, found or missed.

    Returns
    -------
    Thresholds (the distinct confidences, rising) and the Jaccard index of keeping all candidates
    with at least that confidence.

    Raises
    ------
    ModelError
        There are no candidates, or a confidence is not finite.
    """
    values = np.asarray(confidence, dtype=np.float64)
    _check_candidates(values)
    order = np.argsort(values)[::-1]
    thresholds, first = np.unique(values[order][::-1], return_index=True)
    kept = len(values) - first
    right = np.cumsum(np.asarray(correct, dtype=np.int64)[order])[kept - 1]
    return thresholds, right / np.maximum(number_of_emitters + kept - right, 1)


def choose_threshold(
    confidence: Numbers, correct: Flags, number_of_emitters: int, slack: float = 0.002
) -> float:
    """Choose the threshold on the confidence with the best Jaccard index.

    The curve is flat around its top, and where exactly the highest point falls is chance. So the
    middle of the range is taken within which the index stays at most ``slack`` below its best.

    Parameters
    ----------
    confidence, correct, number_of_emitters
        As for :func:`jaccard_curve`; confidence in 0–1.
    slack
        How far below the best the index may be.

    Returns
    -------
    The least confidence of a localization, in 0–1, rounded down to four digits.

    Raises
    ------
    ModelError
        There are no candidates, a confidence is not finite, or no candidate is right.
    """
    thresholds, jaccard = jaccard_curve(confidence, correct, number_of_emitters)
    best = int(np.argmax(jaccard))
    if jaccard[best] == 0:
        raise ModelError(
            f"none of {len(np.ravel(confidence))} candidates is right",
            "a network that finds emitters in its own simulation",
            "train longer, or check the camera and the PSF sigma",
        )
    bad = np.flatnonzero(jaccard < jaccard[best] - slack)
    low, high = bad[bad < best], bad[bad > best]
    # Every threshold above the confidence before and up to the one at i keeps the same rows.
    start = thresholds[low[-1]] if len(low) else thresholds[0]
    end = thresholds[high[0] - 1] if len(high) else thresholds[-1]
    # Down: rounded up, it may lie above all those who have just this confidence.
    return math.floor((start + end) / 2 * 10**THRESHOLD_DIGITS) / 10**THRESHOLD_DIGITS


def _check_candidates(values: Values) -> None:
    if not len(values):
        raise ModelError(
            "there is no candidate to learn from",
            "a network that finds emitters in its own simulation",
            "train longer, or check the camera and the PSF sigma",
        )
    if not np.isfinite(values).all():
        raise ModelError(
            "a score is not finite", "numbers only", "training has diverged: train again"
        )
