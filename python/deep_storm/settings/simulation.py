"""Settings of a simulation: PSF, emitters, background, frames."""

from __future__ import annotations

from typing import Literal

from deep_storm.settings.base import Settings, setting


class Psf(Settings):
    """The point spread function: an integrated Gaussian."""

    sigma_nm: float = setting(
        ...,
        "standard deviation of the PSF; 0.21 × wavelength / NA is a good start",
        unit="nm",
        example=130.0,
        ge=20,
        le=2000,
    )
    sigma_std_nm: float = setting(
        10.0, "spread of the PSF sigma from emitter to emitter", unit="nm", ge=0, le=500
    )


class Emitters(Settings):
    """How many emitters there are, where, and how bright."""

    density_per_um2: float = setting(
        ..., "emitters per µm² per frame", unit="per µm²", example=2.0, gt=0, le=100
    )
    density_std_per_um2: float = setting(
        0.0, "spread of the density from frame to frame", unit="per µm²", ge=0, le=100
    )
    intensity_photon: float = setting(
        ...,
        "mean photons of an emitter in one frame",
        unit="photon",
        example=1500.0,
        gt=0,
        le=1e6,
    )
    intensity_std_photon: float = setting(
        300.0, "spread of the photons from emitter to emitter", unit="photon", ge=0, le=1e6
    )
    spread: Literal["uniform", "normal"] = setting(
        "uniform",
        "how sigma and photons spread: uniform as in ThunderSTORM's generator, or normal "
        "(cut at a fifth of the mean)",
    )
    structure: str = setting(
        "uniform",
        "where emitters are: uniform, filaments, clusters, mixed (all three), or a mask image",
        example="uniform",
    )


class Background(Settings):
    """Light that does not come from emitters."""

    background_photon: float = setting(
        ..., "mean photons per pixel without emitters", unit="photon", example=10.0, ge=0, le=1e5
    )
    background_std_photon: float = setting(
        0.0, "spread of the background from frame to frame", unit="photon", ge=0, le=1e5
    )


class Simulation(Settings):
    """Size and seed of a simulated stack."""

    frames: int = setting(100, "number of frames", unit="frames", ge=1, le=10_000_000)
    width_px: int = setting(64, "frame width", unit="px", ge=4, le=8192)
    height_px: int = setting(64, "frame height", unit="px", ge=4, le=8192)
    seed: int = setting(1, "same seed, same frames", ge=0, le=2**31 - 1)
