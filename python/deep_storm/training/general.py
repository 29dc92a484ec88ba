"""Training data of the general model: many experiments in each batch.

A batch is made of groups of patches. Each group has a camera, PSF, brightness, background and
density of its own, drawn from the :class:`~deep_storm.settings.Domain`, and the network is told
them – not quite right, as an estimate never is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deep_storm.camera import Camera
from deep_storm.networks.base import Float32, Scales, Truth
from deep_storm.settings import Background, Domain, Emitters, Psf
from deep_storm.simulation.patches import PatchSimulator
from deep_storm.training.data import VALIDATION_BATCHES, VALIDATION_SEED, Batch, in_scale
from deep_storm.training.schedule import ResolvedTraining

GROUPS = 8
DOMAIN_STREAM = 21
STRUCTURES = ("uniform", "mixed", "filaments")
PIXEL_SIZE_NM = 100.0
TOLD_WRONG = {"sigma_px": 0.04, "intensity_photon": 0.08, "background_photon": 0.1}
"""Relative errors of what the network is told."""


class Experiment(NamedTuple):
    """One draw from the domain."""

    camera: Camera
    psf: Psf
    emitters: Emitters
    background: Background

    def scales(self) -> Scales:
        """Return what a network that knows the experiment is told."""
        return Scales.matching(self.camera, self.psf, self.emitters, self.background)


def draw_experiment(domain: Domain, rng: np.random.Generator) -> Experiment:
    """Draw camera, PSF, emitters and background; all scales log-uniform."""

    def between(ends: tuple[float, float]) -> float:
        return float(np.exp(rng.uniform(*np.log(ends))))

    sigma_nm = between(domain.sigma_px) * PIXEL_SIZE_NM
    photons = between(domain.intensity_photon)
    em = rng.random() < domain.em_share
    counts = between((0.2, 2.0))
    camera = Camera(
        pixel_size_nm=PIXEL_SIZE_NM,
        baseline_adu=100.0,
        photons_per_adu=counts * 100.0 if em else counts,
        em_gain=100.0 if em else None,
        read_noise_adu=rng.uniform(*domain.read_noise_photon) / counts,
    )
    background = between(domain.background_photon)
    return Experiment(
        camera,
        Psf(sigma_nm=sigma_nm, sigma_std_nm=rng.uniform(*domain.sigma_spread) * sigma_nm),
        Emitters(
            density_per_um2=between(domain.density_per_um2),
            intensity_photon=photons,
            intensity_std_photon=rng.uniform(*domain.intensity_spread) * photons,
            spread="uniform" if rng.random() < 0.5 else "normal",
            structure=str(rng.choice(STRUCTURES)),
        ),
        Background(
            background_photon=background, background_std_photon=rng.uniform(0, 0.1) * background
        ),
    )


class GeneralData:
    """Endless batches from the whole domain.

    Parameters
    ----------
    domain
        What the model shall be used for.
    training
        Patch size, batch and seed.
    """

    def __init__(self, domain: Domain, training: ResolvedTraining) -> None:
        self.domain = domain
        self.training = training
        self.patches_per_epoch = training.most_patches

    def batch(self, index: int) -> Batch:
        """Return the training batch of this number."""
        return self._made(self.training.seed, index)

    def validation(self) -> list[Batch]:
        """Return the batches that judge the training; the same ones at every call."""
        seed = self.training.seed + VALIDATION_SEED
        return [self._made(seed, k) for k in range(2 * VALIDATION_BATCHES)]

    def _made(self, seed: int, index: int) -> Batch:
        groups = max(1, min(GROUPS, self.training.batch))
        sizes = np.full(groups, self.training.batch // groups)
        sizes[: self.training.batch % groups] += 1
        return _joined([self._group(seed, index, k, int(n)) for k, n in enumerate(sizes)])

    def _group(self, seed: int, index: int, group: int, patches: int) -> Batch:
        rng = np.random.default_rng([seed, DOMAIN_STREAM, index, group])
        experiment = draw_experiment(self.domain, rng)
        simulator = PatchSimulator(
            *experiment,
            patch_size_px=self.training.patch_size_px,
            batch=patches,
            seed=int(rng.integers(2**31)),
            density_factors=(0.6, 1.4),
        )
        told = experiment.scales()
        wrong = {
            name: getattr(told, name) * float(np.exp(rng.normal(0.0, error)))
            for name, error in TOLD_WRONG.items()
        }
        wrong["input_photon"] = (
            told.input_photon
            * wrong["intensity_photon"]
            / (told.intensity_photon * (wrong["sigma_px"] / told.sigma_px) ** 2)
        )
        scales = told.model_copy(update=wrong)
        return in_scale(simulator.batch_at(0), experiment.camera, scales)


def _joined(parts: list[Batch]) -> Batch:
    """Join groups of patches; emitters are padded to the largest number."""
    most = max(part.truth.x.shape[1] for part in parts)

    def wide(values: Float32) -> Float32:
        return np.pad(values, ((0, 0), (0, most - values.shape[1]))) if values.ndim == 2 else values

    columns = zip(*(part.truth for part in parts), strict=True)
    return Batch(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.expectations for part in parts]),
        Truth(*(np.concatenate([wide(v) for v in values]) for values in columns)),
    )
