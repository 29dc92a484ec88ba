"""Merges the localizations of a molecule in consecutive frames into one row.

Column by column as ThunderSTORM [1]_ does it: x, y, z, sigmas and offset are unweighted means,
intensity and bkgstd are sums, the frame is the first, detections are counted, the uncertainty is
worked out anew, and a column that nobody knows keeps the value of the first localization.
Confidences, which ThunderSTORM does not know, are combined: that none of n localizations is right
has the probability ∏(1 − cᵢ), if their errors are independent.

A network that sees the frames before and after the one that it answers for uses each frame up to
three times. A localization of uncertainty u that was made of mᵢ frames of a molecule tells as much
as mᵢ frames of uncertainty √mᵢ u. All n frames are used once: the variance of the mean position is
∑ mᵢuᵢ² / n² in place of ∑ uᵢ² / n², and the probability that none is right ∏(1 − cᵢ)^(1/mᵢ).

References
----------
.. [1] M. Ovesný et al., "ThunderSTORM: a comprehensive ImageJ plug-in for PALM and STORM data
   analysis and super-resolution imaging", Bioinformatics 30, 2389 (2014).
   https://doi.org/10.1093/bioinformatics/btu202
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from deep_storm.camera import Camera
from deep_storm.errors import TableError
from deep_storm.kernels import plain
from deep_storm.localizations import COLUMNS, depths_of
from deep_storm.postprocessing.linking import link
from deep_storm.postprocessing.neighbours import neighbour_counts
from deep_storm.postprocessing.uncertainty import NEEDED, fit_uncertainty_nm
from deep_storm.settings import Merging

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SPREADS = math.sqrt(-2 * math.log(0.01))
"""Two localizations of one molecule lie this many standard deviations of their distance apart at
most, in 99 of 100 cases."""
CAP_PERCENTILE = 95.0
MANY_BY_CHANCE = 0.1
MAX_SAMPLED = 200_000
_MEANS = ("x_nm", "y_nm", "z_nm", "sigma_nm", "sigma1_nm", "sigma2_nm", "background_photon")
_SUMS = ("intensity_photon", "bkgstd_photon")
_UNCERTAINTY, _AXIAL = "uncertainty_xy_nm", "uncertainty_z_nm"


class Merged(NamedTuple):
    """Molecules, and how they were merged.

    Attributes
    ----------
    table
        A row for each molecule, in the order of their first frames.
    molecule
        (n,) row of the new table for each row of the old one.
    distance_nm
        Largest distance of a link; with distances from the uncertainties, that of the median one.
    by_chance
        Share of localizations that would find another molecule's within that distance by chance.
    recomputed
        Whether uncertainties are those of a fit with all photons, instead of combined ones.
    """

    table: pd.DataFrame
    molecule: Integers
    distance_nm: float
    by_chance: float
    recomputed: bool

    def warnings(self) -> list[str]:
        """Return what looks suspicious."""
        if self.by_chance <= MANY_BY_CHANCE:
            return []
        return [
            f"{self.by_chance:.0%} of the localizations would find another molecule within "
            f"{self.distance_nm:.3g} nm by chance: make distance_nm or gap_frames smaller, or do "
            "not merge what is on for one frame only"
        ]


def merge_table(
    table: pd.DataFrame,
    merging: Merging = Merging(),
    camera: Camera | None = None,
    shared_frames: bool = False,
) -> Merged:
    """Merge localizations of the same molecule in consecutive frames.

    Parameters
    ----------
    table
        Validated, rows in any order.
    merging
        Distance, gap, most frames of a molecule.
    camera
        Needed to work out uncertainties from all photons of a molecule.
    shared_frames
        Whether each localization used the frames before and after its own, too.

    Raises
    ------
    TableError
        The distance shall follow from the uncertainties, and there are none.
    """
    frame = table["frame"].to_numpy()
    in_order = bool((np.diff(frame) >= 0).all())
    order = slice(None) if in_order else np.argsort(frame, kind="stable")
    columns = {name: table[name].to_numpy()[order] for name in table.columns}
    variance_nm2, reach_nm, spreads, typical_nm = _reach(columns, merging)
    molecule = link(
        plain(columns["frame"], np.int64),
        plain(columns["x_nm"], np.float64),
        plain(columns["y_nm"], np.float64),
        _depths(table, merging)[order],
        variance_nm2,
        reach_nm,
        spreads,
        merging.gap_frames,
        merging.frames_per_molecule,
    )
    used = np.ones(len(molecule))
    if shared_frames:
        used = _frames_used(plain(columns["frame"], np.int64), molecule)
    merged, recomputed = _combined(columns, molecule, merging, camera, used)
    unordered = np.empty_like(molecule)
    unordered[order] = molecule
    chance = _by_chance(columns, molecule, typical_nm, merging.gap_frames)
    return Merged(merged, unordered, typical_nm, chance, recomputed)


def _depths(table: pd.DataFrame, merging: Merging) -> FloatArray:
    """Return the depths as they count in distances: 0 where there are none.

    With distances from the uncertainties, a depth counts by how much better x and y are known.
    """
    weight = merging.z_weight
    if "z_nm" not in table or weight == 0:
        return np.zeros(len(table))
    z_nm = depths_of(table, "merging in depth")
    if merging.distance_nm is None and {_UNCERTAINTY, _AXIAL} <= {*table.columns}:
        lateral, axial = (
            float(np.nanmedian(v)) if np.isfinite(v).any() else math.nan
            for v in (table[c].to_numpy(dtype=np.float64) for c in (_UNCERTAINTY, _AXIAL))
        )
        if lateral > 0 and axial > 0:
            weight = lateral / axial
    return weight * z_nm


def _reach(
    columns: dict[str, npt.NDArray[np.generic]], merging: Merging
) -> tuple[FloatArray, float, float, float]:
    """Return variances, the largest distance, its number of spreads, and a typical distance."""
    if merging.distance_nm is not None:
        nothing = np.zeros(len(columns["frame"]))
        return nothing, merging.distance_nm, 0.0, merging.distance_nm
    if _UNCERTAINTY not in columns:
        raise TableError(
            "the table has no column 'uncertainty_xy [nm]' from which the distance could be chosen",
            "uncertainties, or a distance",
            "give --distance-nm 20",
        )
    uncertainty = columns[_UNCERTAINTY].astype(np.float64)
    known = uncertainty[np.isfinite(uncertainty) & (uncertainty > 0)]
    if not known.size:
        raise TableError(
            "no uncertainty in the table is a number above 0",
            "uncertainties, or a distance",
            "give --distance-nm 20",
        )
    # one bad fit must not reach across the field
    cap, typical = (float(v) for v in np.percentile(known, [CAP_PERCENTILE, 50]))
    usable = np.where(np.isfinite(uncertainty) & (uncertainty > 0), uncertainty, typical)
    pair = math.sqrt(2) * SPREADS
    return np.minimum(usable, cap) ** 2, pair * cap, SPREADS, pair * typical


def _combined(
    columns: dict[str, npt.NDArray[np.generic]],
    molecule: Integers,
    merging: Merging,
    camera: Camera | None,
    used: FloatArray,
) -> tuple[pd.DataFrame, bool]:
    """Compute all columns of the molecules; return whether uncertainties were recomputed."""
    count = np.bincount(molecule)
    first = np.unique(molecule, return_index=True)[1]
    new: dict[str, npt.NDArray[np.generic]] = {}
    for name, values in columns.items():
        if name in _MEANS:
            new[name] = np.bincount(molecule, np.asarray(values, dtype=np.float64)) / count
        elif name in _SUMS:
            new[name] = np.bincount(molecule, np.asarray(values, dtype=np.float64))
        elif name == "confidence":
            new[name] = _confidence(np.asarray(values, dtype=np.float64), molecule, used)
        elif name in (_UNCERTAINTY, _AXIAL):
            squares = used * np.asarray(values, dtype=np.float64) ** 2
            new[name] = np.sqrt(np.bincount(molecule, squares)) / count
        else:
            new[name] = values[first]
    before = columns.get("detections")
    if before is not None:  # merged once more
        count = np.rint(np.bincount(molecule, before.astype(np.float64))).astype(np.int64)
    new["detections"] = count.astype(np.int64)
    recomputed = False
    if merging.merged_uncertainty == "formula" and camera is not None:
        recomputed = {_UNCERTAINTY, *NEEDED} <= {*columns}
        if recomputed:
            new[_UNCERTAINTY] = fit_uncertainty_nm(new, camera)
    order = [*(c for c in COLUMNS if c in new), *(c for c in new if c not in COLUMNS)]
    return pd.DataFrame({name: new[name] for name in order}, copy=False), recomputed


def _frames_used(frame: Integers, molecule: Integers) -> FloatArray:
    """Return how many frames of its molecule each localization was made of: 1, 2 or 3."""
    order = np.lexsort((frame, molecule))
    # Those of a frame and of the next but one were both made of the frame between.
    following = (np.diff(molecule[order]) == 0) & np.isin(np.diff(frame[order]), (1, 2))
    used = np.ones(len(frame))
    used[order[:-1]] += following
    used[order[1:]] += following
    return used


def _confidence(confidence: FloatArray, molecule: Integers, used: FloatArray) -> FloatArray:
    """Return 1 − ∏(1 − c)^(1/m) of each molecule."""
    with np.errstate(divide="ignore"):
        wrong = np.log1p(-np.clip(confidence, 0.0, 1.0)) / used
    return -np.expm1(np.bincount(molecule, wrong))


def _by_chance(
    columns: dict[str, npt.NDArray[np.generic]],
    molecule: Integers,
    distance_nm: float,
    gap_frames: int,
) -> float:
    """Return the probability of another molecule within the distance in the frames searched.

    Told by the neighbours in all frames together that are of other molecules.
    """
    rows, frames = len(columns["frame"]), int(np.ptp(columns["frame"])) + 1
    sample = np.arange(rows)
    if rows > MAX_SAMPLED:
        sample = np.random.default_rng(0).choice(rows, MAX_SAMPLED, replace=False)
    x_nm, y_nm = (np.asarray(columns[c], dtype=np.float64)[sample] for c in ("x_nm", "y_nm"))
    near = float(neighbour_counts(x_nm, y_nm, distance_nm, size_name="distance_nm").mean())
    apart = cKDTree(np.column_stack([x_nm, y_nm, 2.0 * distance_nm * molecule[sample]]))
    own = float(apart.count_neighbors(apart, distance_nm)) / len(sample) - 1.0
    neighbours = max(near - own, 0.0) * rows / len(sample)
    return -math.expm1(-neighbours * (gap_frames + 1) / frames)
