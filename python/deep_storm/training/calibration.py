"""Calibration after training: confidence, uncertainty, and the best threshold.

Fresh simulation of the kind that the model was trained for is read by the network. From one half of
it are learnt the confidence of a score (isotonic regression), the factor between the network's
spread and the true error, and the threshold with the best Jaccard index; on the other half the
scores of ``model.toml`` are measured. Nothing of this ever sees the user's data.

Whether a candidate is right depends on who else is there: in a crowd, one that is not reported may
lie nearer to an emitter than the one that is. Confidences are for the table that the user sees, so
the candidates above the threshold are matched first, and the others to the emitters that these have
left over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera_maps import CameraMaps, covering, noise_photon, photons_from
from deep_storm.extraction.candidates import Candidates, concatenated
from deep_storm.inference.reading import window_reader
from deep_storm.model import Model
from deep_storm.model_card import Calibration
from deep_storm.quality.calibration import calibration_error, fit_isotonic
from deep_storm.quality.matching import Points
from deep_storm.quality.scores import score
from deep_storm.settings import Emitters
from deep_storm.simulation.patch_batch import beside_photons
from deep_storm.simulation.patches import PatchSimulator
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
from deep_storm.training.threshold import best_threshold, jaccards

FIELD_PX = 64
EMITTERS = {"native": 6000, "classic": 1500}
"""Emitters that calibration wants to see in each half; the classic network is slow."""
MAX_FRAMES = 120
BATCH, MOVIE_FRAMES = 8, 4
"""Frames that are simulated at a time, and those of a movie, where the ones beside are wanted."""
SEED_OFFSET = 2_000_003
DENSITY_FACTORS = (0.7, 1.4)
MAX_DENSITY_FACTOR = 4.0
CROWDED_PER_UM2 = 12.0
"""On structures the density of the field says little of how crowded emitters are, unless the length
of filaments is known: frames up to four times as dense are looked at too, as far as this."""
MIN_SCORE = 0.15
"""What counts as reported as long as there is no threshold."""
POOR_JACCARD = 0.5
"""With less than that the scores of a hardly trained network may all lie lower."""
CUTS = 12


class Simulated(NamedTuple):
    """Candidates on simulated frames, and the true emitters.

    ``background``: the true one at each candidate, in the network's scale.
    """

    candidates: Candidates
    truth: Points
    background: npt.NDArray[np.float64]


class Seen(NamedTuple):
    """One simulated frame: photons ``(y, x)``, the network's candidates, true places ``(n, 3)``.

    ``background_photon``: ``(y, x)``, or ``(1, 1)`` where it is even. ``noise_photon``: read-out
    noise of each pixel, where they differ. ``sides``: the candidates in the frames before and
    after.
    """

    photons: npt.NDArray[np.float32]
    candidates: Candidates
    xyz_nm: npt.NDArray[np.float64]
    background_photon: npt.NDArray[np.float32]
    noise_photon: npt.NDArray[np.float32] | None = None
    sides: tuple[Candidates | None, Candidates | None] = (None, None)

    def background_at_candidates(self) -> npt.NDArray[np.float64]:
        """Return the true background in the candidates' pixels."""
        height, width = self.background_photon.shape
        row = np.clip(self.candidates.y_px.astype(np.int64), 0, height - 1)
        column = np.clip(self.candidates.x_px.astype(np.int64), 0, width - 1)
        return self.background_photon[row, column].astype(np.float64)


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
    learnt = _localize(model, seed + SEED_OFFSET, maps)
    nm = model.card.camera.pixel_size_nm
    calibration = _learn(learnt, nm, learnt.candidates.score >= _min_score(learnt, nm))
    confidence = calibration.confidence_of(learnt.candidates.score)
    threshold = best_threshold(learnt.candidates, learnt.truth, confidence, nm)
    calibration = _learn(learnt, nm, confidence >= threshold)
    confidence = calibration.confidence_of(learnt.candidates.score)
    threshold = best_threshold(learnt.candidates, learnt.truth, confidence, nm)
    scores: dict[str, float] = {}
    if scored:
        checked = _localize(model, seed + SEED_OFFSET + 1, maps)
        scores = _scores(checked, calibration, threshold, nm)
    card = model.card.model_copy(
        update={"calibration": calibration, "threshold": threshold, "scores": scores}
    )
    return replace(model, card=card, compiled={})


