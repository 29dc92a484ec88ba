"""The first patches of a training set, for inspection before training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.simulation.noise import dtype_of
from deep_storm.training.data import TrainingData


class Examples(NamedTuple):
    """First patches of a training set.

    Attributes
    ----------
    stack
        ``(n, y, x)``, ADU as the camera writes them: a frame a patch.
    truth
        Their emitters: a ground truth with the columns of :mod:`deep_storm.simulation.frames`,
        positions within the patch.
    """

    stack: npt.NDArray[Any]
    truth: pd.DataFrame


def first_patches(data: TrainingData, patches: int) -> Examples:
    """Return the first patches of the training batches, as used in training.

    Parameters
    ----------
    data
        Where batches come from.
    patches
        How many.
    """
    stacks: list[npt.NDArray[np.float32]] = []
    tables: list[pd.DataFrame] = []
    count = 0
    while count < patches:
        raw = data.raw_batch(len(stacks))
        patch, row = np.nonzero(raw.present)
        xy_nm = raw.xy_px[patch, row] * data.camera.pixel_size_nm
        columns = {
            "frame": patch + count,
            "x_nm": xy_nm[:, 0],
            "y_nm": xy_nm[:, 1],
            "sigma_nm": raw.sigma_px[patch, row] * data.camera.pixel_size_nm,
            "intensity_photon": raw.intensity_photon[patch, row],
            "bkgstd_photon": np.sqrt(raw.expected_background_photon.mean(axis=(1, 2)))[patch],
        }
        tables.append(pd.DataFrame(columns))
        stacks.append(raw.adu)
        count += len(raw.adu)
    adu, kind = np.concatenate(stacks)[:patches], dtype_of(data.camera)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        adu = np.clip(np.rint(adu), limits.min, limits.max)
    truth = pd.concat(tables, ignore_index=True)
    return Examples(adu.astype(kind), truth[truth["frame"] < patches])
