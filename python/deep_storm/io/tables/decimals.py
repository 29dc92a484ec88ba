"""Fast conversion of numbers to fixed-point decimals, about a million rows a second.

ThunderSTORM's reader stops at the first character it does not understand and takes ``1e-05``
for 1, so numbers are written without exponent. Digits are worked out for whole columns at once:
every cell is a row of a byte matrix, and bytes that stay 0 (before the first digit) are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_LARGEST = 2**62  # of a scaled number: room to round and negate in 64 bits
_COMMA, _NEWLINE, _POINT, _MINUS, _ZERO = b",\n.-0"


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


def rows_as_text(columns: list[FixedPoint]) -> bytes:
    """Return columns of equal length as comma-separated lines."""
    cells = [_cells(c.scaled, c.decimals, c.missing) for c in columns]
    matrix = np.concatenate(cells, axis=1)
    matrix[:, -1] = _NEWLINE
    text: npt.NDArray[np.uint8] = matrix[matrix != 0]
    return text.tobytes()


def _cells(
    scaled: npt.NDArray[np.int64], decimals: int, missing: npt.NDArray[np.bool_]
) -> npt.NDArray[np.uint8]:
    """Return (n, width) characters: sign, digits from the right, separator; 0 where empty."""
    left = np.abs(scaled)
    digits = max(len(str(int(left.max(initial=0)))), decimals + 1, 3)
    cells = np.zeros((len(scaled), 1 + digits + (decimals > 0) + 1), dtype=np.uint8)
    cells[:, -1] = _COMMA
    place = cells.shape[1] - 2
    for power in range(digits):
        if decimals and power == decimals:
            cells[:, place] = _POINT
            place -= 1
        rest = left // 10
        digit = (left - rest * 10 + _ZERO).astype(np.uint8)
        if power > decimals:
            digit[left == 0] = 0
        cells[:, place] = digit
        place -= 1
        left = rest
    cells[scaled < 0, 0] = _MINUS
    if missing.any():
        cells[missing, :-1] = 0
        cells[missing, 1:4] = np.frombuffer(b"NaN", dtype=np.uint8)
    return cells
