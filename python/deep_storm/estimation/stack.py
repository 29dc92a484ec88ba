"""A matched simulation estimated blindly from a stack and its camera.

``estimate_stack`` is the whole measurement; what it returns holds the settings of a simulation
whose frames look like these, and every number with its error, its spread and its warnings.
"""

from __future__ import annotations

import math
import os
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, check_maps
from deep_storm.errors import CameraError, StackError
from deep_storm.estimation.blind.crowd import Crowd, measure_crowd
from deep_storm.estimation.density import local_density
from deep_storm.estimation.isolated import IsolatedFits, fit_isolated
from deep_storm.estimation.plausibility import check_plausible
from deep_storm.estimation.quantity import Quantity
from deep_storm.estimation.result import Estimate, local_quantities, matched_settings
from deep_storm.estimation.sampling import Sample, draw_sample
from deep_storm.estimation.screening.examination import Examination
from deep_storm.estimation.sparse import START_SIGMA_PX, as_crowd, is_unsure, measure_sparse
from deep_storm.estimation.spread import Spread, photon_spread, sigma_spread
from deep_storm.estimation.table import CROWDED
from deep_storm.estimation.trust import Evidence, warnings_of
from deep_storm.io.stacks.corrected import CorrectedFrames
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.settings import Psf, field_range
from deep_storm.words import counted

FloatArray = npt.NDArray[np.float64]

SYSTEMATIC = {"sigma": 0.005, "photons": 0.02, "background": 0.005, "density": 0.02}
"""Relative errors that stay however long the movie is, found on simulations."""
NO_MOLECULES, FEW_MOLECULES = 4, 80
"""Fewer than these may tell nothing; noise alone looks like a few."""


class _Photon(NamedTuple):
    """The fitted model in photons and nm."""

    background: float
    photons: float
    sigma_nm: float


def estimate_stack(
    frames: FrameStream | str | os.PathLike[str] | npt.NDArray[np.generic],
    camera: Camera,
    maps: CameraMaps | None = None,
    *,
    examination: Examination | None = None,
    progress: Progress = silent,
) -> Estimate:
    """Find the settings of a simulation that matches a stack, from its frames alone.

    Nothing needs to be detected: photons and density follow from the statistics of the pixel
    values (:mod:`deep_storm.estimation.blind.scattering`), on crowded frames and on structures as
    well as on sparse ones. At most some ten million pixel values are looked at.

    Parameters
    ----------
    frames
        Raw camera frames in ADU, (t, y, x): an array, a file or a stream.
    camera
        Their camera. Its baseline and photons per ADU must be right.
    maps
        What differs from pixel to pixel (sCMOS), (y, x) each.
    examination
        Which frames and pixels hold no measurement; default: the stack is examined.
    progress
        Called while frames are read and evaluated; cancels by raising.

    Returns
    -------
    Estimate
        Settings ``psf``, ``emitters`` and ``background``, and the numbers that they come from.

    Raises
    ------
    StackError
        Fewer than ten frames, constant frames, values that are not numbers, or nothing blinks.
    CameraError
        The maps do not have the frames' size.
    """
    stream = open_frames(frames)
    check_maps(maps, *stream.shape[1:])
    if maps is not None:
        stream = CorrectedFrames(stream, camera, maps)
    sample = draw_sample(stream, camera, progress=progress, examination=examination)
    read_variance = _read_variance(camera, maps)
    try:
        crowd, fits = _molecules(stream, camera, sample, read_variance)
        found = _assembled(stream, camera, sample, crowd, fits)
        check_plausible(camera, found.psf, found.emitters, found.background, stream.name)
    except (CameraError, StackError) as error:
        raise _too_few(stream, camera, sample, read_variance) or error from error
    return found


def _too_few(
    stream: FrameStream, camera: Camera, sample: Sample, read_variance: float
) -> StackError | None:
    """Return the error of a movie with too few molecules for meaningful numbers."""
    em = camera.em_gain is not None
    seen = fit_isolated(sample.blocks, START_SIGMA_PX, read_variance, em).peaks
    if not NO_MOLECULES < seen < FEW_MOLECULES:
        return None
    return StackError(
        f"about {counted(seen, 'molecule')} in {counted(sample.frames, 'frame')} of {stream.name} "
        "are too few to measure what they look like",
        f"{FEW_MOLECULES} or more",
        "give more frames, or PSF, photons, background and density yourself (--sigma-nm, "
        "--intensity-photon, --background-photon, --density-per-um2)",
    )


