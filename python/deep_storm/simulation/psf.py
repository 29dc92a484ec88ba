"""The point spread function: a Gaussian integrated over each pixel.

The expected photons in pixel (row ``j``, column ``i``) of an emitter at (x, y) are the product of
one factor per axis [1]_::

    N/4 · [erf((i+1−x)/(√2σ)) − erf((i−x)/(√2σ))] · [erf((j+1−y)/(√2σ)) − erf((j−y)/(√2σ))]

with the corner rule: pixel ``i`` reaches from ``i`` to ``i+1``.

References
----------
.. [1] C. S. Smith et al., "Fast, single-molecule localization that achieves theoretically minimum
   uncertainty", Nature Methods 7, 373 (2010). https://doi.org/10.1038/nmeth.1449
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.kernels import kernel, plain

FloatArray = npt.NDArray[np.float64]

WINDOW_SIGMAS = 5.0
"""Half the window that an emitter's light is added in; 6e-7 of it falls outside on each axis."""

MIN_WINDOW_PX = 3.0
"""Half the window of a very narrow PSF."""


def add_emitters(
    expected: npt.NDArray[np.float32],
    frame: npt.NDArray[np.int64],
    x_px: FloatArray,
    y_px: FloatArray,
    sigma_px: FloatArray,
    intensity: FloatArray,
) -> None:
    """Add the light of emitters to frames of expected photons, in place.

    Parameters
    ----------
    expected
        Expected photons, float32 of shape (t, y, x).
    frame
        Index into ``expected`` of each emitter, int64 of shape (n,).
    x_px, y_px
        Positions, float64 of shape (n,): x along columns, corner rule. Emitters may lie outside
        the frame; the light that reaches in is added.
    sigma_px
        PSF sigma of each emitter, float64 of shape (n,), positive.
    intensity
        Photons of each emitter, float64 of shape (n,).

    Raises
    ------
    ValueError
        A frame index is not one of ``expected``.
    """
    numbers = (plain(values, np.float64) for values in (x_px, y_px, sigma_px, intensity))
    _add_emitters(expected, plain(frame, np.int64), *numbers)


@kernel(fastmath=True)
def _add_emitters(
    expected: npt.NDArray[np.float32],
    frame: npt.NDArray[np.int64],
    x_px: FloatArray,
    y_px: FloatArray,
    sigma_px: FloatArray,
    intensity: FloatArray,
) -> None:
    frames, height, width = expected.shape
    columns = np.empty(width)
    rows = np.empty(height)
    for k in range(frame.size):
        t = frame[k]
        if t < 0 or t >= frames:
            raise ValueError("frame index of an emitter is outside the stack")
        reach = max(WINDOW_SIGMAS * sigma_px[k], MIN_WINDOW_PX)
        left = max(0, math.floor(x_px[k] - reach))
        right = min(width, math.floor(x_px[k] + reach) + 1)
        top = max(0, math.floor(y_px[k] - reach))
        bottom = min(height, math.floor(y_px[k] + reach) + 1)
        if left >= right or top >= bottom:
            continue
        scale = 1.0 / (math.sqrt(2.0) * sigma_px[k])
        edge = math.erf((left - x_px[k]) * scale)
        for i in range(left, right):
            next_edge = math.erf((i + 1 - x_px[k]) * scale)
            columns[i] = 0.5 * (next_edge - edge)
            edge = next_edge
        edge = math.erf((top - y_px[k]) * scale)
        for j in range(top, bottom):
            next_edge = math.erf((j + 1 - y_px[k]) * scale)
            rows[j] = 0.5 * (next_edge - edge)
            edge = next_edge
        for j in range(top, bottom):
            photons = intensity[k] * rows[j]
            for i in range(left, right):
                expected[t, j, i] += np.float32(photons * columns[i])
