"""Filtering of a table: by a formula, by ranges, by the number of neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import SettingsError, TableError
from deep_storm.io.tables.labels import label_of
from deep_storm.localizations import depths_of
from deep_storm.postprocessing.evaluation import chosen_rows
from deep_storm.settings import Filtering, frame_range

Mask = npt.NDArray[np.bool_]

_COLUMN = {"uncertainty_nm": "uncertainty_xy_nm"}
_RANGES = (
    "confidence", "uncertainty_nm", "intensity_photon", "sigma_nm", "x_nm", "y_nm", "z_nm",
    "uncertainty_z_nm",
)  # fmt: skip


class Condition(NamedTuple):
    """A condition on rows.

    Attributes
    ----------
    text
        What it is, for people.
    removed
        How many rows do not meet it; one that fails several counts for each.
    """

    text: str
    removed: int


class Filtered(NamedTuple):
    """Rows that were kept, and the conditions that removed the others."""

    table: pd.DataFrame
    conditions: tuple[Condition, ...]


def filter_table(
    table: pd.DataFrame, formula: str | None = None, filtering: Filtering = Filtering()
) -> Filtered:
    """Keep the rows that meet a formula and all ranges.

    Parameters
    ----------
    table
        Columns as in :mod:`deep_storm.localizations`.
    formula
        Condition in ThunderSTORM's language.
    filtering
        Ranges, frames and neighbours. Neighbours are counted among the rows that meet all else.

    Returns
    -------
    The rows in their order, numbered anew, and the number that each condition removes.

    Raises
    ------
    FormulaError
        The formula cannot be read or names an unknown column.
    SettingsError
        There is no condition at all, or a range is the wrong way round.
    TableError
        A column is missing for a range.
    """
    kept = np.ones(len(table), dtype=np.bool_)
    conditions: list[Condition] = []
    for text, meets in _conditions(table, formula, filtering):
        conditions.append(Condition(text, int(np.count_nonzero(~meets))))
        kept &= meets
    if filtering.min_neighbours:
        radius_nm, least = filtering.neighbour_radius_nm, filtering.min_neighbours
        z_nm = None
        if filtering.dimensions == "3D":
            z_nm = depths_of(table, "neighbours in 3D")
        meets = _enough_neighbours(table, kept, radius_nm, least, z_nm)
        removed = int(np.count_nonzero(kept & ~meets))
        text = f"at least {least} neighbours in {radius_nm:g} nm"
        conditions.append(Condition(text if z_nm is None else f"{text} (3D)", removed))
        kept &= meets
    if not conditions:
        raise SettingsError(
            "neither a formula nor a range was given",
            "at least one condition",
            'try "confidence > 0.5 & uncertainty_xy < 20"',
        )
    return Filtered(table.loc[kept].reset_index(drop=True), tuple(conditions))


def _conditions(
    table: pd.DataFrame, formula: str | None, filtering: Filtering
) -> Iterator[tuple[str, Mask]]:
    if formula is not None:
        yield formula.strip(), chosen_rows(table, formula)
    for name in _RANGES:
        text = getattr(filtering, name)
        if text is not None:
            yield _words(name, text), _in_range(table, name, text)
    if filtering.frames is not None:
        first, last = frame_range(filtering.frames)
        chosen = table["frame"].between(first, np.inf if last is None else last)
        yield f"frame {filtering.frames}", chosen.to_numpy()


def _words(name: str, text: str) -> str:
    return f"{label_of(_COLUMN.get(name, name))} {text.replace(' ', '')}"


def _in_range(table: pd.DataFrame, name: str, text: str) -> Mask:
    column = _COLUMN.get(name, name)
    low, high = parsed_range(name, text)
    if column not in table:
        raise TableError(
            f"the table has no column {label_of(column)!r} for {name}",
            f"one of {', '.join(label_of(str(c)) for c in table.columns)}",
            "leave that range out",
        )
    values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
    meets: Mask = (values >= low) & (values <= high)
    return meets


def parsed_range(name: str, text: str) -> tuple[float, float]:
    """Turn ``MIN:MAX`` (inclusive, either side optional) into two numbers.

    Raises
    ------
    SettingsError
        The range is the wrong way round, or open on both sides.
    """
    low, _, high = (part.strip() for part in text.partition(":"))
    limits = float(low) if low else -np.inf, float(high) if high else np.inf
    if limits[0] > limits[1] or not (low or high):
        raise SettingsError(f"{name} is {text!r}", "MIN:MAX with MIN not above MAX", "try 0.5:")
    return limits


def _enough_neighbours(
    table: pd.DataFrame,
    kept: Mask,
    radius_nm: float,
    least: int,
    z_nm: npt.NDArray[np.float64] | None,
) -> Mask:
    """Return which of the kept rows have enough neighbours among the kept rows."""
    from deep_storm.postprocessing.neighbours import neighbour_counts  # numba

    rows = np.flatnonzero(kept)
    x_nm, y_nm = (table[c].to_numpy(dtype=np.float64)[rows] for c in ("x_nm", "y_nm"))
    meets = np.zeros(len(kept), dtype=np.bool_)
    depth = None if z_nm is None else z_nm[rows]
    meets[rows] = neighbour_counts(x_nm, y_nm, radius_nm, depth) >= least
    return meets
