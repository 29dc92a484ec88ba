"""Settings of a simulation: PSF, emitters, background, frames."""

from __future__ import annotations

from typing import Literal

from deep_storm.settings.base import Settings, setting


class Psf(Settings):
    """The point spread function: an integrated Gaussian, or a table in a file."""

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
    psf_file: str = setting(
        "",
        "measured or computed PSF (psf.toml) in place of the Gaussian, which sigma then describes",
        example="psf.toml",
    )
    depth_std_nm: float = setting(
        0.0,
        "spread of the emitters' depth; needs a PSF with a z axis",
        unit="nm",
        ge=0,
        le=1000,
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
    spread: Literal["uniform", "normal", "gamma"] = setting(
        "uniform",
        "how photons spread: uniform as in ThunderSTORM's generator, normal (cut at a fifth of "
        "the mean), or gamma (exponential where the spread is as large as the mean)",
    )
    on_time_frames: float = setting(
        0.0,
        "mean time for which an emitter is on; its first and last frame then hold a part of its "
        "light. 0: every emitter is on for exactly one frame",
        unit="frames",
        ge=0,
        le=1000,
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
    unevenness: float = setting(
        0.0, "standard deviation of the background over the field, relative to its mean", ge=0, le=1
    )
    unevenness_scale_um: float = setting(
        2.0, "distance over which the background changes", unit="µm", gt=0, le=1000
    )
    haze_per_um2: float = setting(
        0.0, "emitters far out of focus, per µm² per frame", unit="per µm²", ge=0, le=100
    )

    @property
    def is_structured(self) -> bool:
        """Whether the background differs within a frame."""
        return self.unevenness > 0 or self.haze_per_um2 > 0


class Simulation(Settings):
    """Size and seed of a simulated stack."""

    frames: int = setting(100, "number of frames", unit="frames", ge=1, le=10_000_000)
    width_px: int = setting(64, "frame width", unit="px", ge=4, le=8192)
    height_px: int = setting(64, "frame height", unit="px", ge=4, le=8192)
    seed: int = setting(1, "same seed, same frames", ge=0, le=2**31 - 1)
