"""Training data of an imported simulation: patches of a stack with its ground truth.

Patches are flipped and rotated as far as the PSF looks the same afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import StackError, TableError
from deep_storm.inference.repair import repair
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.networks.base import Scales
from deep_storm.psf.table import PsfTable
from deep_storm.simulation.emitters import EmitterSet
from deep_storm.simulation.patch_batch import PatchBatch, padded
from deep_storm.training.data import TrainingData, some_alone
from deep_storm.training.schedule import ResolvedTraining
from deep_storm.training.turns import Emitted, allowed_turns, leaves_alike, turned
from deep_storm.words import counted

VALIDATION_RUN = 10
"""Frames in a row that are kept for validation, where frames beside one are seen with it."""

Integers = npt.NDArray[np.int64]


class ImportedData(TrainingData):
    """A stack with its ground truth.

    The frames are split once: validation frames never give a training patch, and where a network
    sees the frames beside one, they are no part of it either.

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
        self.validation_frames, self.training_frames = _split(frames, training)
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
        patches = self._cut(self.training_frames, self.validation_frames, rng)
        return some_alone(patches, rng)

    def raw_validation(self, index: int) -> PatchBatch:
        """Cut a batch from the validation frames."""
        rng = np.random.default_rng([self.settings.seed, 13, index])
        patches = self._cut(self.validation_frames, self.training_frames, rng)
        return some_alone(patches, rng)

    def _cut(self, frames: Integers, apart: Integers, rng: np.random.Generator) -> PatchBatch:
        """Cut patches of some frames; those that shall stay apart are not seen beside them."""
        size, batch = self.settings.patch_size_px, self.settings.batch
        _, height, width = self.stream.shape
        adu = np.empty((batch, size, size), np.float32)
        seen = self.settings.frames_at_once > 1
        beside = np.full((batch, size, size, 2), np.nan, np.float32) if seen else None
        unseen = set(apart.tolist())
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
                    if 0 <= other < self.stream.shape[0] and other not in unseen:
                        whole = repair(self.stream.read(other, other + 1)).adu[0]
                        patch = whole[top : top + size, left : left + size]
                        beside[number, ..., side] = turned(patch, turn)
            found.append(np.column_stack([np.full(len(kept), number), kept]))
        every = np.concatenate(found)
        emitters = EmitterSet(every[:, 0].astype(np.int64), *np.ascontiguousarray(every[:, 1:].T))
        raw = PatchBatch(adu, background[:, None, None], *padded(emitters, batch))
        return replace(raw, beside_adu=beside)


def _split(frames: Integers, training: ResolvedTraining) -> tuple[Integers, Integers]:
    """Return the frames to validate on and those to train on, in random order.

    Of a movie whose frames are seen three at a time, frames in a row stay together, or molecules
    that stay on would be in both.
    """
    kept = int(np.clip(round(training.validation_share * frames.size), 1, frames.size - 1))
    run = min(VALIDATION_RUN, kept) if training.frames_at_once > 1 else 1
    runs = np.split(frames, np.arange(run, frames.size, run))
    order = np.random.default_rng([training.seed, 11]).permutation(len(runs))
    ordered = np.concatenate([runs[k] for k in order.tolist()])
    return ordered[:kept], ordered[kept:]


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
