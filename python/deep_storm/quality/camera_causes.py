"""What the noise of dim pixels says of the camera: its pixels, its gain and its baseline."""

from __future__ import annotations

import math

import numpy as np

from deep_storm.camera import Camera
from deep_storm.quality.cause import Cause
from deep_storm.quality.residuals import DIM, Residuals

LEVELS = 8
"""Parts of the pixels, from the dimmest to the brightest, in which the variance is looked at."""
OUTLIERS = 1.15
"""Kurtosis of dim pixels over the drawn stack's (right: 0.98 to 1.06)."""
VARIANCE_OFF = (0.88, 1.13)
"""The camera does not fit when the variance of dim pixels is off by these factors (right: 0.97 to
1.03)."""
PIXEL_SCATTER, OUTLIER_SCATTER = 9.0, 12.0
"""Few pixels, as in a preview, scatter more: limits are at least these over the root of their
number, 4 to 5 standard deviations."""


def noise_cause(
    seen: Residuals, drawn: Residuals, camera: Camera, camera_agrees: bool
) -> Cause | None:
    """Look for noise that the camera does not explain."""
    count = DIM * seen.mean.size
    dim = seen.chi2(0.0, DIM) / drawn.chi2(0.0, DIM)
    scatter = PIXEL_SCATTER / math.sqrt(count)
    low, high = min(VARIANCE_OFF[0], 1.0 - scatter), max(VARIANCE_OFF[1], 1.0 + scatter)
    if low < dim < high:
        return None
    outliers = seen.kurtosis() / drawn.kurtosis()
    if dim > high and outliers > max(OUTLIERS, 1.0 + OUTLIER_SCATTER / math.sqrt(count)):
        return Cause(
            "pixel noise",
            "some pixels are much noisier than others, as in an sCMOS camera without its maps: "
            "give --camera-maps (deep-storm measure-background --dark makes them from dark frames)",
        )
    gain, baseline_error_photon, is_gain = _gain_or_baseline(seen, drawn)
    if camera_agrees:
        return Cause(
            "unknown",
            f"the noise is {dim:.2g} times what it should be where the light is dim, although the "
            "camera's gain and baseline agree with the noise from pixel to pixel: the frames may "
            "have been averaged or filtered, or the light may change during the movie",
        )
    if is_gain:
        return Cause(
            "photons per ADU",
            f"the noise is {gain:.2g} times what the camera settings say: photons per ADU are "
            f"about {camera.photons_per_adu / gain:.2g} instead of {camera.photons_per_adu:g}; "
            "check the camera settings, then estimate and train again",
        )
    error_adu = baseline_error_photon / camera.photons_per_count
    return Cause(
        "baseline",
        f"noise and background do not match: the baseline is about "
        f"{camera.baseline_adu + error_adu:.0f} instead of {camera.baseline_adu:g} ADU; "
        "measure it with measure-background",
    )


def _gain_or_baseline(seen: Residuals, drawn: Residuals) -> tuple[float, float, bool]:
    """Distinguish a wrong gain from a wrong baseline by how the variance depends on the light.

    Returns
    -------
    Factor of the variance if it is the gain; photons that the frames are too bright by if it is
    the baseline; and whether it is the gain.
    """
    edges = np.linspace(0.0, 1.0, LEVELS + 1)
    ratio, light = np.empty(LEVELS), np.empty(LEVELS)
    for k in range(LEVELS):
        ratio[k] = seen.chi2(edges[k], edges[k + 1]) / drawn.chi2(edges[k], edges[k + 1])
        light[k] = np.quantile(seen.mean, (edges[k] + edges[k + 1]) / 2.0)
    gain = float(np.exp(np.log(ratio).mean()))
    shape = 1.0 / light
    offset = float(-(shape @ (ratio - 1.0)) / (shape @ shape))
    by_offset = np.maximum(1.0 - offset * shape, 0.05)
    off = [float(np.square(np.log(ratio / m)).sum()) for m in (gain, by_offset)]
    return gain, offset, off[0] < off[1]
