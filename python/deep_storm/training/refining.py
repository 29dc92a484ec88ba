"""Calibration of refinement on fresh simulation, before it is used.

Frames of the kind that the model was trained for are simulated, read by the network and refined.
From them are learnt the score (logistic regression on the evidence, the spread, brightness and
width, the nearest neighbour and the network's own confidence), the confidence of a score (isotonic
regression), the true over the stated variance (gamma regression on the same), and the threshold.
Nothing of this ever sees the user's data.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.camera_maps import CameraMaps
from deep_storm.extraction.candidates import concatenated
from deep_storm.inference.features import FEATURES, MIN_SPREAD_PX, features
from deep_storm.inference.fits import CheckedFrame
from deep_storm.inference.refining import (
    Refinement,
    looks_beside,
    map_frames,
    refiner_for,
)
from deep_storm.inference.trial import row_ratio
from deep_storm.model import Model
from deep_storm.model_card import Calibration, ModelCard
from deep_storm.quality.calibration import choose_threshold, fit_isotonic, jaccard_curve
from deep_storm.quality.matching import Points
from deep_storm.refinement.refiner import Refined, Refiner
from deep_storm.training.calibration import SEED_OFFSET
from deep_storm.training.matched import matched
from deep_storm.training.seen import Seen, seen_frames
from deep_storm.training.threshold import THRESHOLDS, jaccards

EMITTERS, EMITTERS_IN_DEPTH = 4000, 8000
"""Of those whose depth is told, a few on the wrong side of the focus make most of the error."""
SEED = 5 * SEED_OFFSET + 1
"""Other frames than those that the network's own confidence is learnt on."""
MIN_FRAMES = 4
RATIO_FRAMES = 24
MAX_FRAMES = 100
MIN_RIGHT = 32
RIDGE = 1.0
CROWDING = (0.0, 1.0, 2.0, 3.0)
"""On structures emitters have more neighbours than the mean density says; by which factor (log) the
refiner should expect them is tried out."""
NEWTON_STEPS = 25
SLACK = 0.0005
"""Confidences are spread so wide here that the usual slack would reach from 0.3 to 0.95."""

Values = npt.NDArray[np.float64]


class Judged(NamedTuple):
    """Refined emitters of all frames, and which of them are correct.

    ``distance_px``: of those that are right, to their emitter along one axis (root mean square);
    ``depth_px``: how much deeper they are.
    """

    refined: Refined
    frame: npt.NDArray[np.int64]
    correct: npt.NDArray[np.bool_]
    distance_px: Values
    depth_px: Values
    emitters: int


def learn_refinement(model: Model, maps: CameraMaps | None = None) -> Refinement:
    """Calibrate the refinement of a model's candidates.

    Parameters
    ----------
    model
        Trained for the experiment, or conditioned on it.
    maps
        Camera maps that the simulated frames are taken with.
    """
    usual, beside = refiner_for(model.card, model.table), looks_beside(model)
    emitters = EMITTERS_IN_DEPTH if usual.shape.tells_depth else EMITTERS
    limits = emitters, MIN_FRAMES, MAX_FRAMES
    seen = list(seen_frames(model, SEED, maps, *limits, with_sides=beside))
    crowding = (0.0,) if model.card.emitters.structure == "uniform" else CROWDING
    tried = [_learn(model.card, _crowded(usual, more), seen, beside) for more in crowding]
    jaccard, best = max(tried, key=lambda learnt: learnt[0])
    some = [
        CheckedFrame(s.photons, s.candidates, s.noise_photon, sides=s.sides)
        for s in seen[:RATIO_FRAMES]
    ]
    return replace(
        best,
        jaccard=jaccard,
        network_jaccard=_network_jaccard(model.card, seen),
        row_ratio=row_ratio(some, model.card, best),
    )


def _network_jaccard(card: ModelCard, seen: list[Seen]) -> float:
    """Return the best Jaccard index of the network's own localizations on simulated frames.

    At the threshold of a table that can be believed it may be lower, which is no gain of refining.
    """
    numbered = [
        s.candidates._replace(frame=np.full(s.candidates.x_px.size, n, np.int64))
        for n, s in enumerate(seen)
    ]
    found = concatenated(numbered)
    frame = np.repeat(np.arange(len(seen)), [len(s.xyz_nm) for s in seen])
    truth = Points(frame, *np.concatenate([s.xyz_nm for s in seen]).T)
    confidence = card.calibration.confidence_of(found.score)
    nm = card.camera.pixel_size_nm
    return max(
        jaccard for jaccard, _ in jaccards(found, truth, confidence, THRESHOLDS.tolist(), nm)
    )


def _crowded(refiner: Refiner, more: float) -> Refiner:
    """Return a refiner with a larger prior for neighbours, by a log factor."""
    prior = refiner.prior
    return replace(refiner, prior=prior._replace(log_density=prior.log_density + more))


