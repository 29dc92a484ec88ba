"""Refinement of the network's candidates of a frame by :mod:`deep_storm.refinement`.

The evidence for an emitter is a matter of one frame and its neighbours; how often it is right is
learnt on simulation (:mod:`deep_storm.training.refining`), as with the network's own score.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.features import features
from deep_storm.model import Model
from deep_storm.model_card import Calibration, ModelCard
from deep_storm.psf.table import PsfTable
from deep_storm.refinement.beside import OnBeside, places_beside
from deep_storm.refinement.prior import Prior
from deep_storm.refinement.refiner import (
    SHARE_OF_PHOTONS,
    SHARE_OF_SIGMA,
    Noise,
    Proposals,
    Refined,
    Refiner,
)
from deep_storm.refinement.shapes import Shape, depth_shape, gaussian_shape, width_shape
from deep_storm.simulation.haze import haze_std_photon
from deep_storm.simulation.on_times import mean_frames_seen

Float32 = npt.NDArray[np.float32]
FrameT = TypeVar("FrameT")
ResultT = TypeVar("ResultT")
Sides = tuple[Candidates | None, Candidates | None]
"""The network's candidates in the frames before and after one; None where they are not known."""
NOTHING_BESIDE: Sides = (None, None)
WITHOUT_THIS_FRAME = 1.5
"""The network's variance in a frame beside, without what it has seen of this one: a third."""
MIN_CONFIDENCE_BESIDE, MIN_SPREAD_BESIDE_PX = 0.3, 0.05
"""What is surer than this in a frame beside is looked for here, and how far off at least."""
MAX_LOSS = 0.005
"""Jaccard index that refinement may seem to cost on simulation."""
MIN_GAIN = 0.1
"""Of what the network misses and finds wrongly (one minus its Jaccard index)."""
LOG_VARIANCE_RANGE = (-1.5, 4.0)
"""Beyond this no emitter's true over its stated variance was seen."""


def refiner_for(card: ModelCard, table: PsfTable | None = None) -> Refiner:
    """Return the refiner with the priors of a model.

    Parameters
    ----------
    card
        Of the model.
    table
        The PSF, where more is known of it than the Gaussian of the card.
    """
    camera, emitters = card.camera, card.emitters
    shape = _shape(card, table)
    photons = emitters.intensity_photon
    photons_std = float(np.hypot(emitters.intensity_std_photon, SHARE_OF_PHOTONS * photons))
    # On structures the many dim ones of a gamma distribution would explain crowds that no fit can
    # tell apart: on simulated filaments a normal one is right more often.
    gamma = emitters.spread == "gamma" and emitters.structure == "uniform"
    prior = Prior(
        photons=photons,
        photons_std=photons_std,
        sigma_px=camera.px(card.psf.sigma_nm),
        excess=camera.excess_noise_factor / camera.quantum_efficiency,
        log_density=float(np.log(emitters.density_per_um2 * camera.pixel_area_um2)),
        **shape.fields,
        uneven_photon=_uneven_photon(card),
        photons_order=(photons / photons_std) ** 2 if gamma else 0.0,
    )
    return Refiner(
        prior,
        shape,
        camera.read_noise_photon,
        card.background.background_photon,
        emitters.beyond_border,
    )


def _uneven_photon(card: ModelCard) -> float:
    """Return the standard deviation of the background from place to place."""
    background, per_um2 = card.background, card.camera.pixel_area_um2
    haze = haze_std_photon(
        background.haze_per_um2 * per_um2,
        card.emitters.intensity_photon,
        card.camera.px(card.psf.sigma_nm),
    )
    return float(np.hypot(background.unevenness * background.background_photon, haze))


