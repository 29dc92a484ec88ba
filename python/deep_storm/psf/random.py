"""Random PSFs, on which a general network is trained.

Sizes are in pixels, as a network sees them. Three of four are pupils with random aberrations of
Noll's modes 5 to 11 (astigmatism, coma, trefoil, spherical), with a random share and sign for each;
the others are Gaussians, and Gaussians in a wide halo such as out-of-focus or scattered light
makes.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.psf.fitting import offsets_px, profile
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.pupil import SIGMA_WAVELENGTHS, PupilGrid
from deep_storm.psf.table import SAMPLES_PER_PX, PsfTable
from deep_storm.settings import NAMED_MODES, Pupil

SIGMA_PX = (0.8, 2.2)
"""Effective sigma, log-uniform."""
MAX_ABERRATION_WAVES = 0.15
"""RMS of all modes together, uniform from 0."""
NOT_ABERRATED_SHARE = 0.15
PUPIL_SHARE = 0.75
HALO_SHARE = 0.1
"""The rest are Gaussians."""

INDICES = (1.33, 1.4, 1.515)
MIN_APERTURE = 1.0
MAX_APERTURE = 1.49
MIN_BELOW_INDEX = 0.03
WAVELENGTHS_NM = (520.0, 700.0)

APLANATIC_SHARE = 0.5
"""Objectives pass the rim of the pupil more or less well."""

Z_NM = np.linspace(-600.0, 600.0, 13)
RADIUS_SIGMAS = 5.0
RADIUS_MORE_PX = 3
PERIOD_RADII = 10
"""Less than for :func:`~deep_storm.psf.pupil.pupil_table`: some 1e-3 of the peak out of focus."""

FOCUS_REACH_NM = 300.0
"""How far from the nominal focus the best one is looked for."""

WIDENING = 8.0
"""An aberrated PSF is wider by about 1 + this · (waves rms)²."""

HALO_LIGHT = (0.05, 0.4)
HALO_SIGMAS = (1.8, 4.0)


def draw_psf(rng: np.random.Generator, pixel_size_nm: float | None = None) -> PsfTable:
    """Draw a PSF of any kind: a pupil, a Gaussian or a Gaussian with a halo.

    Parameters
    ----------
    rng
        Source of randomness.
    pixel_size_nm
        Pixel size that the table shall state; default: the one that belongs to the wavelength and
        aperture drawn. Sizes in pixels and depths in nm are the same for any.
    """
    kind = rng.random()
    if kind < PUPIL_SHARE:
        return draw_pupil(rng, pixel_size_nm)
    stated_nm = 100.0 if pixel_size_nm is None else pixel_size_nm
    sigma_px = _log_uniform(rng, SIGMA_PX)
    if kind < PUPIL_SHARE + HALO_SHARE:
        return halo_table(
            sigma_px, _log_uniform(rng, HALO_SIGMAS), rng.uniform(*HALO_LIGHT), stated_nm
        )
    return gaussian_table(sigma_px * stated_nm, stated_nm)


def draw_pupil(
    rng: np.random.Generator,
    pixel_size_nm: float | None = None,
    z_nm: npt.NDArray[np.float64] = Z_NM,
) -> PsfTable:
    """Draw the PSF of a random pupil.

    Parameters
    ----------
    rng
        Source of randomness.
    pixel_size_nm
        As in :func:`draw_psf`.
    z_nm
        Depths around the best focus, rising by equal steps.
    """
    aberration = rng.uniform(0.0, MAX_ABERRATION_WAVES)
    if rng.random() < NOT_ABERRATED_SHARE:
        aberration = 0.0
    shares = rng.standard_normal(len(NAMED_MODES))
    waves = aberration * shares / np.linalg.norm(shares)
    index = float(rng.choice(INDICES))
    pupil = Pupil(
        numerical_aperture=rng.uniform(MIN_APERTURE, min(MAX_APERTURE, index - MIN_BELOW_INDEX)),
        wavelength_nm=rng.uniform(*WAVELENGTHS_NM),
        immersion_index=index,
        apodization="aplanatic" if rng.random() < APLANATIC_SHARE else "none",
        **dict(zip(NAMED_MODES, waves.tolist(), strict=True)),
    )
    sigma_px = _log_uniform(rng, SIGMA_PX)
    airy_px = sigma_px / (1.0 + WIDENING * aberration**2)
    own_nm = SIGMA_WAVELENGTHS * pupil.wavelength_nm / (pupil.numerical_aperture * airy_px)
    radius_px = math.ceil(RADIUS_SIGMAS * sigma_px) + RADIUS_MORE_PX
    edge = 2 * radius_px * SAMPLES_PER_PX + 1
    grid = PupilGrid.of(pupil, own_nm, PERIOD_RADII * radius_px)
    focus_nm = grid.best_focus_nm(radius_px, FOCUS_REACH_NM)
    # Not centred: coma moves the bright core away from the emitter, and a network that has seen
    # many shapes can say where the emitter is.
    values = grid.images(z_nm + focus_nm, edge, SAMPLES_PER_PX)
    return PsfTable(values, z_nm, pixel_size_nm or own_nm, SAMPLES_PER_PX, "theory")


def halo_table(
    sigma_px: float,
    halo_sigmas: float,
    halo_light: float,
    pixel_size_nm: float,
) -> PsfTable:
    """Make the table of a Gaussian with a wider, fainter one around it.

    Parameters
    ----------
    sigma_px
        Standard deviation of the core.
    halo_sigmas
        That of the halo, in units of the core's.
    halo_light
        Share of the light that is in the halo.
    pixel_size_nm
        Edge of a camera pixel.
    """
    radius_px = math.ceil(RADIUS_SIGMAS * sigma_px) + RADIUS_MORE_PX
    offset_px = offsets_px(2 * radius_px * SAMPLES_PER_PX + 1, SAMPLES_PER_PX)
    core, halo = (profile(offset_px, 0.0, sigma_px * wide) for wide in (1.0, halo_sigmas))
    values = (1.0 - halo_light) * np.outer(core, core) + halo_light * np.outer(halo, halo)
    return PsfTable(
        values[None].astype(np.float32), np.zeros(1), pixel_size_nm, SAMPLES_PER_PX, "theory"
    )


def _log_uniform(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(ends))))