def _learn(
    card: ModelCard, refiner: Refiner, seen: list[Seen], beside: bool
) -> tuple[float, Refinement]:
    """Calibrate a refiner on simulated frames; return its best Jaccard index too."""
    zeros = tuple(np.zeros(FEATURES).tolist())
    plain = Refinement(refiner, card, zeros, zeros, zeros, Calibration(), 0.5, beside=beside)

    def refined(one: Seen) -> Refined:
        return plain.refined(one.photons, one.candidates, one.noise_photon, one.sides)

    found = map_frames(refined, seen)
    judged = _judge(found, [s.xyz_nm for s in seen], card.camera.pixel_size_nm)
    values = np.concatenate([features(r, refiner.prior) for r in found])
    weights = _logistic(values, judged.correct)
    right = values[judged.correct]
    stated = judged.refined.spread_px[judged.correct]
    spread_weights = _gamma(right, _excess(judged.distance_px[judged.correct], stated))
    z_weights = zeros
    if judged.refined.z_px.size:
        stated = judged.refined.z_spread_px[judged.correct]
        z_weights = _gamma(right, _excess(judged.depth_px[judged.correct], stated))
    blank = replace(plain, weights=weights, spread_weights=spread_weights, z_weights=z_weights)
    if not judged.correct.any():
        return 0.0, blank
    scored = concatenated([blank.scored(r, n) for n, r in enumerate(found)])
    x, y = fit_isotonic(scored.score, judged.correct)
    calibration = Calibration(score=tuple(x.tolist()), confidence=tuple(y.tolist()))
    confidence = calibration.confidence_of(scored.score)
    jaccard = jaccard_curve(confidence, judged.correct, judged.emitters)[1].max()
    threshold = choose_threshold(confidence, judged.correct, judged.emitters, SLACK)
    return float(jaccard), replace(blank, calibration=calibration, threshold=threshold)


def _judge(found: list[Refined], true: list[Values], pixel_size_nm: float) -> Judged:
    """Match refined emitters to the true ones."""
    columns: list[Any] = [np.concatenate(v) for v in zip(*found, strict=True)]
    refined = Refined(*columns)
    frame = np.repeat(np.arange(len(found)), [r.x_px.size for r in found])
    true_frame = np.repeat(np.arange(len(true)), [len(xy) for xy in true])
    xyz = np.concatenate(true)
    depths = refined.z_px * pixel_size_nm if refined.z_px.size else None
    found_at = refined.x_px * pixel_size_nm, refined.y_px * pixel_size_nm
    matches = matched(Points(frame, *found_at, depths), Points(true_frame, *xyz.T))
    correct = np.zeros(frame.size, bool)
    correct[matches.localization] = True
    distance = np.full(frame.size, np.nan)
    distance[matches.localization] = matches.distance_nm / pixel_size_nm / np.sqrt(2.0)
    depth = np.full(frame.size, np.nan)
    if refined.z_px.size:
        true_px = xyz[matches.emitter, 2] / pixel_size_nm
        depth[matches.localization] = refined.z_px[matches.localization] - true_px
    return Judged(refined, frame, correct, distance, depth, len(xyz))


def _logistic(values: Values, correct: npt.NDArray[np.bool_]) -> tuple[float, ...]:
    """Fit a logistic regression with a small ridge penalty by Newton's method."""
    weights = np.zeros(FEATURES)
    for _ in range(NEWTON_STEPS):
        share = 1.0 / (1.0 + np.exp(-np.clip(values @ weights, -30.0, 30.0)))
        slope = values.T @ (correct - share) - RIDGE * weights
        curve = (values.T * (share * (1.0 - share))) @ values + RIDGE * np.eye(FEATURES)
        weights = weights + np.linalg.solve(curve, slope)
    return tuple(weights.tolist())


def _excess(error_px: Values, stated_px: Values) -> Values:
    """Return squared errors over the variances that the fit states."""
    excess: Values = error_px**2 / np.maximum(stated_px, MIN_SPREAD_PX) ** 2
    return excess


def _gamma(values: Values, excess: Values) -> tuple[float, ...]:
    """Fit a gamma regression with logarithmic link and a small ridge penalty."""
    weights = np.zeros(FEATURES)
    if excess.size < MIN_RIGHT:
        return tuple(weights.tolist())
    weights[0] = np.log(excess.mean())
    for _ in range(NEWTON_STEPS):
        share = excess * np.exp(-np.clip(values @ weights, -30.0, 30.0))
        slope = values.T @ (share - 1.0) - RIDGE * weights
        # Fisher's information instead of the observed one: far off, that one may be nearly none.
        curve = values.T @ values + RIDGE * np.eye(FEATURES)
        step = np.linalg.solve(curve, slope)
        weights = weights + step * min(1.0, 1.0 / max(float(np.abs(values @ step).max()), 1e-9))
    return tuple(weights.tolist())
