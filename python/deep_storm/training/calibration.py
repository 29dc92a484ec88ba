"""Calibration after training: confidence, uncertainty, and the best threshold.

Fresh simulation of the kind that the model was trained for is read by the network. From one half of
it are learnt how far off its places are in the mean (of a PSF with coma a network that was not
trained for it does not quite know where the molecule is), the confidence of a score (isotonic
regression), the factor between the network's spread and the true error, and the threshold with the
best Jaccard index; on the other half the scores of ``model.toml`` are measured. Nothing of this
ever sees the user's data.

Whether a candidate is right depends on who else is there: in a crowd, one that is not reported may
lie nearer to an emitter than the one that is. Confidences are for the table that the user sees, so
the candidates above the threshold are matched first, and the others to the emitters that these have
left over.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera_maps import CameraMaps
from deep_storm.extraction.candidates import Candidates, concatenated
from deep_storm.model import Model
from deep_storm.model_card import Calibration
from deep_storm.quality.calibration import calibration_error, fit_isotonic
from deep_storm.quality.matching import Points
from deep_storm.quality.scores import score
from deep_storm.training.matched import (
    DEPTH_TOLERANCES_NM,
    SPREAD_BINS,
    TOLERANCE_NM,
    depth_curve,
    factor_curve,
    matched,
    points_of,
    where,
)
from deep_storm.training.seen import seen_frames
from deep_storm.training.threshold import best_threshold, jaccards
from deep_storm.words import rounded

EMITTERS = {"native": 6000, "classic": 1500}
"""Emitters that calibration wants to see in each half; the classic network is slow."""
SEED_OFFSET = 2_000_003
MIN_SCORE = 0.15
"""What counts as reported as long as there is no threshold."""
POOR_JACCARD = 0.5
"""With less than that the scores of a hardly trained network may all lie lower."""
CUTS = 12
MIN_SHIFTED = 500
"""Right ones from which on a mean shift is learnt: it is known to less than a nanometre then."""

Values = npt.NDArray[np.float64]


class Simulated(NamedTuple):
    """Candidates on simulated frames, and the true emitters.

    ``background``: the true one at each candidate, ``photons``: those of each emitter, both in the
    network's scales.
    """

    candidates: Candidates
    truth: Points
    background: Values
    photons: Values


def calibrate(
    model: Model, seed: int, maps: CameraMaps | None = None, scored: bool = True
) -> Model:
    """Return the model with calibration, threshold and scores.

    Parameters
    ----------
    model
        Trained, with its settings.
    seed
        Of the training; calibration uses frames of its own.
    maps
        Camera maps that the frames are taken with.
    scored
        Whether the scores are wanted; they take half of the time.
    """
    model = _with_calibration(model, Calibration())
    raw = on_simulation(model, seed + SEED_OFFSET, maps)
    nm = model.card.camera.pixel_size_nm
    good = raw.candidates.score >= _min_score(raw, nm)
    for _ in range(2):  # what is reported is matched first, which is not known before
        shift_px = _shift_px(model, raw, good)
        learnt = _moved(raw, shift_px)
        calibration = _learn(learnt, nm, good)
        confidence = calibration.confidence_of(learnt.candidates.score)
        threshold = best_threshold(learnt.candidates, learnt.truth, confidence, nm)
        good = confidence >= threshold
    scores: dict[str, float] = {}
    if scored:
        checked = on_simulation(model, seed + SEED_OFFSET + 1, maps)
        scores = _scores(_moved(checked, shift_px), calibration, threshold, nm)
    if any(shift_px):
        update = {"shift_x_px": rounded(shift_px[0]), "shift_y_px": rounded(shift_px[1])}
        calibration = calibration.model_copy(update=update)
    model = _with_calibration(model, calibration)
    card = model.card.model_copy(update={"threshold": threshold, "scores": scores})
    return replace(model, card=card, compiled={})


def _with_calibration(model: Model, calibration: Calibration) -> Model:
    return replace(model, card=model.card.model_copy(update={"calibration": calibration}))


def _shift_px(
    model: Model, simulated: Simulated, good: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """Return how far the candidates that are reported are from the truth in x and y, in the mean.

    Nothing where few are right, and for the image of a classic network, which is drawn as it is.
    """
    nm, truth = model.card.camera.pixel_size_nm, simulated.truth
    kept = simulated.candidates.where(good)
    matches = matched(points_of(kept, nm), truth)
    found = matches.localization
    if found.size < MIN_SHIFTED or model.card.network.network == "classic":
        return 0.0, 0.0
    x_px = kept.x_px[found] - truth.x_nm[matches.emitter] / nm
    y_px = kept.y_px[found] - truth.y_nm[matches.emitter] / nm
    return float(np.mean(x_px)), float(np.mean(y_px))


def _moved(simulated: Simulated, shift_px: tuple[float, float]) -> Simulated:
    """Return the candidates without a shift."""
    own = simulated.candidates
    x_px, y_px = (np.float32(shift) for shift in shift_px)
    return simulated._replace(candidates=own._replace(x_px=own.x_px - x_px, y_px=own.y_px - y_px))


def on_simulation(model: Model, seed: int, maps: CameraMaps | None) -> Simulated:
    """Simulate frames and run the network on them."""
    seen = list(seen_frames(model, seed, maps, EMITTERS[model.card.network.network]))
    frame = np.repeat(np.arange(len(seen)), [len(s.xyz_nm) for s in seen])
    xyz = np.concatenate([s.xyz_nm for s in seen])
    scales = model.card.scales
    return Simulated(
        concatenated([s.candidates for s in seen]),
        Points(frame, *xyz.T),
        np.concatenate([s.background_at_candidates() for s in seen])
        / scales.background_scale_photon,
        np.concatenate([s.intensity_photon for s in seen]) / scales.intensity_photon,
    )


def _min_score(simulated: Simulated, pixel_size_nm: float) -> float:
    """Return the score from which candidates count before a threshold is chosen."""
    score = simulated.candidates.score
    about = simulated.candidates, simulated.truth
    ((usual, _),) = jaccards(*about, score, [MIN_SCORE], pixel_size_nm)
    if usual >= POOR_JACCARD or not score.size:
        return MIN_SCORE
    cuts = np.quantile(score, np.arange(CUTS) / CUTS).tolist()
    tried = [jaccard for jaccard, _ in jaccards(*about, score, cuts, pixel_size_nm)]
    best = int(np.argmax(tried))
    return MIN_SCORE if usual >= tried[best] else float(cuts[best])


def _learn(simulated: Simulated, pixel_size_nm: float, good: npt.NDArray[np.bool_]) -> Calibration:
    """Fit confidence and spread factor; a network without localizations keeps the defaults.

    Parameters
    ----------
    good
        The candidates that are reported; they are matched first.
    """
    kept = simulated.candidates.where(good)
    matches = matched(points_of(kept, pixel_size_nm), simulated.truth)
    if matches.localization.size < 2 * SPREAD_BINS:
        return Calibration()
    correct = np.zeros(good.size, bool)
    correct[np.flatnonzero(good)[matches.localization]] = True
    rest = np.setdiff1d(np.arange(simulated.truth.frame.size), matches.emitter)
    truth = simulated.truth
    left_over = where(truth, rest)
    right = matches.localization
    poor = matched(points_of(simulated.candidates.where(~good), pixel_size_nm), left_over)
    correct[np.flatnonzero(~good)[poor.localization]] = True
    x, y = fit_isotonic(simulated.candidates.score, correct)
    said = kept.spread_px[matches.localization] * pixel_size_nm
    ratio = matches.distance_nm**2 / 2.0 / said**2
    spread_score, spread_factor = factor_curve(kept.score[matches.localization], ratio)
    depth_score, depth_factor = depth_curve(kept, truth, matches, pixel_size_nm)
    return Calibration(
        score=tuple(x.tolist()),
        confidence=tuple(y.tolist()),
        spread_score=spread_score,
        spread_factor=spread_factor,
        depth_score=depth_score or None,
        depth_factor=depth_factor or None,
        background_factor=_background_factor(simulated.background[good], kept, right),
        photon_factor=_photon_factor(simulated.photons[matches.emitter], kept, right),
    )


def _background_factor(
    true: Values, kept: Candidates, right: npt.NDArray[np.int64]
) -> float | None:
    """Return the mean true over the mean stated background of the rows that are right."""
    if not kept.background.size:
        return None
    means = float(true[right].mean()), float(kept.background[right].mean())
    return means[0] / means[1] if min(means) > 0 else None


def _photon_factor(true: Values, kept: Candidates, right: npt.NDArray[np.int64]) -> float | None:
    """Return the median of the true over the stated photons of the rows that are right."""
    if not kept.photons.size:
        return None
    median = float(np.median(kept.photons[right] / true))
    return 1.0 / median if median > 0 else None


def _scores(
    simulated: Simulated, calibration: Calibration, threshold: float, pixel_size_nm: float
) -> dict[str, float]:
    """Compute the scores on frames that were not used for calibration."""
    confidence = calibration.confidence_of(simulated.candidates.score)
    reported = confidence >= threshold
    kept = simulated.candidates.where(reported)
    points = points_of(kept, pixel_size_nm)
    matches = matched(points, simulated.truth)
    tolerance_nm = TOLERANCE_NM if points.z_nm is None else DEPTH_TOLERANCES_NM[0]
    tables = [
        pd.DataFrame({"frame": p.frame, "x_nm": p.x_nm, "y_nm": p.y_nm})
        for p in (points, simulated.truth)
    ]
    said = score(tables[0], tables[1], matches, tolerance_nm)
    correct = np.zeros(kept.score.size, bool)
    correct[matches.localization] = True
    values = {
        "jaccard": said.jaccard,
        "recall": said.recall,
        "precision": said.precision,
        "rmse_nm": said.rmse_nm,
        "tolerance_nm": tolerance_nm,
        "emitters": float(simulated.truth.frame.size),
    }
    if points.z_nm is not None and simulated.truth.z_nm is not None:
        off_nm = points.z_nm[matches.localization] - simulated.truth.z_nm[matches.emitter]
        values["axial_rmse_nm"] = float(np.sqrt(np.mean(off_nm**2)))
    if kept.score.size:
        values["calibration_error"] = calibration_error(confidence[reported], correct)
    return {name: float(v) for name, v in values.items() if np.isfinite(v)}
