"""Optimal one-to-one matching of localizations and emitters, frame by frame.

A localization may be matched to an emitter of the same frame at most ``tolerance_nm`` away
(a distance of exactly the tolerance counts). Among all one-to-one matchings the one is taken that

1. has the most matches, and among those
2. the smallest sum of *squared* distances, hence the smallest RMSE.

With a tolerance for the depths, too, both distances count in units of their tolerances.

It is found exactly (Hungarian method, [1]_), not greedily: taking the closest pair first can leave
two others without a partner. Only pairs within the tolerance are ever looked at, and each group of
points that are linked by such pairs is solved on its own, so crowded frames stay fast.

References
----------
.. [1] D. F. Crouse, "On implementing 2D rectangular assignment algorithms", IEEE Transactions on
   Aerospace and Electronic Systems 52, 1679 (2016), as in ``scipy.optimize``.
   https://doi.org/10.1109/TAES.2016.140952
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, maximum_bipartite_matching
from scipy.spatial import cKDTree

from deep_storm.errors import SettingsError, TableError
from deep_storm.localizations import depths_of

Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

MAX_TOLERANCE_NM = 1e6
POINTS_AT_A_TIME = 50_000
"""Frames are matched in groups of about this many points, which bounds the memory."""


class Points(NamedTuple):
    """Localizations or emitters as plain arrays of the same length."""

    frame: npt.NDArray[np.integer[Any]]
    x_nm: npt.NDArray[np.floating[Any]]
    y_nm: npt.NDArray[np.floating[Any]]
    z_nm: npt.NDArray[np.floating[Any]] | None = None


@dataclass(frozen=True, eq=False)
class Matches:
    """Matched pairs: ``localization[k]`` found ``emitter[k]``.

    Attributes
    ----------
    localization, emitter
        int64 (n,), row positions (counted from 0) in the two tables, ascending in ``localization``.
    distance_nm
        float64 (n,), distance of each pair.
    """

    localization: Indices
    emitter: Indices
    distance_nm: Values

    def __len__(self) -> int:
        return len(self.localization)


def match(
    localizations: pd.DataFrame,
    truth: pd.DataFrame,
    tolerance_nm: float,
    axial_tolerance_nm: float | None = None,
) -> Matches:
    """Match localizations to emitters, optimally in every frame.

    Parameters
    ----------
    localizations, truth
        Tables with the columns ``frame``, ``x_nm``, ``y_nm``.
    tolerance_nm
        Largest distance of a match, in x and y.
    axial_tolerance_nm
        Largest difference of the depths (``z_nm``) of a match; None: no matter.

    Returns
    -------
    Matches, with row positions (``iloc``) in both tables.

    Raises
    ------
    TableError
        A position is not a finite number, or there are no depths.
    SettingsError
        The tolerance is not a positive number.
    """
    points, true_points = points_of(localizations), points_of(truth)
    if axial_tolerance_nm is not None:
        purpose = "a tolerance along z"
        points = points._replace(z_nm=depths_of(localizations, purpose, "the localization table"))
        true_points = true_points._replace(z_nm=depths_of(truth, purpose, "the ground truth"))
    return match_points(points, true_points, tolerance_nm, axial_tolerance_nm)


def points_of(table: pd.DataFrame) -> Points:
    """Return frame and position of every row of a table as arrays."""
    return Points(
        table["frame"].to_numpy(dtype=np.int64),
        table["x_nm"].to_numpy(dtype=np.float64),
        table["y_nm"].to_numpy(dtype=np.float64),
    )


def match_points(
    points: Points,
    true_points: Points,
    tolerance_nm: float,
    axial_tolerance_nm: float | None = None,
) -> Matches:
    """Match plain arrays: :func:`match` without tables.

    Parameters
    ----------
    points, true_points
        Localizations and emitters, in any order of frames; with depths for an axial tolerance.
    tolerance_nm, axial_tolerance_nm
        Largest distance of a match in x and y, and largest difference of depths.

    Returns
    -------
    Matches, with indices into the two sets of arrays.

    Raises
    ------
    TableError
        A position is not a finite number.
    SettingsError
        The tolerance is not a positive number.
    """
    _check(points, true_points, tolerance_nm)
    found = []
    for rows, true_rows in _groups(points.frame, true_points.frame):
        left, right, cost = _near_pairs(
            points, rows, true_points, true_rows, tolerance_nm, axial_tolerance_nm
        )
        kept = _best_pairs(left, right, cost)
        found.append((rows[left[kept]], true_rows[right[kept]]))
    localization = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in found)])
    emitter = np.concatenate([np.empty(0, np.int64), *(rows for _, rows in found)])
    order = np.argsort(localization, kind="stable")
    localization, emitter = localization[order], emitter[order]
    distance_nm = np.hypot(
        np.asarray(points.x_nm, np.float64)[localization] - np.asarray(true_points.x_nm)[emitter],
        np.asarray(points.y_nm, np.float64)[localization] - np.asarray(true_points.y_nm)[emitter],
    )
    return Matches(localization, emitter, distance_nm)


def near_pairs(
    points: Points,
    true_points: Points,
    tolerance_nm: float,
    axial_tolerance_nm: float | None = None,
) -> tuple[Indices, Indices]:
    """Return all pairs that could be matched; parameters and errors as for :func:`match_points`.

    Returns
    -------
    Indices into the two sets of arrays, ``(n,)`` each.
    """
    _check(points, true_points, tolerance_nm)
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for rows, true_rows in _groups(points.frame, true_points.frame):
        left, right, _ = _near_pairs(
            points, rows, true_points, true_rows, tolerance_nm, axial_tolerance_nm
        )
        found.append((rows[left], true_rows[right]))
    localization, emitter = (np.concatenate(side) for side in zip(*found, strict=True))
    return localization, emitter


def match_count(localization: Indices, emitter: Indices) -> int:
    """Return how many matches a matching of such pairs has: as many as there can be.

    Parameters
    ----------
    localization, emitter
        As :func:`near_pairs` gives them, or some of these.
    """
    if not len(localization):
        return 0
    shape = int(localization.max()) + 1, int(emitter.max()) + 1
    graph = coo_array((np.ones(len(localization), np.int8), (localization, emitter)), shape)
    partner = maximum_bipartite_matching(graph.tocsr(), perm_type="column")
    return int(np.count_nonzero(partner >= 0))


def _check(points: Points, true_points: Points, tolerance_nm: float) -> None:
    if not 0 < tolerance_nm <= MAX_TOLERANCE_NM:
        raise SettingsError(
            f"the tolerance is {tolerance_nm:g} nm",
            f"a positive number, at most {MAX_TOLERANCE_NM:,.0f}",
            "100 nm is usual",
        )
    for name, some in (("localizations", points), ("truth", true_points)):
        if not (np.isfinite(some.x_nm).all() and np.isfinite(some.y_nm).all()):
            raise TableError(
                f"the {name} hold a position that is not a number",
                "finite x and y",
                "remove such rows",
            )


def _groups(
    frame: npt.NDArray[np.integer[Any]], true_frame: npt.NDArray[np.integer[Any]]
) -> Iterator[tuple[Indices, Indices]]:
    """Yield the rows of both sides for a few whole frames at a time; frames of both sides only."""
    common = np.intersect1d(frame, true_frame)
    order = np.argsort(frame, kind="stable")
    true_order = np.argsort(true_frame, kind="stable")
    edges = [
        (np.searchsorted(f[o], common, "left"), np.searchsorted(f[o], common, "right"))
        for f, o in ((frame, order), (true_frame, true_order))
    ]
    size = np.cumsum(sum(end - start for start, end in edges))
    cuts = np.flatnonzero(np.diff(size // POINTS_AT_A_TIME)) + 1
    for frames in np.split(np.arange(len(common)), cuts):
        if len(frames):
            (start, end), (true_start, true_end) = edges
            rows = order[start[frames[0]] : end[frames[-1]]]
            true_rows = true_order[true_start[frames[0]] : true_end[frames[-1]]]
            yield rows, true_rows


def _near_pairs(
    points: Points,
    rows: Indices,
    true_points: Points,
    true_rows: Indices,
    tolerance_nm: float,
    axial_nm: float | None,
) -> tuple[Indices, Indices, Values]:
    """Return the pairs of the given rows within the tolerance: places among these, and costs."""
    trees = []
    for some, chosen in ((points, rows), (true_points, true_rows)):
        # The frame is a third coordinate with steps beyond the tolerance: one search for all
        # frames, and no pair across frames. Counted from the group's first frame to stay exact.
        step = 4.0 * tolerance_nm * (some.frame[chosen] - points.frame[rows[0]])
        trees.append(cKDTree(np.column_stack([some.x_nm[chosen], some.y_nm[chosen], step])))
    pairs = trees[0].sparse_distance_matrix(trees[1], tolerance_nm, output_type="ndarray")
    left, right = pairs["i"].astype(np.int64), pairs["j"].astype(np.int64)
    cost = (pairs["v"] / tolerance_nm) ** 2
    if axial_nm is not None and points.z_nm is not None and true_points.z_nm is not None:
        apart = points.z_nm[rows[left]] - true_points.z_nm[true_rows[right]]
        near = np.abs(apart) <= axial_nm
        left, right = left[near], right[near]
        cost = 0.5 * (cost[near] + (apart[near] / axial_nm) ** 2)
    return left, right, cost


def _best_pairs(left: Indices, right: Indices, cost: Values) -> Indices:
    """Choose the best one-to-one subset of candidate pairs; cost is in 0–1."""
    if not len(left):
        return np.empty(0, np.int64)
    n_left, n_right = int(left.max()) + 1, int(right.max()) + 1
    n_nodes = n_left + n_right
    graph = coo_array((np.ones(len(left), np.int8), (left, right + n_left)), (n_nodes, n_nodes))
    _, label = connected_components(graph, directed=False)
    place, size = _numbered(label[:n_left], label.max() + 1)
    true_place, true_size = _numbered(label[n_left:], label.max() + 1)

    pair_label = label[left]
    order = np.lexsort((cost, pair_label))
    bounds = np.flatnonzero(np.diff(pair_label[order], prepend=-1, append=n_nodes))
    first = order[bounds[:-1]]
    # With one point on either side the cheapest pair is the answer, and it is sorted first.
    single = np.minimum(size, true_size)[pair_label[first]] == 1
    chosen = [first[single]]
    for group in np.flatnonzero(~single):
        members = order[bounds[group] : bounds[group + 1]]
        shape = size[pair_label[members[0]]], true_size[pair_label[members[0]]]
        rows, columns = place[left[members]], true_place[right[members]]
        chosen.append(members[_solve(rows, columns, cost[members], shape)])
    return np.concatenate(chosen)


def _numbered(label: npt.NDArray[np.integer[Any]], n_labels: int) -> tuple[Indices, Indices]:
    """Return each node's number within its component, and the components' sizes."""
    size = np.bincount(label, minlength=n_labels).astype(np.int64)
    order = np.argsort(label, kind="stable")
    place = np.empty(len(label), np.int64)
    place[order] = np.arange(len(label)) - (np.cumsum(size) - size)[label[order]]
    return place, size


def _solve(rows: Indices, columns: Indices, cost: Values, shape: tuple[int, int]) -> Indices:
    """Solve one component; return the indices of the chosen pairs."""
    # A pair beyond the tolerance costs more than all allowed pairs of this component together, so
    # no saving in distance can pay for a lost match. Infinity would make the problem infeasible.
    forbidden = min(shape) + 1.0
    costs = np.full(shape, forbidden)
    costs[rows, columns] = cost
    pair = np.full(shape, -1, np.int64)
    pair[rows, columns] = np.arange(len(rows))
    chosen = pair[linear_sum_assignment(costs)]
    return chosen[chosen >= 0]
