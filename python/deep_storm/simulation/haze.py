"""Haze: the blurred light of emitters far out of focus, which cannot be localized.

An emitter far from the focal plane sends its light into a wide spot. Such spots are background,
but neither flat nor constant: they are drawn anew in every frame, and are not in the ground truth.
A spot is a ring of a few wide Gaussians, which is how a defocused image looks from afar.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.simulation.psf import add_emitters

SPOTS_PER_RING = 5
WIDTH_SIGMAS = (2.0, 5.0)
"""Width of each Gaussian of a ring, in sigmas of the PSF in focus: log-uniform."""
MAX_RING_WIDTHS = 1.5
"""Largest radius of a ring, in widths of its Gaussians."""
MARGIN_SIGMAS = 10.0

USUAL_WIDTH_SIGMAS = 3.0
"""Width of the Gaussian that varies as much from place to place as these spots do."""


def haze_std_photon(haze_per_px: float, intensity_photon: float, sigma_px: float) -> float:
    """Return the standard deviation of the haze from place to place, in photons per pixel.

    Parameters
    ----------
    haze_per_px, intensity_photon, sigma_px
        As in :func:`add_haze`.
    """
    width_px = USUAL_WIDTH_SIGMAS * sigma_px
    return intensity_photon * math.sqrt(haze_per_px / (4.0 * math.pi)) / width_px


def add_haze(
    expected: npt.NDArray[np.float32],
    haze_per_px: float,
    intensity_photon: float,
    sigma_px: float,
    rng: np.random.Generator,
) -> None:
    """Add the light of emitters far out of focus to frames, in place.

    Parameters
    ----------
    expected
        Expected photons, float32 of shape (t, y, x).
    haze_per_px
        Mean number of such emitters per pixel and frame.
    intensity_photon
        Their mean photons in a frame.
    sigma_px
        PSF sigma in focus.
    rng
        Source of randomness.
    """
    frames, height_px, width_px = expected.shape
    margin_px = MARGIN_SIGMAS * sigma_px
    area_px = (height_px + 2 * margin_px) * (width_px + 2 * margin_px)
    count = int(rng.poisson(haze_per_px * area_px * frames))
    if not count:
        return
    frame = np.sort(rng.integers(0, frames, count))
    x_px = rng.uniform(-margin_px, width_px + margin_px, count)
    y_px = rng.uniform(-margin_px, height_px + margin_px, count)
    width = sigma_px * np.exp(
        rng.uniform(math.log(WIDTH_SIGMAS[0]), math.log(WIDTH_SIGMAS[1]), count)
    )
    radius_px = width * rng.uniform(0.0, MAX_RING_WIDTHS, count)
    photons = intensity_photon * rng.gamma(3.0, 1.0 / 3.0, count)
    angles = (
        rng.uniform(0.0, 2.0 * np.pi) + 2.0 * np.pi * np.arange(SPOTS_PER_RING) / SPOTS_PER_RING
    )
    for angle in angles:
        add_emitters(
            expected,
            frame,
            x_px + radius_px * np.cos(angle),
            y_px + radius_px * np.sin(angle),
            width,
            photons / SPOTS_PER_RING,
        )
