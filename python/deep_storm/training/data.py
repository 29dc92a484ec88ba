"""Training data: batches of patches with their true emitters.

Two sources with the same face: a matched simulation made on the fly (endless, every patch new),
and an imported stack with its ground truth (random patches, flipped and rotated as far as the PSF
looks the same afterwards). Batches depend on the seed and their number alone, so they can be made
ahead in another thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, photons_from
from deep_storm.errors import StackError, TableError
from deep_storm.inference.repair import repair
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.networks.base import Float32, Scales, Truth
from deep_storm.psf.depth import DepthCode
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Background, Emitters, Psf
from deep_storm.simulation.emitters import EmitterSet
from deep_storm.simulation.patch_batch import PatchBatch, beside_photons, padded
from deep_storm.simulation.patches import PatchSimulator
from deep_storm.training.schedule import ResolvedTraining
from deep_storm.training.turns import Emitted, allowed_turns, leaves_alike, turned
from deep_storm.words import counted

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
    conditioned on ``(b, 17)``, and their truth.
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
    expected = np.repeat(scales.expectations()[None], len(raw.adu), axis=0)
    photons = photons_from(raw.adu, camera, raw.maps)
    return Batch(scales.network_input(photons, beside_photons(raw, camera)), expected, truth)


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


class ImportedData(TrainingData):
    """A stack with its ground truth.

    The frames are split once: validation frames never give a training patch.

    Parameters
    ----------
    stream, truth
        Frames in ADU and their emitters, frames counted from 0.
    camera, scales
        Of the stack, and of the network.
    training
        Patch size, batch, validation share, patches per frame, seed.
    table
        The PSF, where it is known.

    Raises
    ------
    StackError
        The frames are smaller than a patch.
    TableError
        Fewer than two frames have emitters.
    """

    def __init__(
        self,
        stream: FrameStream,
        truth: pd.DataFrame,
        camera: Camera,
        scales: Scales,
        training: ResolvedTraining,
        table: PsfTable | None = None,
    ) -> None:
        super().__init__(camera, scales)
        self.stream = stream
        self.settings = training
        _, height, width = stream.shape
        if min(height, width) < training.patch_size_px:
            raise StackError(
                f"{stream.name} has frames of {width} × {height} px",
                f"at least {training.patch_size_px} × {training.patch_size_px} px for its patches",
                f"give --patch-size-px {max(16, min(height, width) // 8 * 8)} or a larger field",
            )
        ordered = truth.sort_values("frame", kind="stable")
        self._emitters = {
            int(frame): rows for frame, rows in _emitters_by_frame(ordered, camera).items()
        }
        frames = np.array(sorted(f for f in self._emitters if 0 <= f < stream.shape[0]), np.int64)
        if frames.size < 2:
            raise TableError(
                f"the ground truth has emitters in {counted(frames.size, 'frame')} of "
                f"{stream.name}",
                "at least 2 frames, one to train on and one to validate",
                "give the ground truth that belongs to this stack",
            )
        order = np.random.default_rng([training.seed, 11]).permutation(frames)
        kept = int(np.clip(round(training.validation_share * frames.size), 1, frames.size - 1))
        self.validation_frames, self.training_frames = order[:kept], order[kept:]
        self.patches_per_epoch = min(
            training.max_patches, training.patches_per_frame * self.training_frames.size
        )
        as_seen = allowed_turns(self._emitted())
        self.turns = tuple(t for t in as_seen if table is None or leaves_alike(table, t))

    def _emitted(self) -> Iterator[Emitted]:
        """Iterate over the training frames in photons, with their emitters."""
        for frame in self.training_frames.tolist():
            rows = self._emitters[frame]
            whole = repair(self.stream.read(frame, frame + 1)).adu[0]
            yield Emitted(self.camera.photons(whole), rows[:, :4], float(rows[0, 4]) ** 2)

    def raw_batch(self, index: int) -> PatchBatch:
        """Cut a batch of random patches, flipped and rotated as far as the PSF allows."""
        rng = np.random.default_rng([self.settings.seed, 12, index])
        return some_alone(self._cut(self.training_frames, rng), rng)

    def raw_validation(self, index: int) -> PatchBatch:
        """Cut a batch from the validation frames."""
        rng = np.random.default_rng([self.settings.seed, 13, index])
        return some_alone(self._cut(self.validation_frames, rng), rng)

    def _cut(self, frames: npt.NDArray[np.int64], rng: np.random.Generator) -> PatchBatch:
        size, batch = self.settings.patch_size_px, self.settings.batch
        _, height, width = self.stream.shape
        adu = np.empty((batch, size, size), np.float32)
        seen = self.settings.frames_at_once > 1
        beside = np.full((batch, size, size, 2), np.nan, np.float32) if seen else None
        found: list[npt.NDArray[np.float64]] = []
        background = np.empty(batch, np.float32)
        for number in range(batch):
            frame = int(rng.choice(frames))
            top, left = (int(rng.integers(0, n - size + 1)) for n in (height, width))
            whole = repair(self.stream.read(frame, frame + 1)).adu[0]
            patch = whole[top : top + size, left : left + size]
            rows = self._emitters[frame] - np.array([left, top, 0.0, 0.0, 0.0, 0.0])
            inside = ((rows[:, :2] >= 0) & (rows[:, :2] < size)).all(axis=1)
            background[number] = rows[0, 4] ** 2
            turn = self.turns[int(rng.integers(len(self.turns)))]
            adu[number], kept = _turned(patch, rows[inside], size, turn)
            if beside is not None:
                for side, other in enumerate((frame - 1, frame + 1)):
                    if 0 <= other < self.stream.shape[0]:
                        whole = repair(self.stream.read(other, other + 1)).adu[0]
                        patch = whole[top : top + size, left : left + size]
                        beside[number, ..., side] = turned(patch, turn)
            found.append(np.column_stack([np.full(len(kept), number), kept]))
        every = np.concatenate(found)
        emitters = EmitterSet(every[:, 0].astype(np.int64), *np.ascontiguousarray(every[:, 1:].T))
        raw = PatchBatch(adu, background[:, None, None], *padded(emitters, batch))
        return replace(raw, beside_adu=beside)


def _emitters_by_frame(truth: pd.DataFrame, camera: Camera) -> dict[int, npt.NDArray[np.float64]]:
    """Return x, y, sigma (px), photons, background deviation, z (nm) of each frame's emitters."""
    columns = ["x_nm", "y_nm", "sigma_nm", "intensity_photon", "bkgstd_photon"]
    missing = [c for c in columns if c not in truth.columns]
    if missing:
        raise TableError(
            f"the ground truth has no column {', '.join(missing)}",
            "frame, x, y, sigma, intensity and bkgstd, as ThunderSTORM exports them",
            "export the ground truth again with all columns",
        )
    depth = truth["z_nm"].fillna(0.0) if "z_nm" in truth.columns else 0.0
    values = truth[columns].assign(z_nm=depth).to_numpy(np.float64, copy=True)
    values[:, :3] /= camera.pixel_size_nm
    frames, starts = np.unique(truth["frame"].to_numpy(np.int64), return_index=True)
    return dict(zip(frames.tolist(), np.split(values, starts[1:]), strict=True))


def _turned(
    patch: npt.NDArray[Any], rows: npt.NDArray[np.float64], size: int, turn: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Apply one of the eight symmetries of a square to a patch and its emitters."""
    emitters = rows[:, [0, 1, 2, 3, 5]]
    if turn & 1:
        emitters[:, 0] = size - emitters[:, 0]
    if turn & 2:
        emitters[:, 1] = size - emitters[:, 1]
    if turn & 4:
        emitters[:, :2] = emitters[:, 1::-1].copy()
    return turned(patch, turn), emitters
