"""The logarithm as sums and products, so that compilers make it of several numbers at a time.

The mathematical library is called for one number after the other, which took a third of a fit.
"""

from __future__ import annotations

import numpy as np

from deep_storm.kernels import kernel

LOG_2 = 0.6931471805599453
MANTISSA, ONE = np.int64((1 << 52) - 1), np.int64(1023 << 52)
HALF = np.int64(1 << 51)
"""The bit of the mantissa that says whether it is at least 1.5."""
BIAS = 1023.0


@kernel(fastmath=True, inline="always", error_model="numpy")
def logarithm(x: float) -> float:
    """Return the natural logarithm of a positive, normal number, right to 1e-10.

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
