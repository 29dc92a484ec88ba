"""Variation of photons and sigma between emitters.

Two sources: the fit of the crowd, and the isolated emitters where there are enough of
them, freed from the scatter of their fits. They are combined by their errors.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.blind.crowd import Crowd
from deep_storm.estimation.isolated import IsolatedFits
from deep_storm.estimation.matching import UNIFORM_KURTOSIS

FloatArray = npt.NDArray[np.float64]

MIN_FITS = 100
SPARSE = 0.15
"""Mean number of emitters within three sigma up to which isolated ones are typical."""
CLIPPED_SHARE = 0.01


class Spread(NamedTuple):
    """A spread between emitters.

    Attributes
    ----------
    relative
        Standard deviation over mean.
    kind
        Shape of the distribution as the simulation knows it.
    """

    relative: float
    kind: Literal["uniform", "normal"] = "uniform"


def crowding(crowd: Crowd) -> float:
    """Return the mean number of other emitters within three sigma."""
    light = crowd.fit.light
    return light.density * math.pi * (3.0 * light.sigma_px) ** 2


def typical(crowd: Crowd, fits: IsolatedFits) -> bool:
    """Return whether isolated emitters are numerous and representative of all."""
    return fits.photons.size >= MIN_FITS and crowding(crowd) < SPARSE


def photon_spread(crowd: Crowd, fits: IsolatedFits) -> Spread:
    """Return the spread of the photons."""
    relative = crowd.fit.light.relative_spread
    if crowd.fit.family == "gamma":
        return Spread(relative, "normal")
    if not typical(crowd, fits):
        return Spread(relative)
    own, kurtosis = freed(fits.photons, fits.photons_error)
    error = 1.0 / math.sqrt(2.0 * fits.photons.size)
    kind: Literal["uniform", "normal"] = "uniform" if kurtosis < UNIFORM_KURTOSIS else "normal"
    return Spread(
        _combined(relative, crowd.fit.errors.relative_spread, own, max(error, 0.02)), kind
    )


def sigma_spread(crowd: Crowd, fits: IsolatedFits) -> Spread:
    """Return the spread of the PSF sigma."""
    relative = crowd.fit.light.sigma_spread
    if not typical(crowd, fits):
        return Spread(relative)
    own, _ = freed(fits.sigma_px, fits.sigma_error_px)
    return Spread(_combined(relative, crowd.fit.errors.sigma_spread, own, 0.01))


def _combined(one: float, one_error: float, other: float, other_error: float) -> float:
    weights = 1.0 / max(one_error, 1e-3) ** 2, 1.0 / other_error**2
    return (one * weights[0] + other * weights[1]) / sum(weights)


def freed(values: FloatArray, errors: FloatArray) -> tuple[float, float]:
    """Return the relative spread without the fits' own error, and the excess kurtosis.

    Parameters
    ----------
    values, errors
        Of each fit, (n,).
    """
    low, high = np.quantile(values, [CLIPPED_SHARE / 2, 1 - CLIPPED_SHARE / 2])
    inside = (values >= low) & (values <= high)
    values, errors = values[inside], errors[inside]
    mean, total = float(values.mean()), float(values.var())
    own = max(total - float(np.mean(errors**2)), 0.0)
    if own == 0 or total == 0:
        return 0.0, 0.0
    fourth = float(np.mean((values - mean) ** 4)) / total**2 - 3.0
    return math.sqrt(own) / mean, fourth * (total / own) ** 2