def _molecules(
    stream: FrameStream, camera: Camera, sample: Sample, read_variance: float
) -> tuple[Crowd, IsolatedFits]:
    """Measure molecules by the statistics of all pixels, or by fits of isolated ones."""
    em = camera.em_gain is not None
    try:
        crowd = measure_crowd(sample, camera, read_variance, stream.name)
    except StackError:
        found = measure_sparse(sample, read_variance, em)
        if found is None:
            raise
        return as_crowd(found[0], None), found[1]
    if is_unsure(crowd.fit):
        found = measure_sparse(sample, read_variance, em)
        if found is not None:
            return as_crowd(found[0], crowd), found[1]
    return crowd, fit_isolated(sample.blocks, crowd.fit.light.sigma_px, read_variance, em)


def _read_variance(camera: Camera, maps: CameraMaps | None) -> float:
    """Return read-out and rounding variance of a pixel in photoelectrons²."""
    noise = camera.read_noise_adu
    if maps is not None and maps.read_noise_adu is not None:
        noise = float(np.sqrt(np.mean(np.square(maps.read_noise_adu, dtype=np.float64))))
    electrons = camera.photons_per_count * camera.quantum_efficiency
    return (noise**2 + 1.0 / 12.0) * electrons**2


def _assembled(
    stream: FrameStream, camera: Camera, sample: Sample, crowd: Crowd, fits: IsolatedFits
) -> Estimate:
    light, errors = crowd.fit.light, crowd.fit.errors
    efficiency = camera.quantum_efficiency
    found = _Photon(
        light.background / efficiency, light.photons / efficiency, camera.nm(light.sigma_px)
    )
    _check_width(camera, light.sigma_px)
    halves = sample.halves_photon
    usual = halves[:, sample.field].mean(axis=1)[:, None, None]
    local = local_density(
        np.where(sample.field, halves, usual) if not sample.field.all() else halves,
        found.background,
        found.photons,
        camera.pixel_size_nm,
        light.sigma_px,
        crowd.shared_photon2 / efficiency**2,
    )
    density, density_error = _density(camera, crowd)
    area_um2 = stream.shape[1] * stream.shape[2] * (camera.pixel_size_nm / 1000.0) ** 2
    emitters = round(density * area_um2 * sample.frames)
    photons_spread = photon_spread(crowd, fits)
    width_spread = sigma_spread(crowd, fits)
    evidence = Evidence(stream, camera, sample, crowd, fits, local, emitters)
    warned = warnings_of(evidence)
    pixels = stream.shape[1] * stream.shape[2]
    quantities = {
        "sigma": Quantity(
            found.sigma_nm,
            "nm",
            _error(found.sigma_nm, errors.sigma_px / light.sigma_px, "sigma"),
            width_spread.relative * found.sigma_nm,
            emitters,
            warnings=warned.sigma,
        ),
        "photons": Quantity(
            found.photons,
            "photons",
            _error(found.photons, errors.photons, "photons"),
            photons_spread.relative * found.photons,
            emitters,
            warnings=warned.photons,
        ),
        "background": Quantity(
            found.background,
            "photons per pixel",
            _error(found.background, errors.background, "background"),
            _background_spread(crowd) / efficiency,
            pixels * sample.frames,
            warnings=warned.background,
        ),
        "density": Quantity(
            density,
            "per µm² per frame",
            density_error,
            crowd.density_variation * density,
            sample.frames,
            lower_limit=density > CROWDED,
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
    settings = matched_settings(quantities, local, photons_spread.kind)
    density_map = (sample.mean_photon - found.background) / found.photons
    return Estimate(
        camera,
        *settings,
        quantities,
        local_quantities(local, emitters),
        fits,
        warned.general,
        density_map=(density_map / (camera.pixel_size_nm / 1000.0) ** 2).astype(np.float32),
    )


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
    area_um2 = (camera.pixel_size_nm / 1000.0) ** 2
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


__all__ = ["Estimate", "Spread", "estimate_stack"]
