"""ResultsTable ↔ localization table.

The columns of ImageJ's Results table have ThunderSTORM's labels (``x [nm]``), and frames count
from 1 there, as in the files: what ImageJ saves of it, every reader of such tables reads.

A ResultsTable has no place for what a table carries beside its columns
(:mod:`deep_storm.io.tables.about`): it is remembered here for as long as ImageJ has that table,
whatever its window is called.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deep_storm.errors import TableError
from deep_storm.fiji.imagej.java import java_class
from deep_storm.io.tables.about import KEY
from deep_storm.io.tables.labels import columns_of, label_of

if TYPE_CHECKING:
    import pandas as pd

    from deep_storm.camera import Camera

DECIMALS = 5
_WHOLE = ("frame", "detections")
_carried: list[Any] = []
"""One map of Java's from tables to what they carry (JSON), which does not keep a table alive."""


def to_results(table: pd.DataFrame) -> Any:
    """Make an ``ij.measure.ResultsTable``.

    Parameters
    ----------
    table
        Columns as in :mod:`deep_storm.localizations`, numbers only; others are left out.
    """
    import jpype
    from pandas.api.types import is_numeric_dtype

    results = java_class("ij.measure.ResultsTable")()
    results.setPrecision(DECIMALS)
    for name in table.columns:
        if not is_numeric_dtype(table[name]):
            continue
        values = table[name].to_numpy(dtype=np.float64, na_value=np.nan) + (name == "frame")
        label = label_of(str(name))
        results.setValues(label, jpype.JArray(jpype.JDouble)(np.ascontiguousarray(values)))
        column = int(results.getColumnIndex(label))
        if column < 0:
            continue  # ImageJ's tables have no columns without rows
        whole = name in _WHOLE or table[name].dtype.kind in "iub"
        results.setDecimalPlaces(column, 0 if whole else DECIMALS)
    _what_tables_carry().put(results, json.dumps(table.attrs.get(KEY)))
    return results


def carry_over(results: Any, shown: Any) -> None:
    """Let a table's window know what the table carries: ImageJ shows a copy."""
    carried = _what_tables_carry().get(results)
    if carried is not None and shown is not None:
        _what_tables_carry().put(shown, carried)


def from_results(results: Any, name: str, camera: Camera | None) -> pd.DataFrame:
    """Read a ResultsTable as a localization table.

    Parameters
    ----------
    results
        ``ij.measure.ResultsTable``.
    name
        What it is called in an error.
    camera
        Needed only for columns in px or ADU.

    Raises
    ------
    TableError
        frame, x or y are missing, or a unit is unknown.
    """
    import pandas as pd

    from deep_storm.localizations import validated  # pandas

    if int(results.size()) == 0:
        raise TableError(f"{name} is empty", "at least one row", "choose another table")
    labels = [str(label).strip().strip("\"'`") for label in results.getHeadings()]
    indices = [int(results.getColumnIndex(str(label))) for label in results.getHeadings()]
    table = pd.DataFrame()
    for column in columns_of(labels, camera, name):
        values = np.array(results.getColumnAsDoubles(indices[column.position]), dtype=np.float64)
        table[column.name] = values * column.factor
    table["frame"] -= 1
    table = validated(table, name)
    carried = _what_tables_carry().get(results)
    if carried is not None:
        table.attrs[KEY] = json.loads(str(carried))
    return table


def _what_tables_carry() -> Any:
    if not _carried:
        _carried.append(java_class("java.util.WeakHashMap")())
    return _carried[0]


def show_text_table(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Show rows of words in a Results window of their own."""
    results = java_class("ij.measure.ResultsTable")()
    results.showRowNumbers(False)
    for row in rows:
        results.addRow()
        for column, words in row.items():
            results.addValue(column, words)
    results.show(title)
