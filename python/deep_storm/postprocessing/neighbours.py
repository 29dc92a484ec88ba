"""Neighbours of localizations: rows sorted into square cells, compiled.

Rows are sorted by cell, cell by cell along x and then y, so that the 3 × 3 cells around a point
are three runs of rows that a binary search finds.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from deep_storm.errors import SettingsError
from deep_storm.kernels import kernel

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_MAX_CELL = 2**31


class Cells(NamedTuple):
    """Points sorted by cell.

    Attributes
    ----------
    order
        (n,) rows in the order of cells.
    key
        (n,) number of each row's cell, rising.
    columns
        Cells along x.
    """

    order: Integers
    key: Integers
    columns: int


def cells_of(x: FloatArray, y: FloatArray, edge: float, size_name: str) -> Cells:
    """Sort points into square cells.

    Parameters
    ----------
    x, y
        (n,) coordinates.
    edge
        Edge of a cell, in their unit.
    size_name
        The setting that is the edge, for an error.

    Raises
    ------
    SettingsError
        There would be too many cells.
    """
    column, row = (np.floor((v - v.min()) / edge) if len(v) else v for v in (x, y))
    columns = int(column.max(initial=0)) + 2
    if columns >= _MAX_CELL or row.max(initial=0) >= _MAX_CELL:
        raise SettingsError(
            f"{size_name} is {edge:g} and the table reaches {float(np.ptp(x)):.3g} nm",
            "a larger distance compared with the field",
            "make it larger, or check the units of the table",
        )
    key = (row * columns + column).astype(np.int64)
    order = np.argsort(key, kind="stable")
    return Cells(order, key[order], columns)


def neighbour_counts(
    x_nm: FloatArray,
    y_nm: FloatArray,
    radius_nm: float,
    z_nm: FloatArray | None = None,
    size_name: str = "neighbour_radius_nm",
) -> Integers:
    """Count the other points within a radius around each.

    Parameters
    ----------
    x_nm, y_nm
        (n,) positions.
    radius_nm
        A point at exactly this distance counts.
    z_nm
        (n,) depths, to count in a ball; default: in a circle.
    size_name
        The setting that is the radius, for an error.

    Returns
    -------
    (n,) int64; the point itself does not count, another one at the same place does.
    """
    cells = cells_of(x_nm, y_nm, radius_nm, size_name)
    counts = np.zeros(len(x_nm), dtype=np.int64)
    depth = np.zeros(len(x_nm)) if z_nm is None else z_nm
    sorted_counts = _counts(
        x_nm[cells.order],
        y_nm[cells.order],
        depth[cells.order],
        cells.key,
        cells.columns,
        radius_nm,
    )
    counts[cells.order] = sorted_counts
    return counts


@kernel(parallel=True)
def _counts(
    x: FloatArray, y: FloatArray, z: FloatArray, key: Integers, columns: int, radius: float
) -> Integers:
    """Count neighbours of points that are sorted by cell."""
    counts = np.zeros(len(x), dtype=np.int64)
    for i in numba.prange(len(x)):
        found = 0
        for rows in range(-1, 2):
            first = key[i] + rows * columns - 1
            start = np.searchsorted(key, first)
            j = start
            while j < len(x) and key[j] <= first + 2:
                dx, dy, dz = x[j] - x[i], y[j] - y[i], z[j] - z[i]
                if dx * dx + dy * dy + dz * dz <= radius * radius:
                    found += 1
                j += 1
        counts[i] = found - 1
    return counts
