"""Compiled loops that write whole numbers as decimals; see :mod:`deep_storm.io.tables.decimals`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import Index, kernel

Int64 = npt.NDArray[np.int64]
Uint8 = npt.NDArray[np.uint8]

MISSING = np.iinfo(np.int64).min
PAIRS = np.frombuffer("".join(f"{pair:02}" for pair in range(100)).encode(), np.uint8).copy()
"""The digits of 0 to 99."""
TENS = 10 ** np.arange(19, dtype=np.int64)
MAX_DIGITS = 19
COMMA, NEWLINE, POINT, MINUS, ZERO = b",\n.-0"
N, A = b"Na"


@kernel
def write_rows(numbers: Int64, decimals: Int64, text: Uint8) -> int:
    """Write columns as comma-separated lines.

    Parameters
    ----------
    numbers
        ``(columns, rows)``: in units of the last decimal; :data:`MISSING` is NaN.
    decimals
        ``(columns,)``.
    text
        Is filled; with room for 23 characters for each number.

    Returns
    -------
    The number of characters.
    """
    at = Index(0)
    for row in range(Index(numbers.shape[1])):
        for column in range(Index(numbers.shape[0])):
            number = numbers[column, row]
            if number == MISSING:
                text[at], text[at + Index(1)], text[at + Index(2)] = N, A, N
                at += Index(3)
            else:
                at = _write(number, decimals[column], text, at)
            text[at] = COMMA
            at += Index(1)
        text[at - Index(1)] = NEWLINE
    return at


@kernel
def _write(number: int, decimals: int, text: Uint8, at: int) -> int:
    """Write a number, from its last digit on; return the end."""
    if number < 0:
        text[at] = MINUS
        at += Index(1)
    left: Any = np.uint64(abs(number))
    digits = Index(decimals + 1)
    while digits < Index(MAX_DIGITS) and left >= np.uint64(TENS[digits]):
        digits += Index(1)
    end = at + digits + Index(decimals > 0)
    first = at + digits - Index(decimals)
    if decimals > 0:
        left = _write_digits(left, text, first + Index(1), end)
        text[first] = POINT
    _write_digits(left, text, at, first)
    return end


@kernel
def _write_digits(left: Any, text: Uint8, first: int, end: int) -> Any:
    """Write the last digits of a number, two at a time; return what is left of it."""
    while end > first + Index(1):
        rest = left // np.uint64(100)
        pair = Index(left - rest * np.uint64(100)) * Index(2)
        end -= Index(2)
        text[end], text[end + Index(1)] = PAIRS[pair], PAIRS[pair + Index(1)]
        left = rest
    if end > first:
        rest = left // np.uint64(10)
        text[first] = np.uint8(ZERO + (left - rest * np.uint64(10)))
        left = rest
    return left
