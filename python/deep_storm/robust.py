"""The spread of values that outliers do not change: from the median absolute deviation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MEDIAN_OF_NORMAL = 0.67449
"""Median absolute deviation of a normal distribution, in standard deviations."""


def robust_std(values: npt.NDArray[np.floating], middle: float | None = None) -> float:
    """Return the standard deviation of the bulk of values, as if they were normally distributed.

    Parameters
    ----------
    values
        Any shape, without NaN.
    middle
        What deviations are counted from; default: the median.
    """
    about = np.median(values) if middle is None else middle
    return float(np.median(np.abs(values - about))) / MEDIAN_OF_NORMAL
