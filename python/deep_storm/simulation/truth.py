"""The ground truth of simulated frames, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.simulation.emitters import EmitterSet


@dataclass(frozen=True)
class Drawn:
    """Light in one frame, and the random generator for its noise."""

    emitters: EmitterSet
    background_photon: npt.NDArray[np.float32]
    rng: np.random.Generator


def truth_table(
    start: int,
    frames: Sequence[Drawn],
    camera: Camera,
    has_depth: bool,
    shape_px: tuple[int, int],
) -> pd.DataFrame:
    """Return the emitters in the field.

    Parameters
    ----------
    start
        Number of the first frame.
    frames
        What was drawn for each.
    camera
        Its pixel size, and its baseline in photons, which ThunderSTORM calls offset.
    has_depth
        Whether there is a column ``z_nm``.
    shape_px
        Height and width of a frame.

    Returns
    -------
    Columns frame, x_nm, y_nm, (z_nm,) sigma_nm, intensity_photon, baseline_photon, bkgstd_photon.
    """
    inside = [one.emitters.inside(*shape_px) for one in frames]
    counts = [len(e) for e in inside]
    nm = camera.pixel_size_nm
    bkgstd_photon = [
        np.sqrt(_at(one.background_photon[0], e)) for one, e in zip(frames, inside, strict=True)
    ]

    def joined(name: str) -> npt.NDArray[np.float64]:
        return np.concatenate([np.empty(0), *(getattr(e, name) for e in inside)])

    return pd.DataFrame(
        {
            "frame": np.repeat(np.arange(start, start + len(frames), dtype=np.int64), counts),
            "x_nm": joined("x_px") * nm,
            "y_nm": joined("y_px") * nm,
            **({"z_nm": joined("z_nm")} if has_depth else {}),
            "sigma_nm": joined("sigma_px") * nm,
            "intensity_photon": joined("intensity_photon"),
            "baseline_photon": camera.baseline_adu * camera.photons_per_count,
            "bkgstd_photon": np.concatenate([np.empty(0), *bkgstd_photon]),
        }
    )


def _at(surface: npt.NDArray[np.float32], emitters: EmitterSet) -> npt.NDArray[np.float64]:
    """Return the values of a surface, (y, x) or (1, 1), in the emitters' pixels."""
    height, width = surface.shape
    row = np.minimum(emitters.y_px.astype(np.int64), height - 1)
    column = np.minimum(emitters.x_px.astype(np.int64), width - 1)
    return surface[row, column].astype(np.float64)