def _shape(card: ModelCard, table: PsfTable | None) -> Shape:
    """Return in what emitters differ: in depth where the PSF has it, else in width."""
    if table is not None and len(table.z_nm) > 1 and card.psf.spread_in_depth_nm > 0:
        return depth_shape(table, card.psf.spread_in_depth_nm, card.psf.depth_reach_nm)
    sigma_px = card.camera.px(card.psf.sigma_nm)
    spread_px = card.camera.px(card.psf.sigma_std_nm)
    spread_px = float(np.hypot(spread_px, SHARE_OF_SIGMA * sigma_px))
    if table is None:
        return gaussian_shape(sigma_px, spread_px)
    return width_shape(table, sigma_px, spread_px)


def proposals_from(candidates: Candidates, card: ModelCard, shape: Shape) -> Proposals:
    """Return the candidates of one frame as proposals; missing columns get typical values.

    ``shape``: of the refiner that they are for.
    """
    scales, size = card.scales, candidates.frame.size

    def stated(values: Float32, scale: float, usual: float) -> npt.NDArray[np.float64]:
        known = values.astype(np.float64) * scale
        return known if values.size == size else np.full(size, usual)

    usual = card.background.background_photon
    known_z = candidates.z_px.size == size and shape.tells_depth
    return Proposals(
        candidates.x_px.astype(np.float64),
        candidates.y_px.astype(np.float64),
        stated(candidates.photons, card.unit_photon, scales.intensity_photon),
        candidates.z_px.astype(np.float64)
        if known_z
        else shape.of_sigma(stated(candidates.sigma, scales.sigma_px, scales.sigma_px)),
        stated(candidates.background, card.unit_background_photon, usual),
        card.calibration.confidence_of(candidates.score),
        candidates.z_spread_px * card.calibration.depth_factor_of(candidates.score)
        if known_z
        else np.full(size, np.inf),
    )


def _on_beside(found: Candidates | None, card: ModelCard) -> OnBeside | None:
    """Return what is seen in a frame beside, from the network's candidates in it."""
    if found is None:
        return None
    confidence = card.calibration.confidence_of(found.score)
    sure = confidence >= MIN_CONFIDENCE_BESIDE
    kept = found.where(sure)
    spread_px = kept.spread_px * card.calibration.spread_factor_of(kept.score)
    z_px, z_certainty = np.zeros((2, kept.score.size))
    if kept.z_px.size:
        z_px = kept.z_px.astype(np.float64)
        z_spread_px = kept.z_spread_px * card.calibration.depth_factor_of(kept.score)
        z_certainty = _without_this_frame(z_spread_px) ** -2
    return OnBeside(
        kept.x_px.astype(np.float64),
        kept.y_px.astype(np.float64),
        _without_this_frame(spread_px),
        confidence[sure],
        z_px,
        z_certainty,
    )


