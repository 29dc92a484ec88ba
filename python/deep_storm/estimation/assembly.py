"""The numbers of an estimate, put together from what was fitted to the sample of a stack.

The fit counts in pixels and photoelectrons; here its numbers become quantities with units, errors
and warnings, and the settings of a simulation that looks like the frames.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.errors import CameraError
from deep_storm.estimation.blind.crowd import Crowd
from deep_storm.estimation.border import ends_at_border
from deep_storm.estimation.density import LocalDensity, local_density
from deep_storm.estimation.isolated import IsolatedFits
from deep_storm.estimation.quantity import Quantity
from deep_storm.estimation.result import Estimate, local_quantities, matched_settings
from deep_storm.estimation.sampling import Sample
from deep_storm.estimation.spread import photon_spread, sigma_spread
from deep_storm.estimation.table import CROWDED
from deep_storm.estimation.trust import Evidence, Warnings, warnings_of
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.settings import Psf, field_range

SYSTEMATIC = {"sigma": 0.005, "photons": 0.02, "background": 0.005, "density": 0.02}
"""Relative errors that stay however long the movie is, found on simulations."""
ONLY_INSIDE = (
    "No molecules lie beyond the border, as in a simulator's movies: the frames get darker towards "
    "it. Matched simulations have none there either"
)


class Molecules(NamedTuple):
    """What was fitted to the field, in photons, nm and µm."""

    background: float
    photons: float
    sigma_nm: float
    density_per_um2: float
    density_error: float


def assembled(
    stream: FrameStream, camera: Camera, sample: Sample, crowd: Crowd, fits: IsolatedFits
) -> Estimate:
    """Put an estimate together.

    Parameters
    ----------
    stream, camera
        The frames and their camera.
    sample
        The part of the frames that was looked at.
    crowd, fits
        The fit of all pixels together, and of isolated emitters.

    Raises
    ------
    CameraError
        The pixel size cannot be right.
    SettingsError
        A number is out of the range that the simulation takes.
    """
    _check_width(camera, crowd.fit.light.sigma_px)
    found = _molecules(camera, crowd)
    local = _local_density(camera, sample, crowd, found)
    area_um2 = stream.shape[1] * stream.shape[2] * camera.pixel_area_um2
    emitters = round(found.density_per_um2 * area_um2 * sample.frames)
    evidence = Evidence(stream, camera, sample, crowd, fits, emitters)
    warned = warnings_of(evidence)
    spread = photon_spread(crowd, fits)
    quantities = _quantities(evidence, found, spread.relative, warned)
    sigma_px = camera.px(found.sigma_nm)
    inside = ends_at_border(sample.mean_photon, found.background, sigma_px, sample.field)
    settings = matched_settings(quantities, local, spread.kind, beyond_border=not inside)
    return Estimate(
        camera,
        *settings,
        quantities,
        local_quantities(local, emitters),
        fits,
        warned.general,
        density_map=_density_map(camera, sample, found),
        notes=(ONLY_INSIDE,) if inside else (),
    )


def _molecules(camera: Camera, crowd: Crowd) -> Molecules:
    light, efficiency = crowd.fit.light, camera.quantum_efficiency
    return Molecules(
        light.background / efficiency,
        light.photons / efficiency,
        camera.nm(light.sigma_px),
        *_density(camera, crowd),
    )


def _local_density(camera: Camera, sample: Sample, crowd: Crowd, found: Molecules) -> LocalDensity:
    """Measure the local density; parts of the field without light count as the mean of the rest."""
    halves = sample.halves_photon
    usual = halves[:, sample.field].mean(axis=1)[:, None, None]
    return local_density(
        np.where(sample.field, halves, usual) if not sample.field.all() else halves,
        found.background,
        found.photons,
        camera.pixel_size_nm,
        crowd.fit.light.sigma_px,
        crowd.shared_photon2 / camera.quantum_efficiency**2,
    )


def _density_map(camera: Camera, sample: Sample, found: Molecules) -> npt.NDArray[np.float32]:
    """Return emitters per µm² and frame where they are, blurred by the PSF, (y, x)."""
    per_px = (sample.mean_photon - found.background) / found.photons
    return (per_px / camera.pixel_area_um2).astype(np.float32)


def _quantities(
    evidence: Evidence, found: Molecules, photons_spread: float, warned: Warnings
) -> dict[str, Quantity]:
    """Return each number with its error, its spread, how many it is of, and its warnings."""
    stream, camera, sample, crowd, fits, emitters = evidence
    light, errors = crowd.fit.light, crowd.fit.errors
    sigma_error = _error(found.sigma_nm, errors.sigma_px / light.sigma_px, "sigma")
    sigma_std = sigma_spread(crowd, fits).relative * found.sigma_nm
    photons_error = _error(found.photons, errors.photons, "photons")
    photons_std = photons_spread * found.photons
    background_error = _error(found.background, errors.background, "background")
    background_std = _background_spread(crowd) / camera.quantum_efficiency
    pixels = stream.shape[1] * stream.shape[2] * sample.frames
    return {
        "sigma": Quantity(
            found.sigma_nm, "nm", sigma_error, sigma_std, emitters, warnings=warned.sigma
        ),
        "photons": Quantity(
            found.photons, "photons", photons_error, photons_std, emitters, warnings=warned.photons
        ),
        "background": Quantity(
            found.background,
            "photons per pixel",
            background_error,
            background_std,
            pixels,
            warnings=warned.background,
        ),
        "density": Quantity(
            found.density_per_um2,
            "per µm² per frame",
            found.density_error,
            crowd.density_variation * found.density_per_um2,
            sample.frames,
            lower_limit=found.density_per_um2 > CROWDED,
            warnings=warned.density,
        ),
        "on_time": Quantity(
            crowd.on_time_frames,
            "frames",
            crowd.on_time_error,
            None,
            emitters,
            warnings=warned.on_time,
        ),
        "baseline": _baseline(camera, crowd, sample.frames, warned.baseline),
    }


def _check_width(camera: Camera, sigma_px: float) -> None:
    """Refuse a pixel size with which the PSF would have a width that no simulation takes."""
    sigma_nm = camera.nm(sigma_px)
    limits = field_range(Psf, "sigma_nm")
    least, most = limits["ge"], limits["le"]
    if not least <= sigma_nm <= most:
        raise CameraError(
            f"the PSF has a sigma of {sigma_px:.2g} pixels, {sigma_nm:.2g} nm with pixels "
            f"of {camera.pixel_size_nm:g} nm",
            f"{least:g} to {most:,g} nm",
            "correct pixel_size_nm: the edge of a pixel in the sample, in nm (not µm)",
        )


def _density(camera: Camera, crowd: Crowd) -> tuple[float, float]:
    """Return emitters per µm² of the whole field and its standard error.

    The fit knows the windows without their border; the mean light tells the field from them.
    """
    area_um2 = camera.pixel_area_um2
    field = crowd.mean_in_field - crowd.fit.light.background
    window = crowd.mean_in_windows - crowd.fit.light.background
    ratio = field / window if field > 0 and window > 0 else 1.0
    density = crowd.fit.light.density / area_um2 * ratio
    return density, _error(density, crowd.fit.errors.density, "density")


def _error(value: float, relative: float, name: str) -> float:
    return value * math.hypot(relative, SYSTEMATIC[name])


def _background_spread(crowd: Crowd) -> float:
    return math.sqrt(max(crowd.fit.light.background_variance, 0.0))


def _baseline(camera: Camera, crowd: Crowd, frames: int, warnings: tuple[str, ...]) -> Quantity:
    """Return the baseline that follows from the noise of the frames."""
    electrons = camera.photons_per_count * camera.quantum_efficiency
    return Quantity(
        camera.baseline_adu + crowd.baseline_error / electrons,
        "ADU",
        crowd.baseline_uncertainty / electrons,
        None,
        frames,
        warnings=warnings,
    )
