"""Formulas evaluated on a table: names → columns, tree → one value for each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import FormulaError
from deep_storm.io.tables.labels import label_of
from deep_storm.postprocessing.formula import Binary, Call, Name, Node, Number, Unary, parse

FloatArray = npt.NDArray[np.float64]
Value: TypeAlias = "float | bool | FloatArray | npt.NDArray[np.bool_]"

_ARITHMETIC: dict[str, Callable[[Value, Value], Value]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}
_COMPARISON: dict[str, Callable[[Value, Value], Value]] = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    ">": np.greater,
}
_LOGIC: dict[str, Callable[[Value, Value], Value]] = {"&": np.logical_and, "|": np.logical_or}


class Columns(Mapping[str, FloatArray]):
    """The columns of a table by their names in formulas.

    These are ThunderSTORM's, without units: ``x``, ``uncertainty_xy`` (in its older version
    ``uncertainty``), ``frame`` and ``id`` from 1. The program's own names (``x_nm``) count as well.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table
        self._columns: dict[str, str] = {str(column): str(column) for column in table.columns}
        short = {label_of(c).partition(" [")[0]: c for c in self._columns}
        self._names = {"id": "id", **short}
        if "uncertainty_xy" in short:
            self._names.setdefault("uncertainty", short["uncertainty_xy"])

    def __getitem__(self, name: str) -> FloatArray:
        column = self._names.get(name) or self._columns[name]
        if column == "id" and "id" not in self._columns:
            return np.arange(1.0, len(self._table) + 1)
        values = self._table[column].to_numpy(dtype=np.float64, na_value=np.nan)
        return values + 1 if column == "frame" else values

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names or name in self._columns


def chosen_rows(table: pd.DataFrame, formula: str) -> npt.NDArray[np.bool_]:
    """Return for each row whether a formula is true.

    Parameters
    ----------
    table
        Columns as in :mod:`deep_storm.localizations`.
    formula
        A condition in ThunderSTORM's language.

    Returns
    -------
    (n,) bool.

    Raises
    ------
    FormulaError
        The formula cannot be read, names a column that the table does not have, or is no
        condition with a value for each row.
    """
    node = parse(formula)
    value = _Evaluator(formula, Columns(table)).value(node)
    if not isinstance(value, np.ndarray) or value.dtype != np.bool_:
        kind = "a value of each row" if isinstance(value, np.ndarray) else "a single value"
        raise FormulaError(
            f"the formula gives {kind}",
            "a condition that is true or false for each row",
            "compare a column with something, such as confidence > 0.5",
            formula,
            node.position,
        )
    return value.astype(np.bool_, copy=False)


def row_values(table: pd.DataFrame, formula: str) -> FloatArray:
    """Return a number for each row; a single result is repeated for all.

    Raises
    ------
    FormulaError
        The formula cannot be read, names an unknown column, or is a condition.
    """
    node = parse(formula)
    value = _Evaluator(formula, Columns(table)).number(node)
    return np.broadcast_to(np.asarray(value, dtype=np.float64), len(table))


class _Evaluator:
    def __init__(self, formula: str, columns: Columns) -> None:
        self._formula = formula
        self._columns = columns

    def value(self, node: Node) -> Value:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Name):
            return self._column(node)
        if isinstance(node, Call):
            return _applied(node.function, self.number(node.argument))
        if isinstance(node, Unary):
            if node.operator == "!":
                return np.logical_not(self._condition(node.operand))
            return np.negative(self.number(node.operand))
        return self._binary(node)

    def number(self, node: Node) -> float | FloatArray:
        return self._as_number(node, self.value(node))

    def _as_number(self, node: Node, value: Value) -> float | FloatArray:
        if _is_condition(value):
            raise self._error(node, "there is a condition", "a number", "compare numbers only")
        return value  # type: ignore[return-value]

    def _condition(self, node: Node) -> Value:
        return self._as_condition(node, self.value(node))

    def _as_condition(self, node: Node, value: Value) -> Value:
        if not _is_condition(value):
            raise self._error(
                node, "there is a number", "a condition", "compare it with something, such as x > 0"
            )
        return value

    def _binary(self, node: Binary) -> Value:
        """Evaluate a chain such as ``a + b + c`` from the left, however long it is."""
        chain = [node]
        while isinstance(chain[-1].left, Binary):
            chain.append(chain[-1].left)
        value = self.value(chain[-1].left)
        for link in reversed(chain):
            value = self._applied(link, value)
        return value

    def _applied(self, node: Binary, value: Value) -> Value:
        """Apply an operator to its left operand's value and its right operand."""
        operator = node.operator
        if operator in _LOGIC:
            return _LOGIC[operator](
                self._as_condition(node.left, value), self._condition(node.right)
            )
        left, right = self._as_number(node.left, value), self.number(node.right)
        if operator in _COMPARISON:
            return _COMPARISON[operator](left, right)
        if operator == "^" and isinstance(right, np.ndarray):
            raise self._error(
                node.right, "there is a column", "a single number", "give a number as the exponent"
            )
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return _ARITHMETIC[operator](left, right)

    def _column(self, node: Name) -> FloatArray:
        if node.name in self._columns:
            return self._columns[node.name]
        known = list(self._columns)
        close = get_close_matches(node.name, known, n=1)
        advice = f"did you mean {close[0]}?" if close else "name a column without its unit"
        raise FormulaError(
            f"the table has no column {node.name!r} (at character {node.position + 1})",
            f"one of {', '.join(known)}",
            advice,
            self._formula,
            node.position,
        )

    def _error(self, node: Node, received: str, expected: str, advice: str) -> FormulaError:
        received += f" at character {node.position + 1} where it does not belong"
        return FormulaError(received, expected, advice, self._formula, node.position)


def _is_condition(value: Value) -> bool:
    return np.asarray(value).dtype == np.bool_


def _applied(function: str, value: float | FloatArray) -> float | FloatArray:
    """Apply a function; NaN cells are left out, and variances are divided by n − 1."""
    if function == "abs":
        return np.abs(value)
    known = np.asarray(value, dtype=np.float64).ravel()
    known = known[~np.isnan(known)]
    if function == "sum":
        return float(known.sum())
    if not known.size or (function in ("var", "std") and known.size == 1):
        return 0.0 if known.size else float("nan")
    if function in ("var", "std"):
        return float(getattr(np, function)(known, ddof=1))
    return float(getattr(np, function)(known))
