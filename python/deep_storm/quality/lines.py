"""Rows or columns of pixels that are brighter or darker together, as read-out makes them.

Pixels of such a line are alike however far they are from each other. Light is not: a hill of the
background is as high across lines as along them, and an edge lies along few of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

FAR_PX = (8, 10, 12, 14)
"""Distances within a line, beyond those of any PSF,"""
DIAGONAL_PX = (6, 7, 8, 9, 10)
"""and as far along each axis on a diagonal."""


class Lines(NamedTuple):
    """Correlation of far pixels of a line, of rows or of columns, what is more.

    Attributes
    ----------
    usual
        The median over the lines, beyond the correlation of pixels that share no line.
    few
        How much more the mean over the lines is: some of them are far more alike than most.
    """

    usual: float = 0.0
    few: float = 0.0


def alike_in_lines(off: Values) -> Lines:
    """Return how much far pixels of a line are alike.

    Parameters
    ----------
    off
        Residuals over their expected standard deviation, (t, y, x); NaN where none count.

    Returns
    -------
    Zeros where frames are too small to say.
    """
    if min(off.shape[1:]) <= 2 * max(FAR_PX):
        return Lines()
    known = np.isfinite(off)
    values = np.where(known, off, 0.0)
    across, count = 0.0, 0
    for k in DIAGONAL_PX:
        for one, other in ((slice(k, None), slice(None, -k)), (slice(None, -k), slice(k, None))):
            across += float(np.sum(values[:, k:, one] * values[:, :-k, other]))
            count += int(np.sum(known[:, k:, one] & known[:, :-k, other]))
    along = [_along_rows(values, known), _along_rows(values.swapaxes(1, 2), known.swapaxes(1, 2))]
    return Lines(max(a.usual for a in along) - across / max(count, 1), max(a.few for a in along))


def _along_rows(values: Values, known: npt.NDArray[np.bool_]) -> Lines:
    """Return what the rows are like by themselves."""
    total, count = np.zeros((2, values.shape[1]))
    for k in FAR_PX:
        total += np.sum(values[:, :, k:] * values[:, :, :-k], axis=(0, 2))
        count += np.sum(known[:, :, k:] & known[:, :, :-k], axis=(0, 2))
    if not count.any():
        return Lines()
    each = total[count > 0] / count[count > 0]
    usual = float(np.median(each))
    return Lines(usual, float(each.mean()) - usual)