def seen_frames(
    model: Model,
    seed: int,
    maps: CameraMaps | None,
    emitters: int,
    min_frames: int = 8,
    max_frames: int = MAX_FRAMES,
    with_sides: bool = False,
) -> Iterator[Seen]:
    """Simulate frames and run the network on them, until there are enough emitters.

    Parameters
    ----------
    emitters
        Wanted; the number of frames is kept within ``min_frames`` to ``max_frames``.
    with_sides
        Whether the candidates in the frames beside are wanted, too, by a model that sees those.
    """
    card = model.card
    per_frame = card.emitters.density_per_um2 * (FIELD_PX * card.camera.pixel_size_nm / 1e3) ** 2
    frames = int(np.clip(np.ceil(emitters / per_frame), min_frames, max_frames))
    movie_frames = 1 if model.frames_at_once > 1 else 0
    if with_sides:
        movie_frames = MOVIE_FRAMES
    simulator = PatchSimulator(
        card.camera,
        card.psf,
        card.emitters,
        card.background,
        patch_size_px=FIELD_PX,
        batch=BATCH,
        seed=seed,
        maps=covering(maps, FIELD_PX),
        density_factors=_density_factors(card.emitters),
        uniform_share=0.0,
        table=model.table,
        movie_frames=movie_frames,
    )
    read = window_reader(model, FIELD_PX, FIELD_PX)
    # Of a movie, the first and the last frame only stand beside others.
    kept = [k for k in range(BATCH) if not with_sides or 0 < k % movie_frames < movie_frames - 1]
    for number in range(-(-frames // len(kept))):
        batch = simulator.batch_at(number)
        photons = photons_from(batch.adu, card.camera, batch.maps)
        noise = noise_photon(card.camera, batch.maps)
        beside = beside_photons(batch, card.camera)
        found = read(photons, BATCH * number, beside)
        for k in kept:
            there = batch.present[k]
            xy = batch.xy_px[k][there] * card.camera.pixel_size_nm
            xyz = np.column_stack([xy, batch.z_nm[k][there]]).astype(np.float64)
            background = batch.expected_background_photon[k]
            here = None if noise is None else noise[k]
            sides = (found[k - 1], found[k + 1]) if with_sides else (None, None)
            yield Seen(photons[k], found[k], xyz, background, here, sides)


def _density_factors(emitters: Emitters) -> tuple[float, float]:
    """Return the factors by which frames are sparser and denser than the mean."""
    low, high = DENSITY_FACTORS
    if emitters.structure == "uniform" or emitters.filament_um_per_um2 > 0:
        return low, high
    most = CROWDED_PER_UM2 / emitters.density_per_um2
    return low, float(np.clip(most, high, MAX_DENSITY_FACTOR))


def _localize(model: Model, seed: int, maps: CameraMaps | None) -> Simulated:
    """Simulate frames and run the network on them."""
    seen = list(seen_frames(model, seed, maps, EMITTERS[model.card.network.network]))
    frame = np.repeat(np.arange(len(seen)), [len(s.xyz_nm) for s in seen])
    xyz = np.concatenate([s.xyz_nm for s in seen])
    return Simulated(
        concatenated([s.candidates for s in seen]),
        Points(frame, *xyz.T),
        np.concatenate([s.background_at_candidates() for s in seen])
        / model.card.scales.background_scale_photon,
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
        background_factor=_background_factor(simulated, np.flatnonzero(good)[matches.localization]),
    )


def _background_factor(simulated: Simulated, right: npt.NDArray[np.int64]) -> float | None:
    """Return the mean true over predicted background, at the correct candidates."""
    stated = simulated.candidates.background
    if stated.size != simulated.candidates.score.size:
        return None
    mean = float(stated[right].mean())
    true = float(simulated.background[right].mean())
    return true / mean if true > 0 and mean > 0 else None


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
