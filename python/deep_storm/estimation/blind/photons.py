"""Photons, density, background and PSF of emitters that are too crowded to be fitted one by one.

The model of :mod:`~deep_storm.estimation.blind.scattering` is fitted to the exponents of
:mod:`~deep_storm.estimation.blind.exponents` by generalised least squares, with the covariance of
their errors: neighbouring exponents err together, so their differences are far surer than
themselves, and it is the differences that tell photons from density.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from deep_storm.estimation.blind.exponents import Exponents
from deep_storm.estimation.blind.scattering import Family, Light, expected_exponents

FloatArray = npt.NDArray[np.float64]

FLOOR = 3e-5
"""Relative error of the model, independent at each scale: what no covariance knows of."""
SPREAD_PRIOR = (0.3, 0.3)
SIGMA_SPREAD_PRIOR = (0.06, 0.04)
READ_VARIANCE_PRIOR = (2.0, 0.3)
"""Photoelectrons², and share: the read-out noise that a user enters is rarely right."""
SURE_READ_VARIANCE = (0.01, 0.02)
DENSITY_VARIATION_PRIOR = 0.1
WIDEST_UNIFORM = 0.57
"""Standard deviation over mean of a uniform distribution that starts at nothing (1/√3)."""
WIDEST_GAMMA = 1.5
LONG_TAIL = 9.0
"""Gain in χ² from which a long-tailed distribution is believed."""
ALWAYS = 7
"""Parameters that are always searched for, in the order of :class:`Light`."""
DENSITY_VARIANCE = Light._fields.index("density_variance")


class Start(NamedTuple):
    """Starting values of the fit, in photoelectrons and pixels."""

    background: float
    density: float
    photons: float
    sigma_px: float


class Knowledge(NamedTuple):
    """What is known besides the exponents: priors and fixed values.

    Attributes
    ----------
    em
        Whether the camera multiplies electrons.
    read_variance
        Of a pixel as the camera says, photoelectrons².
    flicker, flicker_error
        Variance of a frame's mean beyond what blinking explains, photoelectrons²; 0: none.
    unevenness
        Mean square of the density over the square of its mean.
    baseline_error
        Standard deviation of the baseline's error, photoelectrons; 0: it is right.
    read_noise_is_right
        Whether the read variance is believed.
    """

    em: bool
    read_variance: float
    flicker: float = 0.0
    flicker_error: float = 0.0
    unevenness: float = 1.0
    baseline_error: float = 0.0
    read_noise_is_right: bool = False


class PhotonFit(NamedTuple):
    """The fitted model.

    Attributes
    ----------
    light
        Its parameters.
    errors
        Standard errors in the order of ``light``; those of background, density and photons are
        relative.
    family
        Distribution of the photons.
    chi2
        Weighted squared residuals over their number.
    """

    light: Light
    errors: Light
    family: Family
    chi2: float


def fit_photons(measured: Exponents, start: Start, knowledge: Knowledge) -> PhotonFit:
    """Fit the model to measured exponents.

    Parameters
    ----------
    measured
        Exponents and their covariance.
    start
        Where the search begins.
    knowledge
        Camera, and what else is known.

    Returns
    -------
    PhotonFit
        With uniformly distributed photons unless a long tail fits clearly better.
    """
    uniform = _fit(measured, start, knowledge, "uniform")
    long_tail = _fit(measured, start, knowledge, "gamma")
    # A tail can also make up for what else does not fit, so it must be both better and wide.
    gain = (uniform.chi2 - long_tail.chi2) * measured.values.size / max(long_tail.chi2, 1.0)
    wide = long_tail.light.relative_spread > WIDEST_UNIFORM
    return long_tail if gain > LONG_TAIL and wide else uniform


def _fit(measured: Exponents, start: Start, knowledge: Knowledge, family: Family) -> PhotonFit:
    covariance = measured.covariance + np.diag((FLOOR * measured.values) ** 2)
    sizes, directions = np.linalg.eigh(covariance)
    whiten = (directions / np.sqrt(np.maximum(sizes, 1e-12 * sizes.max()))).T
    prior = _Prior(knowledge)

    def residuals(p: FloatArray) -> FloatArray:
        light = prior.light(p)
        expected = expected_exponents(light, measured.scales, knowledge.em, family)
        return np.concatenate([whiten @ (expected - measured.values), prior.residuals(p, light)])

    found = least_squares(
        residuals, prior.start(start), bounds=prior.bounds(family), x_scale=prior.steps()
    )
    informed = measured.values.size
    chi2 = float(np.sum(found.fun[:informed] ** 2) / informed)
    slopes = np.asarray(found.jac, dtype=np.float64)
    spread = np.linalg.pinv(slopes.T @ slopes)
    errors = np.sqrt(np.maximum(np.diag(spread), 0.0) * max(chi2, 1.0))
    return PhotonFit(prior.light(found.x), prior.errors(errors), family, chi2)


class _Prior:
    """The fit's parameters on their search scale, and the priors on them.

    Background, density and photons are searched for on a logarithmic scale; what cannot be told
    (flicker that is not there, the baseline when it is trusted) is not searched for.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        base, share = SURE_READ_VARIANCE if knowledge.read_noise_is_right else READ_VARIANCE_PRIOR
        self.read_error = base + share * knowledge.read_variance
        self.flickers = knowledge.flicker > 0
        searched = np.array([True] * ALWAYS + [self.flickers] * 2 + [knowledge.baseline_error > 0])
        self.searched = np.flatnonzero(searched)

    def light(self, p: FloatArray) -> Light:
        full = np.zeros(len(Light._fields))
        full[self.searched] = p
        full[:3] = np.exp(full[:3])
        full[DENSITY_VARIANCE] *= self.knowledge.unevenness
        return Light(*map(float, full))

    def start(self, start: Start) -> FloatArray:
        k = self.knowledge
        logs = np.log([max(start.background, 1e-3), start.density, start.photons])
        rest = [SPREAD_PRIOR[0], start.sigma_px, SIGMA_SPREAD_PRIOR[0], k.read_variance]
        return np.array([*logs, *rest, k.flicker / 2, 0.01, 0.0])[self.searched]

    def bounds(self, family: Family) -> tuple[FloatArray, FloatArray]:
        widest = WIDEST_UNIFORM if family == "uniform" else WIDEST_GAMMA
        read, error = self.knowledge.read_variance, 10 * self.read_error
        flicker = 2 * self.knowledge.flicker
        low = np.array([-12, -25, -2, 0.01, 0.3, 0.0, read - error, 0.0, 0.0, -1e4])
        high = np.array([12, 5, 15, widest, 8.0, 0.3, read + error, flicker, 1.0, 1e4])
        return low[self.searched], high[self.searched]

    def steps(self) -> FloatArray:
        flicker = self.knowledge.flicker
        return np.array([0.1, 0.1, 0.1, 0.1, 0.02, 0.02, 0.3, flicker, 0.01, 0.3])[self.searched]

    def residuals(self, p: FloatArray, light: Light) -> FloatArray:
        k = self.knowledge
        known = [
            (light.relative_spread - SPREAD_PRIOR[0]) / SPREAD_PRIOR[1],
            (light.sigma_spread - SIGMA_SPREAD_PRIOR[0]) / SIGMA_SPREAD_PRIOR[1],
            (light.read_variance - k.read_variance) / self.read_error,
        ]
        if self.flickers:
            variation = float(p[DENSITY_VARIANCE])
            mean_light = light.density * light.photons
            flicker = light.background_variance + variation * mean_light**2
            known += [(flicker - k.flicker) / k.flicker_error, variation / DENSITY_VARIATION_PRIOR]
        if k.baseline_error > 0:
            known.append(light.baseline_error / k.baseline_error)
        return np.array(known)

    def errors(self, searched: FloatArray) -> Light:
        """Return the errors of all parameters; zero for those that were held fixed."""
        full = np.zeros(len(Light._fields))
        full[self.searched] = searched
        return Light(*map(float, full))
