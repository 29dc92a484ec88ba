"""The network's candidates of a frame, refined by :mod:`deep_storm.refinement`.

The evidence for an emitter is a matter of one frame and its neighbours; how often it is right is
learnt on simulation (:mod:`deep_storm.training.refining`), as with the network's own score.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.extraction.candidates import Candidates
from deep_storm.model import Calibration, ModelCard
from deep_storm.refinement.block import Prior
from deep_storm.refinement.refiner import (
    SHARE_OF_PHOTONS,
    SHARE_OF_SIGMA,
    Proposals,
    Refined,
    Refiner,
)

Float32 = npt.NDArray[np.float32]
FEATURES = 5
MOST_EVIDENCE = 12.0
LEAST_SPREAD_PX = 0.005


def refiner_for(card: ModelCard) -> Refiner:
    """Return the refiner that expects what a model was trained for."""
    camera, emitters = card.camera, card.emitters
    sigma_px = camera.px(card.psf.sigma_nm)
    photons = emitters.intensity_photon
    return Refiner(
        Prior(
            photons=photons,
            photons_std=float(np.hypot(emitters.intensity_std_photon, SHARE_OF_PHOTONS * photons)),
            sigma_px=sigma_px,
            sigma_std_px=float(
                np.hypot(camera.px(card.psf.sigma_std_nm), SHARE_OF_SIGMA * sigma_px)
            ),
            excess=camera.excess_noise_factor / camera.quantum_efficiency,
            log_density=float(
                np.log(emitters.density_per_um2 * (camera.pixel_size_nm / 1000.0) ** 2)
            ),
        ),
        camera.read_noise_photon,
        card.background.background_photon,
    )


def proposals_from(candidates: Candidates, card: ModelCard) -> Proposals:
    """Return the candidates of one frame as proposals; what is not stated is what is usual."""
    scales, size = card.scales, candidates.frame.size

    def stated(values: Float32, scale: float, usual: float) -> npt.NDArray[np.float64]:
        known = values.astype(np.float64) * scale
        return known if values.size == size else np.full(size, usual)

    usual = card.background.background_photon
    return Proposals(
        candidates.x_px.astype(np.float64),
        candidates.y_px.astype(np.float64),
        stated(candidates.photons, scales.intensity_photon, scales.intensity_photon),
        stated(candidates.sigma, scales.sigma_px, scales.sigma_px),
        stated(candidates.background, scales.background_scale_photon, usual),
        card.calibration.confidence_of(candidates.score),
    )


def features(refined: Refined) -> npt.NDArray[np.float64]:
    """Return what tells right from wrong emitters, ``(n, 5)``."""
    return np.stack(
        [
            np.ones_like(refined.evidence),
            np.clip(refined.evidence, -2.0, MOST_EVIDENCE) / MOST_EVIDENCE,
            np.log(np.maximum(refined.spread_px, LEAST_SPREAD_PX)),
            refined.proposed,
            (refined.proposed == 0.0).astype(np.float64),
        ],
        axis=1,
    )


@dataclass(frozen=True)
class Refinement:
    """A refiner that knows how far its answer can be believed.

    Attributes
    ----------
    refiner
        Fits the frames.
    card
        Of the model whose candidates are refined.
    weights
        ``(5,)``: of the :func:`features`, for the score.
    log_spread, factor
        Knots: logarithm of the fit's spread (px), and true over stated standard deviation.
    calibration
        From the score to a confidence.
    threshold
        Confidence with the best Jaccard index.
    """

    refiner: Refiner
    card: ModelCard
    weights: tuple[float, ...]
    log_spread: tuple[float, ...]
    factor: tuple[float, ...]
    calibration: Calibration
    threshold: float

    @property
    def told_card(self) -> ModelCard:
        """The model's card with the calibration that refined candidates need."""
        told = {"calibration": self.calibration, "threshold": self.threshold}
        return self.card.model_copy(update=told)

    def candidates(self, photons: Float32, found: Candidates, frame: int) -> Candidates:
        """Refine the candidates of one frame.

        Parameters
        ----------
        photons
            ``(y, x)``: the frame.
        found
            The network's candidates, all of them.
        frame
            Number of the frame.
        """
        return self.scored(self.refiner.refine(photons, proposals_from(found, self.card)), frame)

    def scored(self, refined: Refined, frame: int) -> Candidates:
        """Return refined emitters as candidates, with score and true spread."""
        scales = self.card.scales
        score = 1.0 / (1.0 + np.exp(-features(refined) @ np.asarray(self.weights)))
        log_spread = np.log(np.maximum(refined.spread_px, LEAST_SPREAD_PX))
        factor = np.interp(log_spread, self.log_spread, self.factor)
        columns: list[Any] = [
            refined.x_px,
            refined.y_px,
            refined.spread_px * factor,
            score,
            refined.photons / scales.intensity_photon,
            refined.sigma_px / scales.sigma_px,
            refined.background_photon / scales.background_scale_photon,
        ]
        numbers = np.full(score.size, frame, np.int64)
        return Candidates(numbers, *(v.astype(np.float32) for v in columns))


def side_by_side(work: Any, frames: Sequence[Any], threads: int | None = None) -> list[Any]:
    """Apply ``work`` to frames in threads; the answers are in the order of the frames."""
    import os

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        return list(pool.map(work, frames))


def draw_refined(
    candidates: Candidates, confidence: Any, upsampling: int, band: Float32, top: int
) -> None:
    """Draw each emitter as wide as its uncertainty, weighted with its confidence.

    ``band`` is a part of the image from row ``top`` on.
    """
    from deep_storm.rendering.kernels import gaussians

    scale = np.float32(upsampling)
    gaussians(
        band,
        top,
        candidates.x_px * scale,
        candidates.y_px * scale,
        candidates.spread_px * scale,
        confidence.astype(np.float32),
    )
