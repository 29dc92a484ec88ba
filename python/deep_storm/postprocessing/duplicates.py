"""Removal of localizations of a molecule that was found twice in the same frame."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import TableError
from deep_storm.kernels import kernel
from deep_storm.localizations import depths_of
from deep_storm.postprocessing.evaluation import row_values
from deep_storm.settings import Duplicates

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def remove_duplicates(table: pd.DataFrame, duplicates: Duplicates = Duplicates()) -> pd.DataFrame:
    """Keep the best of localizations that lie close together in a frame.

    A row goes when a row of the same frame lies closer than its own distance and has a smaller
    uncertainty. Of equal ones the first stays, where ThunderSTORM removes both.

    Parameters
    ----------
    table
        Validated, rows in any order.
    duplicates
        The distance, and how much depths count in it.

    Returns
    -------
    The rows that stay, in their order, numbered anew.

    Raises
    ------
    TableError
        There are no uncertainties.
    FormulaError
        The distance cannot be worked out.
    """
    if "uncertainty_xy_nm" not in table:
        raise TableError(
            "the table has no column 'uncertainty_xy [nm]'",
            "uncertainties, to know which of two localizations is the better one",
            "use a table that has them",
        )
    distance_nm = row_values(table, duplicates.distance)
    uncertainty = table["uncertainty_xy_nm"].to_numpy(dtype=np.float64)
    uncertainty = np.where(np.isnan(uncertainty), np.inf, uncertainty)
    x_nm, frame = table["x_nm"].to_numpy(dtype=np.float64), table["frame"].to_numpy()
    z_nm = np.zeros(len(table))
    if "z_nm" in table and duplicates.z_weight > 0:
        z_nm = duplicates.z_weight * depths_of(table, "duplicates in depth")
    order = np.lexsort((x_nm, frame))
    starts = np.flatnonzero(np.diff(frame[order], prepend=frame[order[0]] - 1))
    removed = _duplicates(
        np.append(starts, len(order)),
        order,
        x_nm[order],
        table["y_nm"].to_numpy(dtype=np.float64)[order],
        z_nm[order],
        uncertainty[order],
        distance_nm[order],
    )
    kept = np.ones(len(table), dtype=np.bool_)
    kept[order[removed]] = False
    return table.loc[kept].reset_index(drop=True)


@kernel(parallel=True)
def _duplicates(
    starts: Integers,
    row: Integers,
    x: FloatArray,
    y: FloatArray,
    z: FloatArray,
    uncertainty: FloatArray,
    distance: FloatArray,
) -> npt.NDArray[np.bool_]:
    """Return which rows are removed; they are sorted by frame and x, frames begin at ``starts``."""
    removed = np.zeros(len(x), dtype=np.bool_)
    for f in numba.prange(len(starts) - 1):
        first, stop = starts[f], starts[f + 1]
        for i in range(first, stop):
            for step in (-1, 1):
                j = i + step
                while first <= j < stop and abs(x[j] - x[i]) < distance[i]:
                    square = (x[j] - x[i]) ** 2 + (y[j] - y[i]) ** 2 + (z[j] - z[i]) ** 2
                    near = square < distance[i] ** 2
                    tie = uncertainty[j] == uncertainty[i] and row[j] < row[i]
                    if near and (uncertainty[j] < uncertainty[i] or tie):
                        removed[i] = True
                    j += step
    return removed
