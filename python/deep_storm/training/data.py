"""Training data: batches of patches with their true emitters, and those of a matched simulation.

The simulation is made on the fly: endless, every patch new. An imported one is in
:mod:`deep_storm.training.imported_data`. Batches depend on the seed and their number alone, so they
can be made ahead in another thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, photons_from
from deep_storm.networks.base import Float32, Scales, Truth
from deep_storm.psf.depth import DepthCode
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Background, Emitters, Psf
from deep_storm.simulation.patch_batch import PatchBatch, beside_photons
from deep_storm.simulation.patches import PatchSimulator
from deep_storm.training.schedule import ResolvedTraining

VALIDATION_SEED = 1_000_003
"""Added to the seed: validation patches are never training patches."""
VALIDATION_BATCHES = 4
MOVIE_FRAMES = 4
"""Patches that follow each other, for a network that sees the frames beside one."""
ONE_ALONE_SHARE, ALONE_SHARE = 0.05, 0.1
"""Of the patches of which one frame beside it is missing, or both are."""
ALONE_STREAM = 14


class Batch(NamedTuple):
    """One training batch, scaled for the network.

    Frames ``(b, y, x, 1)``, or ``(b, y, x, 3)`` with those beside them, what the network is
    conditioned on ``(b, 17)``, or ``(1, 17)`` where it is the same for all, and their truth.
    """

    frames: Float32
    expectations: Float32
    truth: Truth


class BatchSource(Protocol):
    """Interface of a data source for the training loop."""

    patches_per_epoch: int

    def batch(self, index: int) -> Batch:
        """Return the training batch of this number."""

    def validation(self) -> list[Batch]:
        """Return the validation batches."""


class TrainingData(ABC):
    """Source of batches with one camera and one scale."""

    patches_per_epoch: int

    def __init__(self, camera: Camera, scales: Scales) -> None:
        self.camera = camera
        self.scales = scales

    @abstractmethod
    def raw_batch(self, index: int) -> PatchBatch:
        """Return the training batch of this number, in ADU and photons."""

    @abstractmethod
    def raw_validation(self, index: int) -> PatchBatch:
        """Return a validation batch."""

    def batch(self, index: int) -> Batch:
        """Return the training batch of this number, scaled for the network."""
        return in_scale(self.raw_batch(index), self.camera, self.scales)

    def validation(self) -> list[Batch]:
        """Return the validation batches, the same ones at every call."""
        raw = [self.raw_validation(k) for k in range(VALIDATION_BATCHES)]
        return [in_scale(patches, self.camera, self.scales) for patches in raw]


def in_scale(raw: PatchBatch, camera: Camera, scales: Scales) -> Batch:
    """Scale patches and their emitters for the network."""
    if scales.depth_reach_nm is None:
        shape = raw.sigma_px / np.float32(scales.sigma_px)
    else:
        shape = DepthCode(scales.depth_reach_nm).of(raw.z_nm)
    truth = Truth(
        x=raw.xy_px[..., 0],
        y=raw.xy_px[..., 1],
        photons=raw.intensity_photon / np.float32(scales.intensity_photon),
        shape=shape,
        present=raw.present.astype(np.float32),
        background=raw.expected_background_photon / np.float32(scales.background_scale_photon),
    )
    photons = photons_from(raw.adu, camera, raw.maps)
    frames = scales.network_input(photons, beside_photons(raw, camera))
    return Batch(frames, scales.expectations()[None], truth)


def some_alone(raw: PatchBatch, rng: np.random.Generator) -> PatchBatch:
    """Take the frame before or after from some patches: the first of a movie has none before it."""
    if raw.beside_adu is None:
        return raw
    beside = raw.beside_adu.copy()
    one = rng.random((len(beside), 2)) < ONE_ALONE_SHARE
    both = rng.random((len(beside), 1)) < ALONE_SHARE
    beside.transpose(0, 3, 1, 2)[one | both] = np.nan
    return replace(raw, beside_adu=beside)


class SimulatedData(TrainingData):
    """A matched simulation, generated during training.

    Parameters
    ----------
    camera, psf, emitters, background
        What is simulated.
    scales
        Of the network.
    training
        Patch size, batch and seed.
    maps
        Camera maps (y, x); each patch takes a random window of them.
    table
        The PSF in place of the Gaussian of ``psf``.
    """

    def __init__(
        self,
        camera: Camera,
        psf: Psf,
        emitters: Emitters,
        background: Background,
        scales: Scales,
        training: ResolvedTraining,
        maps: CameraMaps | None = None,
        table: PsfTable | None = None,
    ) -> None:
        super().__init__(camera, scales)
        self.patches_per_epoch = training.max_patches
        self._training, self._validation = (
            PatchSimulator(
                camera,
                psf,
                emitters,
                background,
                patch_size_px=training.patch_size_px,
                batch=training.batch,
                seed=seed,
                maps=maps,
                table=table,
                movie_frames=MOVIE_FRAMES if training.frames_at_once > 1 else 0,
            )
            for seed in (training.seed, training.seed + VALIDATION_SEED)
        )

    def raw_batch(self, index: int) -> PatchBatch:
        """Simulate a batch."""
        return _simulated(self._training, index)

    def raw_validation(self, index: int) -> PatchBatch:
        """Simulate a validation batch with another seed."""
        return _simulated(self._validation, index)


def _simulated(simulator: PatchSimulator, index: int) -> PatchBatch:
    rng = np.random.default_rng([simulator.seed, ALONE_STREAM, index])
    return some_alone(simulator.batch_at(index), rng)
