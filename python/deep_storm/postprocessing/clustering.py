"""Clusters of localizations, by scikit-learn's DBSCAN and HDBSCAN.

**DBSCAN** [1]_: a localization with at least ``min_count`` localizations within ``distance_nm``
(itself included) is a core; cores within that distance of each other belong to the same cluster,
and so does whatever lies within it of a core. **HDBSCAN** [2]_ finds clusters of different density.

Clusters are numbered from 1; 0 means that a localization belongs to none. Frames do not matter: a
molecule that is localized many times is a cluster by itself, unless its rows are merged first.

References
----------
.. [1] M. Ester et al., "A density-based algorithm for discovering clusters in large spatial
   databases with noise", KDD-96 Proceedings, 226 (1996).
.. [2] R. J. G. B. Campello, D. Moulavi and J. Sander, "Density-based clustering based on
   hierarchical density estimates", PAKDD 2013, 160. https://doi.org/10.1007/978-3-642-37456-2_14
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import SettingsError, TableError
from deep_storm.localizations import depths_of
from deep_storm.postprocessing.repeated import MANY, seen_again
from deep_storm.settings import Clustering

Labels = npt.NDArray[np.int64]
Points = npt.NDArray[np.float64]

LABEL = "cluster"
MAX_PAIRS = 150_000_000
"""Neighbours that DBSCAN may hold in memory, about 8 bytes each."""
MAX_HDBSCAN = 50_000
"""HDBSCAN's time grows with the square of the number of localizations."""


def cluster_table(table: pd.DataFrame, settings: Clustering = Clustering()) -> pd.DataFrame:
    """Find clusters.

    Parameters
    ----------
    table
        Columns ``x_nm`` and ``y_nm``, and ``z_nm`` for clusters in space, finite.
    settings
        Method, radius, count.

    Returns
    -------
    The table with a last column ``cluster``: 1, 2, … and 0 for what belongs to none.

    Raises
    ------
    TableError
        The table is empty, too long for HDBSCAN, or without depths for clusters in space.
    SettingsError
        The radius is so large that the neighbours would not fit into memory.
    """
    if not len(table):
        raise TableError("the table is empty", "at least one localization", "give another table")
    points = _points(table, settings.dimensions == "3D")
    find = _hdbscan if settings.method == "hdbscan" else _dbscan
    return table.assign(**{LABEL: find(points, settings)})


def warnings_of(table: pd.DataFrame) -> tuple[str, ...]:
    """Warn where molecules are in the table several times, and so are clusters by themselves."""
    share = seen_again(table)
    if share < MANY:
        return ()
    return (
        f"{share:.0%} of the localizations are found again in the next frame: molecules that were "
        "on for several frames are clusters by themselves; merge the table first (deep-storm "
        "merge)",
    )


def _points(table: pd.DataFrame, deep: bool) -> Points:
    """Return positions, (n, 2) or (n, 3)."""
    points = table[["x_nm", "y_nm"]].to_numpy(np.float64)
    if not deep:
        return points
    return np.column_stack([points, depths_of(table, "clusters in 3D")])


def _dbscan(points: Points, settings: Clustering) -> Labels:
    from scipy.spatial import cKDTree
    from sklearn.cluster import DBSCAN

    tree = cKDTree(points)
    pairs = int(tree.count_neighbors(tree, settings.distance_nm))
    if pairs > MAX_PAIRS:
        fitting = settings.distance_nm * math.sqrt(MAX_PAIRS / pairs)
        raise SettingsError(
            f"{len(points):,} localizations have {pairs:,} neighbours within "
            f"{settings.distance_nm:g} nm",
            f"at most {MAX_PAIRS:,}, which fit into memory",
            f"set distance_nm to about {fitting:.2g}, or merge or filter the table first",
        )
    found = DBSCAN(eps=settings.distance_nm, min_samples=settings.min_count, algorithm="kd_tree")
    return np.asarray(found.fit_predict(points), np.int64) + 1


def _hdbscan(points: Points, settings: Clustering) -> Labels:
    if len(points) > MAX_HDBSCAN:
        raise TableError(
            f"the table has {len(points):,} rows",
            f"at most {MAX_HDBSCAN:,} for hdbscan",
            "use --method dbscan, or merge or filter the table first",
        )
    if len(points) < max(settings.min_count, 2):
        return np.zeros(len(points), np.int64)
    from sklearn.cluster import HDBSCAN

    found = HDBSCAN(min_cluster_size=settings.min_count, copy=True)
    return np.asarray(found.fit_predict(points), np.int64) + 1


def cluster_summary(labelled: pd.DataFrame, deep: bool = False) -> pd.DataFrame:
    """Describe each cluster.

    Parameters
    ----------
    labelled
        A table with a column ``cluster``.
    deep
        Whether to describe clusters in space, too: ``z [nm]`` and ``volume [um^3]``; the radius is
        then in space.

    Returns
    -------
    A row for each cluster: ``cluster``, ``count``, ``x [nm]``, ``y [nm]`` (mean position),
    ``radius [nm]`` (RMS distance from it), ``area [um^2]`` (convex hull; 0 when all lie on a line)
    and ``density [1/um^2]`` (count over area; NaN without an area).
    """
    inside = labelled[labelled[LABEL] > 0]
    order = np.argsort(inside[LABEL].to_numpy(), kind="stable")
    points = _points(inside, deep)[order]
    numbers, starts = np.unique(inside[LABEL].to_numpy()[order], return_index=True)
    rows: list[dict[str, Any]] = []
    for number, part in zip(numbers.tolist(), np.split(points, starts[1:]), strict=False):
        middle = part.mean(axis=0)
        area_um2 = hull_area(part[:, :2]) / 1e6
        volume = {"z [nm]": middle[2], "volume [um^3]": hull_area(part) / 1e9} if deep else {}
        rows.append(
            {
                "cluster": number,
                "count": len(part),
                "x [nm]": middle[0],
                "y [nm]": middle[1],
                "radius [nm]": math.sqrt(float(((part - middle) ** 2).sum(axis=1).mean())),
                "area [um^2]": area_um2,
                "density [1/um^2]": len(part) / area_um2 if area_um2 > 0 else math.nan,
                **volume,
            }
        )
    columns = ["cluster", "count", "x [nm]", "y [nm]", "radius [nm]", "area [um^2]"]
    more = ["z [nm]", "volume [um^3]"] if deep else []
    return pd.DataFrame(rows, columns=[*columns, "density [1/um^2]", *more])


def hull_area(points: Points) -> float:
    """Return the convex hull's area of (n, 2) points, or volume of (n, 3); 0 if they are flat."""
    from scipy.spatial import ConvexHull, QhullError

    if len(points) <= points.shape[1]:
        return 0.0
    try:
        return float(ConvexHull(points).volume)  # in two dimensions the volume is the area
    except QhullError:
        return 0.0
