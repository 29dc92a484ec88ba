"""Fast conversion of numbers to fixed-point decimals, some three million rows a second.

ThunderSTORM's reader stops at the first character it does not understand and takes ``1e-05``
for 1, so numbers are written without exponent.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_LARGEST = 2**62  # of a scaled number: room to round and negate in 64 bits
_MAX_CHARACTERS = 23  # sign, digits, point, comma
MAX_PLAIN = 150_000
"""Numbers that are written in less time than the import of the compiler takes."""


@dataclass(frozen=True)
class FixedPoint:
    """A column of integers: ``scaled / 10**decimals``, NaN where ``missing``."""

    scaled: npt.NDArray[np.int64]
    decimals: int
    missing: npt.NDArray[np.bool_]

    def rows(self, start: int, stop: int) -> FixedPoint:
        """Return rows ``start`` to ``stop - 1``."""
        part = slice(start, stop)
        return FixedPoint(self.scaled[part], self.decimals, self.missing[part])


def fixed_point(values: npt.ArrayLike, decimals: int) -> FixedPoint:
    """Round numbers to a number of decimals.

    Parameters
    ----------
    values
        (n,) numbers; NaN is kept as missing.
    decimals
        Digits after the point; 0 writes whole numbers without a point.

    Raises
    ------
    OverflowError
        A number is infinite or too large for that many decimals.
    """
    numbers = np.asarray(values, dtype=np.float64)
    missing = np.isnan(numbers)
    scaled = np.rint(np.where(missing, 0.0, numbers) * 10.0**decimals)
    if scaled.size and not np.abs(scaled).max() < _LARGEST:
        worst = numbers[np.argmax(np.abs(scaled))]
        raise OverflowError(f"{worst:g} cannot be written with {decimals} decimals")
    return FixedPoint(scaled.astype(np.int64), decimals, missing)


def is_compiling_worth_it(numbers: int) -> bool:
    """Return whether so many numbers are written faster by a compiled loop, or one is at hand."""
    return numbers > MAX_PLAIN or "numba" in sys.modules


def rows_as_text(columns: list[FixedPoint], compiled: bool = True) -> bytes:
    """Return columns of equal length as comma-separated lines.

    Parameters
    ----------
    columns
        At least one.
    compiled
        Whether a compiled loop writes them. The text is the same.
    """
    if not compiled:
        return _plainly(columns)
    from deep_storm.io.tables.digits import MISSING, write_rows  # numba

    numbers = np.empty((len(columns), len(columns[0].scaled)), np.int64)
    for row, column in zip(numbers, columns, strict=True):
        row[:] = column.scaled
        row[column.missing] = MISSING
    text = np.empty(_MAX_CHARACTERS * numbers.size, np.uint8)
    end = write_rows(numbers, np.array([column.decimals for column in columns]), text)
    return text[:end].tobytes()


def _plainly(columns: list[FixedPoint]) -> bytes:
    """Return the lines without anything compiled."""
    texts = [
        [
            "NaN" if missing else _decimal(number, column.decimals)
            for number, missing in zip(column.scaled.tolist(), column.missing.tolist(), strict=True)
        ]
        for column in columns
    ]
    return "".join(",".join(row) + "\n" for row in zip(*texts, strict=True)).encode()


def _decimal(number: int, decimals: int) -> str:
    """Return a whole number in units of the last decimal as a decimal."""
    digits = str(abs(number)).zfill(decimals + 1)
    point = len(digits) - decimals
    text = f"{digits[:point]}.{digits[point:]}" if decimals else digits
    return "-" + text if number < 0 else text
