"""Traces of light in pixels that should be dark.

Photons make a distribution skewed, and pixels with more of them scatter more; a camera's own
noise does neither.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.robust import robust_std

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MIN_PIXELS = 30
CLIPPINGS = 20
SKEWED, SIGNIFICANT = 0.03, 6.0
"""Skewness that light gives: at least this, and so many standard errors from 0."""
GROWS = 6.0
"""Standard errors of the slope of variance over mean, above which pixels contain light."""


def traces_in(values: FloatArray, kept: Mask) -> list[str]:
    """Describe the evidence for light in pixels that should be dark.

    Parameters
    ----------
    values
        Their values (t, pixels) in ADU.
    kept
        Which of them are no outliers, bool (t, pixels).

    Returns
    -------
    Sentences; none when the values are those of a camera in the dark.
    """
    mean, variance = pixel_variances(values, kept)
    texts = []
    deviation = math.sqrt(max(float(variance.mean()), 1e-12))
    scaled = ((values - mean) / deviation)[kept]
    skewness = float(np.mean(scaled**3)) / max(float(np.mean(scaled**2)) ** 1.5, 1e-12)
    if skewness > max(SKEWED, SIGNIFICANT * math.sqrt(6.0 / scaled.size)):
        texts.append(
            f"the values are not normally distributed (skewness {skewness:.2f}): the pixels "
            "contain light"
        )
    if mean.size >= MIN_PIXELS and np.ptp(mean) > 0:
        slope, error = _slope(mean, variance)
        if slope > GROWS * error:
            texts.append(
                f"brighter pixels scatter more (by {slope:.2g} ADU² per ADU), as light does and "
                "read-out noise does not"
            )
    return texts


def clip_limits(values: FloatArray, clip_sigmas: float) -> tuple[float, float]:
    """Return the limits of robust clipping around the median, iterated until they converge."""
    flat = values.ravel()
    flat = flat[:: max(1, flat.size // 2_000_000)]
    middle = float(np.median(flat))
    deviation = max(robust_std(flat, middle), 0.3)
    for _ in range(CLIPPINGS):
        inside = flat[np.abs(flat - middle) <= clip_sigmas * deviation]
        mean = float(inside.mean())
        spread = max(float(inside.std()) / share_of_deviation(clip_sigmas), 0.3)
        if abs(mean - middle) < 1e-3 * spread and abs(spread - deviation) < 1e-3 * spread:
            break
        middle, deviation = mean, spread
    return middle - clip_sigmas * deviation, middle + clip_sigmas * deviation


def share_of_deviation(clip_sigmas: float) -> float:
    """Return the standard deviation of a clipped normal distribution (1 without clipping)."""
    height = math.exp(-(clip_sigmas**2) / 2.0) / math.sqrt(2.0 * math.pi)
    inside = math.erf(clip_sigmas / math.sqrt(2.0))
    return math.sqrt(1.0 - 2.0 * clip_sigmas * height / inside)


def pixel_variances(values: FloatArray, kept: Mask) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance over time of each pixel, of the values that were kept."""
    count = np.maximum(kept.sum(axis=0), 2)
    mean = np.where(kept, values, 0.0).sum(axis=0) / count
    squares = np.where(kept, (values - mean) ** 2, 0.0).sum(axis=0)
    return mean, squares / (count - 1)


def _slope(mean: FloatArray, variance: FloatArray) -> tuple[float, float]:
    """Return the slope of variance over mean and its standard error, without outlying pixels."""
    low, high = np.quantile(variance, [0.01, 0.99])
    inside = (variance >= low) & (variance <= high)
    x, y = mean[inside] - mean[inside].mean(), variance[inside]
    if x.size < 3 or not float(np.sum(x**2)):
        return 0.0, 1.0
    slope = float(np.sum(x * y) / np.sum(x**2))
    rest = y - y.mean() - slope * x
    error = math.sqrt(float(np.sum(rest**2)) / (x.size - 2) / float(np.sum(x**2)))
    return slope, max(error, 1e-12)
