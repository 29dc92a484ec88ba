"""Movies with few molecules: isolated ones are fitted where pixel statistics are not enough.

Where molecules hardly ever overlap, each is seen and fitted by itself; a few dozen say more than
all pixels together, of which nearly none contains light.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.blind.covariance import Covariance
from deep_storm.estimation.blind.crowd import Crowd
from deep_storm.estimation.blind.photons import PhotonFit
from deep_storm.estimation.blind.scattering import Light
from deep_storm.estimation.isolated import IsolatedFits, fit_isolated
from deep_storm.estimation.sampling import Sample
from deep_storm.estimation.spread import SPARSE, freed

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]

START_SIGMA_PX = 1.3
ROUNDS = 3
MIN_FITS = 12
MIN_KEPT_SHARE = 0.4
"""Share of the maxima that must look like single molecules."""
MAX_WIDTH_SPREAD = 0.35
UNSURE = (0.04, 0.1, 0.2)
"""Relative errors of sigma, photons and density from which single molecules are asked instead."""
MEDIAN_ERROR = 1.25
"""Standard error of a median over that of a mean."""
UNSEEN_LIGHT = 0.5
"""Share of the molecules' light that may come from others than those that are seen."""


def measure_sparse(
    sample: Sample, read_variance: float, em: bool
) -> tuple[PhotonFit, IsolatedFits] | None:
    """Measure molecules that hardly ever overlap.

    Parameters
    ----------
    sample
        Frames in photoelectrons.
    read_variance
        Of a pixel, photoelectrons².
    em
        Whether electrons are multiplied.

    Returns
    -------
    Light and its errors, and the fits behind them; None where molecules are too few, too crowded or
    look like nothing that has one PSF.
    """
    sigma_px = START_SIGMA_PX
    fits = None
    for _ in range(ROUNDS):
        fits = fit_isolated(sample.blocks, sigma_px, read_variance, em)
        if fits.photons.size < MIN_FITS:
            return None
        sigma_px = float(np.median(fits.sigma_px))
    if fits is None or fits.photons.size < MIN_KEPT_SHARE * fits.candidates:
        return None
    pixels = _pixels(sample.blocks, sample)
    density = fits.peaks / pixels
    if density * math.pi * (3.0 * sigma_px) ** 2 > SPARSE:
        return None
    spread = freed(fits.photons, fits.photons_error)[0]
    width_spread = freed(fits.sigma_px, fits.sigma_error_px)[0]
    photons, background = float(np.mean(fits.photons)), float(np.median(fits.background))
    if width_spread > MAX_WIDTH_SPREAD or not _explained(sample, density, photons, fits):
        return None
    light = Light(background, density, photons, spread, sigma_px, width_spread, read_variance)
    return PhotonFit(light, _errors(fits, light), "uniform", 1.0), fits


def _pixels(blocks: Sequence[Float32], sample: Sample) -> float:
    """Return how many pixel values of the blocks count."""
    return float(sum(len(b) * used.sum() for b, used in zip(blocks, sample.used, strict=True)))


def _explained(sample: Sample, density: float, photons: float, fits: IsolatedFits) -> bool:
    """Return whether the fitted molecules account for the light in the frames."""
    means = [
        float(b.mean(axis=0)[u].mean()) for b, u in zip(sample.blocks, sample.used, strict=True)
    ]
    background = float(np.median(fits.background))
    error = MEDIAN_ERROR * float(np.std(fits.background)) / math.sqrt(fits.background.size)
    unseen = float(np.mean(means)) - background - density * photons
    return abs(unseen) < UNSEEN_LIGHT * density * photons + 3.0 * error


def _errors(fits: IsolatedFits, light: Light) -> Light:
    """Return the standard errors in the form of a crowd's, some of them relative."""
    root = math.sqrt(fits.photons.size)

    def of_median(values: FloatArray) -> float:
        return MEDIAN_ERROR * float(np.std(values)) / root

    return Light(
        of_median(fits.background) / max(light.background, 1e-6),
        1.0 / math.sqrt(max(fits.peaks, 1)),
        float(np.std(fits.photons)) / root / light.photons,
        1.0 / (math.sqrt(2.0) * root),
        of_median(fits.sigma_px),
        1.0 / (math.sqrt(2.0) * root),
    )


def is_unsure(fit: PhotonFit) -> bool:
    """Return whether pixel statistics are not precise enough."""
    light, errors = fit.light, fit.errors
    relative = (errors.sigma_px / light.sigma_px, errors.photons, errors.density)
    return any(not error < limit for error, limit in zip(relative, UNSURE, strict=True))


def as_crowd(fit: PhotonFit, crowd: Crowd | None) -> Crowd:
    """Return the numbers of few molecules in the form of a crowd's.

    Parameters
    ----------
    fit
        Of the few.
    crowd
        What the pixels say; None where they say nothing.
    """
    light = fit.light
    mean = light.background + light.density * light.photons
    if crowd is None:
        covariance = Covariance(light.sigma_px, light.density * light.photons**2, 0.0, 0.0)
        return Crowd(fit, covariance, 1.0, 0.0, 0.0, math.inf, mean, mean, 0.0, 0.0)
    return crowd._replace(fit=fit, mean_in_windows=mean, mean_in_field=mean, density_variation=0.0)