def _without_this_frame(spread_px: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the spread of what is seen in a frame beside, by that which this one does not say."""
    without: npt.NDArray[np.float64] = np.sqrt(
        WITHOUT_THIS_FRAME * spread_px**2 + MIN_SPREAD_BESIDE_PX**2
    )
    return without


def looks_beside(model: Model) -> bool:
    """Whether the molecules that a model finds in the frames beside are expected in one."""
    return model.frames_at_once > 1 and mean_frames_seen(model.card.emitters) > 1.0


def _depth_std_px(
    refined: Refined, prior: Prior, factor: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return standard deviations of depths; at the end of the PSF's depths, all of these."""
    at_end = (refined.z_px <= prior.min_shape) | (refined.z_px >= prior.max_shape)
    std_px = refined.z_spread_px * factor
    return np.where(at_end, np.maximum(std_px, prior.max_shape - prior.min_shape), std_px)


@dataclass(frozen=True)
class Refinement:
    """A refiner with the calibration of its results.

    Attributes
    ----------
    refiner
        Fits the frames.
    card
        Of the model whose candidates are refined.
    weights
        ``(11,)``: of the :func:`features`, for the score.
    spread_weights
        ``(11,)``: of the same, for the logarithm of the true over the stated variance.
    z_weights
        ``(11,)``: the same for depth.
    calibration
        From the score to a confidence.
    threshold
        Confidence with the best Jaccard index.
    jaccard, network_jaccard
        Of the refined and of the network's own localizations, on the same simulated frames.
    row_ratio
        Number of refined over the network's own localizations there; None where it is not known.
    beside
        Whether what the network finds in the frames before and after is expected in each.
    """

    refiner: Refiner
    card: ModelCard
    weights: tuple[float, ...]
    spread_weights: tuple[float, ...]
    z_weights: tuple[float, ...]
    calibration: Calibration
    threshold: float
    jaccard: float = 0.0
    network_jaccard: float = 0.0
    row_ratio: float | None = None
    beside: bool = False

    @property
    def pays(self) -> bool:
        """Whether refined localizations are as good on light of this kind, or better.

        Where the network misses many, they must be better: what only equals it on simulation is
        worse on frames that differ from it.
        """
        gain = self.jaccard - self.network_jaccard
        return gain >= MIN_GAIN * (1.0 - self.network_jaccard) - MAX_LOSS

    @property
    def calibrated_card(self) -> ModelCard:
        """The model's card with the calibration that refined candidates need."""
        changed = {"calibration": self.calibration, "threshold": self.threshold}
        return self.card.model_copy(update=changed)

    def candidates(
        self,
        photons: Float32,
        found: Candidates,
        frame: int,
        noise_photon: Noise = None,
        sides: Sides = NOTHING_BESIDE,
    ) -> Candidates:
        """Refine the candidates of one frame.

        Parameters
        ----------
        photons
            ``(y, x)``: the frame.
        found
            The network's candidates, all of them.
        frame
            Number of the frame.
        noise_photon
            ``(y, x)``: read-out noise of each pixel, where they differ.
        sides
            The network's candidates in the frames before and after.
        """
        return self.scored(self.refined(photons, found, noise_photon, sides), frame)

    def refined(
        self, photons: Float32, found: Candidates, noise_photon: Noise, sides: Sides
    ) -> Refined:
        """Refine the candidates of one frame; parameters as of :meth:`candidates`."""
        proposals = proposals_from(found, self.card, self.refiner.shape)
        beside = None
        if self.beside:
            frames_seen = mean_frames_seen(self.card.emitters)
            before, after = (_on_beside(side, self.card) for side in sides)
            log_density = self.refiner.prior.log_density
            beside = places_beside(before, after, frames_seen, log_density)
        return self.refiner.refine(photons, proposals, noise_photon, beside)

    def scored(self, refined: Refined, frame: int) -> Candidates:
        """Return refined emitters as candidates, with score and calibrated spread."""
        scales = self.card.scales
        seen = features(refined, self.refiner.prior)
        score = 1.0 / (1.0 + np.exp(-seen @ np.asarray(self.weights)))
        log_variance = seen @ np.asarray(self.spread_weights)
        factor = np.exp(0.5 * np.clip(log_variance, *LOG_VARIANCE_RANGE))
        columns: list[Any] = [
            refined.x_px,
            refined.y_px,
            refined.spread_px * factor,
            score,
            refined.photons / scales.intensity_photon,
            refined.sigma_px / scales.sigma_px,
            refined.background_photon / scales.background_scale_photon,
        ]
        if refined.z_px.size:
            log_variance = seen @ np.asarray(self.z_weights)
            factor = np.exp(0.5 * np.clip(log_variance, *LOG_VARIANCE_RANGE))
            columns += [refined.z_px, _depth_std_px(refined, self.refiner.prior, factor)]
        numbers = np.full(score.size, frame, np.int64)
        return Candidates(numbers, *(v.astype(np.float32) for v in columns))


def map_frames(
    work: Callable[[FrameT], ResultT], frames: Sequence[FrameT], threads: int | None = None
) -> list[ResultT]:
    """Apply ``work`` to frames in threads; results are in the order of the frames."""
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        return list(pool.map(work, frames))
