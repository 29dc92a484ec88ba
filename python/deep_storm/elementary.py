"""Logarithm and exponential as sums and products: a compiler makes several of them at a time.

The mathematical library is called for one number after the other, which took a third of a fit. In
kernels with ``error_model="numpy"``, whose loops may be turned into such of vectors.
"""

from __future__ import annotations

import numpy as np

from deep_storm.kernels import kernel

LOG_2 = 0.6931471805599453
MANTISSA, ONE = np.int64((1 << 52) - 1), np.int64(1023 << 52)
HALF = np.int64(1 << 51)
"""The bit of the mantissa that says whether it is at least 1.5."""
BIAS = 1023.0
MAX_EXPONENT = 700.0


@kernel(fastmath=True, inline="always", error_model="numpy")
def logarithm(x: float) -> float:
    """Return the natural logarithm of a positive, normal number, right to 1e-11.

    ``x = m · 2ᵉ`` with m from 0.75 to 1.5, and ``log m = 2 artanh((m − 1) / (m + 1))``.
    """
    bits = np.float64(x).view(np.int64)
    upper = (bits & HALF) >> np.int64(51)
    exponent = np.float64(np.int32((bits >> np.int64(52)) + upper)) - BIAS
    mantissa = ((bits & MANTISSA) | ONE) - (upper << np.int64(52))
    m = np.int64(mantissa).view(np.float64)
    t = (m - 1.0) / (m + 1.0)
    s = t * t
    series = 1.0 + s * (
        1.0 / 3.0
        + s * (1.0 / 5.0 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0 + s / 13.0))))
    )
    return exponent * LOG_2 + 2.0 * t * series


@kernel(fastmath=True, inline="always", error_model="numpy")
def exponential(x: float) -> float:
    """Return ``exp(x)``, right to 1e-12 of it; ``x`` is taken as from −700 to 700.

    ``x = n·log 2 + r`` with |r| of at most half of log 2, for which Taylor's series is short.
    """
    kept = min(max(x, -MAX_EXPONENT), MAX_EXPONENT)
    n = np.int32(kept / LOG_2 + (BIAS + 0.5))  # truncated, and positive: the nearest, biased
    r = kept - (np.float64(n) - BIAS) * LOG_2
    series = 1.0 / 5040.0 + r * (1.0 / 40320.0 + r * (1.0 / 362880.0 + r / 3628800.0))
    series = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * series))
    series = 1.0 + r * (1.0 + r * (1.0 / 2.0 + r * (1.0 / 6.0 + r * series)))
    return series * np.int64(np.int64(n) << np.int64(52)).view(np.float64)
