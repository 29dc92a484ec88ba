"""Training data of the general model: many experiments in each batch.

A batch is made of groups of patches. Each group has a camera, PSF, brightness, background and
density of its own (:mod:`deep_storm.training.experiments`), and the network is conditioned on them
– not quite rightly, as an estimate never is, for some experiments better than for others, and now
and then without the shape of the PSF.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from deep_storm.networks.base import Float32, Scales, Truth
from deep_storm.psf.code import CODE_LENGTH, MAX_CODE
from deep_storm.settings import Domain
from deep_storm.simulation.patch_batch import PatchBatch
from deep_storm.simulation.patches import PatchSimulator
from deep_storm.training.data import (
    MOVIE_FRAMES,
    VALIDATION_BATCHES,
    VALIDATION_SEED,
    Batch,
    in_scale,
    some_alone,
)
from deep_storm.training.experiments import (
    Experiment,
    PsfBank,
    code_of,
    draw_experiment,
    hidden_maps,
    min_photon,
)
from deep_storm.training.schedule import ResolvedTraining

GROUPS = 8
DOMAIN_STREAM = 21
RELATIVE_ERRORS = {
    "sigma_px": 0.04,
    "intensity_photon": 0.12,
    "intensity_spread": 0.2,
    "background_photon": 0.12,
}
"""Of what the network is conditioned on: standard deviation of the logarithm."""
CODE_ERROR = 0.12
"""Standard deviation of each number of the PSF's code."""
ERROR_FACTOR = (0.2, 1.2)
"""All of these errors of a group are this much larger, log-uniform: what is known well is used as
such."""
UNKNOWN_SHAPE_SHARE = 0.25
"""Share of the groups in which the PSF's shape is not known."""
MAX_SPREAD = 1.2


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
        self.patches_per_epoch = training.max_patches
        self._bank = PsfBank() if domain.gaussian_share < 1.0 else None

    def batch(self, index: int) -> Batch:
        """Return the training batch of this number."""
        return self._made(self.training.seed, index)

    def validation(self) -> list[Batch]:
        """Return the validation batches, the same ones at every call."""
        seed = self.training.seed + VALIDATION_SEED
        return [self._made(seed, k) for k in range(4 * VALIDATION_BATCHES)]

    def _made(self, seed: int, index: int) -> Batch:
        groups = max(1, min(GROUPS, self.training.batch))
        sizes = np.full(groups, self.training.batch // groups)
        sizes[: self.training.batch % groups] += 1
        return _joined([self._group(seed, index, k, int(n)) for k, n in enumerate(sizes)])

    def _group(self, seed: int, index: int, group: int, patches: int) -> Batch:
        rng = np.random.default_rng([seed, DOMAIN_STREAM, index, group])
        experiment = draw_experiment(self.domain, rng, self._bank)
        size = self.training.patch_size_px
        simulator = PatchSimulator(
            experiment.camera,
            experiment.psf,
            experiment.emitters,
            experiment.background,
            patch_size_px=size,
            batch=patches,
            seed=int(rng.integers(2**31)),
            maps=hidden_maps(experiment, (2 * size, 2 * size), rng),
            density_factors=(0.6, 1.4),
            table=experiment.table,
            movie_frames=MOVIE_FRAMES if self.training.frames_at_once > 1 else 0,
        )
        raw = some_alone(_without_invisible(simulator.batch_at(0), experiment), rng)
        return in_scale(replace(raw, maps=None), experiment.camera, given_scales(experiment, rng))


def given_scales(experiment: Experiment, rng: np.random.Generator) -> Scales:
    """Return the vector a network is conditioned on, for an experiment estimated from frames."""
    true = Scales.matching(
        experiment.camera, experiment.psf, experiment.emitters, experiment.background
    )
    photons = {
        "intensity_photon": experiment.photons,
        "intensity_spread": experiment.photons_spread,
    }
    factor = float(np.exp(rng.uniform(*np.log(ERROR_FACTOR))))
    given: dict[str, Any] = {
        name: photons.get(name, getattr(true, name))
        * float(np.exp(rng.normal(0.0, factor * error)))
        for name, error in RELATIVE_ERRORS.items()
    }
    given["intensity_spread"] = min(given["intensity_spread"], MAX_SPREAD)
    given["input_photon"] = given["intensity_photon"] / (4.0 * np.pi * given["sigma_px"] ** 2)
    if rng.random() >= UNKNOWN_SHAPE_SHARE:
        code = np.array(code_of(experiment)) + rng.normal(0.0, factor * CODE_ERROR, CODE_LENGTH)
        given["psf_code"] = tuple(code.clip(-MAX_CODE, MAX_CODE).tolist())
    return true.model_copy(update=given)


def _without_invisible(raw: PatchBatch, experiment: Experiment) -> PatchBatch:
    """Remove emitters that are lost in the noise from the truth; their light stays."""
    seen = raw.present & (raw.intensity_photon >= min_photon(experiment, raw.sigma_px))
    return replace(raw, present=seen)


def _joined(parts: list[Batch]) -> Batch:
    """Join groups of patches; emitters are padded to the largest number."""
    most = max(part.truth.x.shape[1] for part in parts)
    size = parts[0].frames.shape[1:3]

    def wide(values: Float32) -> Float32:
        if values.ndim == 3:  # background, even in some groups
            return np.broadcast_to(values, (len(values), *size))
        return np.pad(values, ((0, 0), (0, most - values.shape[1])))

    columns = zip(*(part.truth for part in parts), strict=True)
    return Batch(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([np.repeat(p.expectations, len(p.frames), axis=0) for p in parts]),
        Truth(*(np.concatenate([wide(v) for v in values]) for values in columns)),
    )
