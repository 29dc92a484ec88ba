"""Drift correction by COMET, where its package (comet-smlm) is installed.

COMET [1]_ moves the localizations of all time bins until they overlap most: no images are made, and
bins may be short. Bins and curve are ours, so that its answer is judged like any other.

References
----------
.. [1] Reinkensmeier et al., on COMET. https://doi.org/10.64898/2026.03.27.714864
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from deep_storm.errors import SettingsError, TableError
from deep_storm.packages import install_command
from deep_storm.postprocessing.bins import MIN_ROWS, Points, bins_of, check_bins
from deep_storm.postprocessing.drift import MeasuredDrift
from deep_storm.postprocessing.trajectory import MIN_POINTS, smooth_drift
from deep_storm.progress import Progress, silent
from deep_storm.settings import DriftCorrection

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_BINS = 100
ROWS_PER_BIN = 100
MAX_PAIRS = 3_000_000
"""Pairs of localizations that are looked at; of more, a random part of each bin is taken."""
SAMPLED = 20_000
NARROWING = 1.5
"""COMET's kernel gets narrower by this factor from step to step."""


def comet_drift(
    table: pd.DataFrame,
    settings: DriftCorrection = DriftCorrection(),
    progress: Progress = silent,
) -> MeasuredDrift:
    """Measure drift by COMET.

    Parameters
    ----------
    table
        Validated.
    settings
        Bins, largest drift, and the blur as the narrowest kernel.
    progress
        Called while it searches; cancels by raising.

    Raises
    ------
    SettingsError
        Its package is not installed.
    TableError
        There are too few localizations or frames, or too few lie near each other.
    """
    run = _comet()
    points = Points.of(table, settings)
    most = check_bins(points, settings.bins)
    default = int(np.clip(len(table) // ROWS_PER_BIN, MIN_POINTS, min(MAX_BINS, most)))
    members = bins_of(points.frame, settings.bins or default)
    rows = np.bincount(members)
    measured_nm = _positions(run, points, members, settings.max_drift_nm, progress)
    frame = np.bincount(members, points.frame.astype(np.float64)) / rows
    limits = int(points.frame.min()), int(points.frame.max())
    smoothed = smooth_drift(frame, measured_nm, *limits)
    return MeasuredDrift(smoothed, len(rows), 0, 0, method="comet")


def _comet() -> Callable[..., Any]:
    """Return COMET's function."""
    try:
        from comet import comet_run_kd
    except ImportError as error:
        raise SettingsError(
            f"method is 'comet', and its package cannot be loaded ({error})",
            "the package comet-smlm 1.2 or later",
            f"install it ({install_command('comet')}), or use --method correlation",
        ) from error
    run: Callable[..., Any] = comet_run_kd
    return run


def _positions(
    run: Callable[..., Any],
    points: Points,
    members: Integers,
    max_nm: float,
    progress: Progress,
) -> FloatArray:
    """Return the displacement of each bin, (bins, 2) nm."""
    pairs = _pairs(points, max_nm)
    if pairs < len(points.frame):
        raise TableError(
            f"{len(points.frame)} localizations have {pairs:.0f} neighbours within {max_nm:g} nm",
            "localizations that lie close together at different times",
            "raise --max-drift-nm, or use a longer movie",
        )
    share = math.sqrt(min(MAX_PAIRS / pairs, 1.0))
    bins = int(members.max()) + 1
    cap = max(MIN_ROWS, int(share * len(members) / bins)) if share < 1 else None
    start_nm = max_nm / 3
    steps = max(1, math.ceil(math.log(start_nm / min(points.sigma_nm, start_nm), NARROWING)) + 2)

    def watch(stage: str, about: dict[str, Any]) -> None:
        done = int(about.get("run", 0 if stage != "done" else steps))
        progress(min(done, steps), steps, "COMET: moving bins until they overlap")

    data = np.column_stack([points.x_nm, points.y_nm, np.zeros(len(members)), members])
    _, details = run(
        data,
        segmentation_mode=-1,
        segmentation_var=1,
        max_locs_per_segment=cap,
        initial_sigma_nm=start_nm,
        target_sigma_nm=min(points.sigma_nm, start_nm),
        max_drift_nm=max_nm,
        progress=watch,
        return_details=True,
        random_state=0,
    )
    found: FloatArray = np.asarray(details.knot_drift_nm, dtype=np.float64)
    return found[:, :2]


def _pairs(points: Points, max_nm: float) -> float:
    """Return the approximate number of ordered pairs within a distance."""
    count = len(points.frame)
    chosen = np.random.default_rng(0).permutation(count)[:SAMPLED]
    places = np.column_stack([points.x_nm[chosen], points.y_nm[chosen]])
    tree = cKDTree(places)
    inside = float(tree.count_neighbors(tree, max_nm)) - len(places)
    return inside * (count / len(places)) ** 2 / 2
