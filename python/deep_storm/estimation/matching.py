"""PSF, emitters and background of a simulation, from its ground truth.

Spreads are the samples' standard deviations, except that of the density: the emitters of a frame
scatter by themselves (Poisson), so only what lies beyond that counts::

    density_std = sqrt(max(0, variance of counts − mean of counts)) / area
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import TableError
from deep_storm.settings import Background, Emitters, Psf, field_range
from deep_storm.words import rounded

NEEDED = ("sigma_nm", "intensity_photon", "bkgstd_photon")
UNIFORM_KURTOSIS = -0.6
"""Half-way between the excess kurtosis of a uniform distribution (−1.2) and of a normal one."""
SIGNIFICANT = 3.0
"""A dispersion beyond Poisson counts when it is this many standard errors above 1."""


class Matched(NamedTuple):
    """Settings of a simulation that looks like what was measured."""

    psf: Psf
    emitters: Emitters
    background: Background


def match_settings(truth: pd.DataFrame, field_um2: float, frames: int) -> Matched:
    """Find the simulation settings that a ground truth was made with.

    Parameters
    ----------
    truth
        One emitter a row: ``frame``, ``sigma_nm``, ``intensity_photon``, ``bkgstd_photon``; where
        ``x_nm`` and ``y_nm`` are there, they tell which molecules stay on.
    field_um2
        Area of a frame.
    frames
        Frames of the stack, those without an emitter included.

    Raises
    ------
    TableError
        A column is missing, or there is no emitter.
    SettingsError
        A value is out of the range that the simulation takes.
    """
    truth = with_one_sigma(truth)
    missing = [column for column in NEEDED if column not in truth.columns]
    if missing:
        raise TableError(
            f"the ground truth has no column {', '.join(missing)}",
            "sigma, intensity and bkgstd of each emitter",
            "export it from ThunderSTORM's generator with all columns",
        )
    if truth.empty:
        raise TableError(
            "the ground truth has no emitters", "at least one", "export it again with its rows"
        )
    sigma_nm = truth["sigma_nm"].to_numpy(dtype=np.float64)
    intensity_photon = truth["intensity_photon"].to_numpy(dtype=np.float64)
    background_photon = truth.groupby("frame")["bkgstd_photon"].mean().to_numpy() ** 2
    counts = np.bincount(truth["frame"].to_numpy(dtype=np.int64), minlength=frames)
    psf = {"sigma_nm": _mean(sigma_nm), "sigma_std_nm": _std(sigma_nm), **_depths(truth)}
    emitters = {
        "density_per_um2": rounded(len(truth) / frames / field_um2),
        "density_std_per_um2": rounded(_beyond_poisson(counts) / field_um2),
        "intensity_photon": _mean(intensity_photon),
        "intensity_std_photon": _std(intensity_photon),
        "spread": _kind_of_spread(intensity_photon),
        "seen_frames": _seen_frames(truth),
    }
    background = {
        "background_photon": _mean(background_photon),
        "background_std_photon": _std(background_photon),
    }
    return Matched(
        Psf.parse(psf, "the ground truth"),
        Emitters.parse(emitters, "the ground truth"),
        Background.parse(background, "the ground truth"),
    )


def with_one_sigma(truth: pd.DataFrame) -> pd.DataFrame:
    """Return a truth of an astigmatic PSF with the sigma of a round one of the same area."""
    if "sigma_nm" in truth.columns or not {"sigma1_nm", "sigma2_nm"} <= {*truth.columns}:
        return truth
    return truth.assign(sigma_nm=np.sqrt(truth["sigma1_nm"] * truth["sigma2_nm"]))


def _depths(truth: pd.DataFrame) -> dict[str, float]:
    """Return the setting of the depths: uniform over a reach, normal, or none."""
    if "z_nm" not in truth.columns or truth["z_nm"].isna().any():
        return {}
    z_nm = truth["z_nm"].to_numpy(dtype=np.float64)
    if not np.std(z_nm) > 0:
        return {}
    if _kind_of_spread(z_nm) == "normal":
        return {"depth_std_nm": _std(z_nm)}
    return {"depth_reach_nm": rounded(float(np.abs(z_nm).max()), 3)}


def _seen_frames(truth: pd.DataFrame) -> float:
    """Return in how many frames in a row an emitter is seen: a position that stays is one's own."""
    if not {"x_nm", "y_nm"} <= {*truth.columns}:
        return 1.0
    rows = truth[["frame", "x_nm", "y_nm"]]
    stays = rows.assign(frame=rows["frame"] - 1).merge(rows).drop_duplicates()
    most = field_range(Emitters, "seen_frames")["le"]
    return min(rounded(len(truth) / (len(truth) - len(stays))), most)


def _mean(values: npt.NDArray[np.float64]) -> float:
    return rounded(float(np.mean(values)))


def _std(values: npt.NDArray[np.float64]) -> float:
    spread = float(np.std(values))
    # bkgstd has five decimals: what is the same everywhere must not get a spread from rounding
    return rounded(spread) if spread > 1e-6 * abs(float(np.mean(values))) else 0.0


def _beyond_poisson(counts: npt.NDArray[np.integer]) -> float:
    """Return the standard deviation of counts beyond Poisson's; 0 where chance explains it."""
    mean, variance = float(np.mean(counts)), float(np.var(counts))
    chance = SIGNIFICANT * math.sqrt(2.0 / max(len(counts) - 1, 1))
    return math.sqrt(variance - mean) if variance > mean * (1.0 + chance) else 0.0


def _kind_of_spread(values: npt.NDArray[np.float64]) -> Literal["uniform", "normal"]:
    """Distinguish a uniform from a normal distribution by the weight of its tails."""
    deviation = values - np.mean(values)
    variance = float(np.mean(deviation**2))
    if variance <= 0:
        return "uniform"
    kurtosis = float(np.mean(deviation**4)) / variance**2 - 3.0
    return "uniform" if kurtosis < UNIFORM_KURTOSIS else "normal"
