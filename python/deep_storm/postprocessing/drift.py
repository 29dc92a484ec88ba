"""Drift from the localizations themselves: redundant cross-correlation, then alignment to all.

The frames are cut into bins of as many localizations each. The images of every pair of bins are
correlated [1]_ (n (n − 1) / 2 shifts for n − 1 unknowns), and the positions of the bins that agree
with most of them best are found by iteratively reweighted least squares, in which wrong peaks have
no weight. Then each bin, its drift within the bin taken off, is aligned to the sum of all others, a
few times, which tells it more precisely than any pair can. A smooth curve through the bins is the
drift (:mod:`deep_storm.postprocessing.trajectory`).

References
----------
.. [1] Y. Wang et al., "Localization events-based sample drift correction for localization
   microscopy with redundant cross-correlation algorithm", Optics Express 22, 15982 (2014).
   https://doi.org/10.1364/OE.22.015982
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deep_storm.errors import TableError
from deep_storm.io.tables.drift_files import Drift
from deep_storm.postprocessing.axial_drift import axial_drift
from deep_storm.postprocessing.bins import Points, bin_counts, bins_of
from deep_storm.postprocessing.correlation import COARSE, Correlator, Spectrum
from deep_storm.postprocessing.trajectory import MIN_POINTS, Smoothed, smooth_drift
from deep_storm.progress import Progress, silent
from deep_storm.robust import robust_std
from deep_storm.settings import DriftCorrection

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SIGNIFICANT = 6.0
"""Noise alone has peaks of 3 to 5 standard deviations."""
MIN_AGREEING = 0.3
"""Share of the pairs beyond those that are needed."""
BIWEIGHT = 4.685
ROUNDS = 3
_NEAR_NM = 150.0


class MeasuredDrift(NamedTuple):
    """A drift, and what it is based on.

    Attributes
    ----------
    smoothed
        The curve and its errors.
    bins
        Bins, or fiducial markers.
    pairs, pairs_used
        Pairs of bins, and those that agree with the others.
    notes
        What a person should know.
    method
        ``correlation``, ``markers`` or ``comet``.
    axial_error_nm
        Standard error of the drift along z; None where that was not measured.
    """

    smoothed: Smoothed
    bins: int
    pairs: int
    pairs_used: int
    notes: tuple[str, ...] = ()
    method: str = "correlation"
    axial_error_nm: float | None = None

    @property
    def drift(self) -> Drift:
        """The drift."""
        return self.smoothed.drift


def corrected(table: pd.DataFrame, drift: Drift) -> pd.DataFrame:
    """Return a table with the drift of its frame subtracted from each position."""
    frame = table["frame"].to_numpy()
    moved = drift.at(frame)
    table = table.assign(x_nm=table["x_nm"] - moved[:, 0], y_nm=table["y_nm"] - moved[:, 1])
    if drift.z is not None and "z_nm" in table:
        table = table.assign(z_nm=table["z_nm"] - drift.z_at(frame))
    return table


def with_axial(
    measured: MeasuredDrift, table: pd.DataFrame, settings: DriftCorrection
) -> MeasuredDrift:
    """Return a drift with that along z, where the table has depths that tell it.

    Parameters
    ----------
    measured
        Drift along x and y.
    table
        The table that it was measured on.
    settings
        Whether it is wanted, bins, largest drift.

    Raises
    ------
    TableError
        A depth is not finite.
    """
    if not settings.axial or "z_nm" not in table or not table["z_nm"].any():
        return measured
    found = axial_drift(corrected(table, measured.drift), settings)
    if found is None:
        note = "depths at the same place have too little in common to measure a drift along z"
        return measured._replace(notes=(*measured.notes, note))
    drift = replace(measured.drift, z_knots=found.knots, z=found.z)
    smoothed = measured.smoothed._replace(drift=drift)
    return measured._replace(smoothed=smoothed, axial_error_nm=found.error_nm)


def measure_drift(
    table: pd.DataFrame,
    settings: DriftCorrection = DriftCorrection(),
    progress: Progress = silent,
) -> MeasuredDrift:
    """Measure drift by redundant cross-correlation.

    Parameters
    ----------
    table
        Validated.
    settings
        Bins, largest drift, blur.
    progress
        Called for each pair of bins.

    Raises
    ------
    TableError
        There are too few localizations or frames, or what the bins show has nothing in common.
    """
    points = Points.of(table, settings)
    counts = bin_counts(points, settings.bins)
    for bins in counts:
        pairs = _correlate_pairs(points, bins, settings.max_drift_nm, progress)
        weight = np.clip(pairs.significance - SIGNIFICANT / 2, 0, None)
        positions, agrees = agreed_positions(*pairs[:3], weight, points.sigma_nm)
        if _connected(pairs, agrees):
            if settings.bins is not None and bins != settings.bins:
                raise _too_few_per_bin(points, settings.bins, bins)
            return _refined(points, bins, positions, agrees, progress)
    raise TableError(
        "the localizations of different times have no structure in common",
        "the same structures throughout the movie",
        "correct it by fiducial markers (--method markers) or by a drift file, or leave it as it "
        "is; if the drift is larger than --max-drift-nm, raise that",
    )


class _Pairs(NamedTuple):
    first: Integers
    second: Integers
    shift_nm: FloatArray
    significance: FloatArray


def _too_few_per_bin(points: Points, asked: int, enough: int) -> TableError:
    return TableError(
        f"{asked} bins hold {len(points.frame) / asked:.0f} localizations each, too few to see "
        "how they are shifted",
        "bins in which the same structures can be seen",
        f"give --bins {enough}",
    )


def _spectra(correlator: Correlator, points: Points, members: Integers) -> list[Spectrum]:
    return [
        correlator.spectrum(points.x_nm[members == k], points.y_nm[members == k])
        for k in range(int(members.max()) + 1)
    ]


def _correlate_pairs(points: Points, bins: int, max_nm: float, progress: Progress) -> _Pairs:
    members = bins_of(points.frame, bins)
    correlator = Correlator(points.x_nm, points.y_nm, points.sigma_nm, max_nm, COARSE)
    spectra = _spectra(correlator, points, members)
    first, second = np.triu_indices(len(spectra), 1)
    peaks = []
    for done, (i, j) in enumerate(zip(first, second, strict=True)):
        progress(done, len(first), f"correlating {len(spectra)} bins")
        peaks.append(correlator.peak(spectra[i], spectra[j]))
    shifts = np.array([(p.x_nm, p.y_nm) for p in peaks])
    return _Pairs(first, second, shifts, np.array([p.significance for p in peaks]))


def _connected(pairs: _Pairs, agrees: npt.NDArray[np.bool_]) -> bool:
    """Return whether pairs that agree connect all bins, with many to spare.

    Shifts of noise can be made to agree for one pair less than there are bins.
    """
    usable = agrees & (pairs.significance >= SIGNIFICANT)
    size = int(pairs.second.max()) + 1
    spare = len(agrees) - (size - 1)
    if size < MIN_POINTS or usable.sum() < size - 1 + MIN_AGREEING * spare:
        return False
    links = (pairs.first[usable], pairs.second[usable])
    graph = coo_array((np.ones(usable.sum()), links), shape=(size, size))
    return int(connected_components(graph, directed=False)[0]) == 1


def _refined(
    points: Points,
    bins: int,
    positions: FloatArray,
    agrees: npt.NDArray[np.bool_],
    progress: Progress,
) -> MeasuredDrift:
    """Align each bin to all others, starting from the positions that pairs agreed on."""
    members = bins_of(points.frame, bins)
    rows = np.bincount(members)
    frame = np.bincount(members, points.frame.astype(np.float64)) / rows
    limits = int(points.frame.min()), int(points.frame.max())
    smoothed = smooth_drift(frame, positions, *limits)
    for step in range(ROUNDS):
        progress(step, ROUNDS, "aligning each bin to all others")
        moved = points.moved(smoothed.drift)
        left = _against_the_others(moved, members)
        mean = smoothed.drift.at(points.frame)
        before = np.stack([np.bincount(members, mean[:, axis]) / rows for axis in (0, 1)], axis=1)
        smoothed = smooth_drift(frame, before + left, *limits)
    progress(ROUNDS, ROUNDS, "done")
    return MeasuredDrift(
        smoothed, len(rows), len(agrees), int(agrees.sum()), _notes(smoothed, agrees)
    )


def _against_the_others(points: Points, members: Integers) -> FloatArray:
    """Return the shift of each bin against the sum of the others, (n, 2) nm."""
    near_nm = max(_NEAR_NM, 3 * Correlator(*points[1:], _NEAR_NM, COARSE).pixel_nm)
    correlator = Correlator(*points[1:], near_nm)
    spectra = _spectra(correlator, points, members)
    total = np.zeros_like(spectra[0])
    for one in spectra:
        total += one
    peaks = [correlator.peak(total - one, one) for one in spectra]
    return np.array([(p.x_nm, p.y_nm) for p in peaks])


def agreed_positions(
    first: Integers,
    second: Integers,
    shift_nm: FloatArray,
    weight: FloatArray,
    tolerance_nm: float,
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Find positions of bins from the shifts of pairs, some of which may be outliers.

    Parameters
    ----------
    first, second
        (p,) bins of each pair, from 0.
    shift_nm
        (p, 2) position of the second less that of the first.
    weight
        (p,) trust in each pair beforehand.
    tolerance_nm
        Pairs that agree are never farther off than about five times this.

    Returns
    -------
    (n, 2) positions, that of the first bin 0; and (p,) whether a pair agrees with the others.
    """
    pairs, bins = len(first), int(second.max()) + 1
    design = np.zeros((pairs, bins))
    design[np.arange(pairs), second] = 1.0
    design[np.arange(pairs), first] = -1.0
    design = design[:, 1:]
    trust = np.ones(pairs)
    positions: FloatArray = np.zeros((bins - 1, 2))
    residual, scale = np.zeros(pairs), 1.0
    for power in [1.0] * 30 + [2.0] * 20:  # least absolute values first, then Tukey's biweight
        root = np.sqrt(weight * trust)[:, None]
        solved = np.linalg.lstsq(design * root, shift_nm * root, rcond=None)[0]
        positions = solved.astype(np.float64, copy=False)
        residual = np.hypot(*(shift_nm - design @ positions).T)
        scale = float(np.clip(robust_std(residual, 0.0), 1.0, max(tolerance_nm, 1.0)))
        if power == 1.0:
            trust = scale / np.maximum(residual, 0.1 * scale)
        else:
            trust = np.clip(1 - (residual / (BIWEIGHT * scale)) ** 2, 1e-9, None) ** 2
    return np.vstack([np.zeros((1, 2)), positions]), residual < BIWEIGHT * scale


def _notes(smoothed: Smoothed, used: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    notes = []
    if used.mean() < 0.7:
        notes.append(f"only {used.mean():.0%} of the pairs of bins agree: look at the plot")
    if smoothed.scatter_nm > 20:
        notes.append(
            f"bins scatter by {smoothed.scatter_nm:.0f} nm around the curve: look at the plot"
        )
    return tuple(notes)
