"""Settings of a simulation: PSF, emitters, background, frames."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import model_validator

from deep_storm.settings.base import Settings, setting

USUAL_SIGMA_NM = 130.0
"""Until the sigma of a PSF file is known."""


class Psf(Settings):
    """The point spread function: a Gaussian, or a table in a file."""

    sigma_nm: float = setting(
        ...,
        "standard deviation of the PSF; about 0.21 × wavelength / NA",
        unit="nm",
        example=130.0,
        ge=20,
        le=2000,
        label="PSF sigma",
    )
    sigma_std_nm: float = setting(
        10.0,
        "standard deviation of the PSF sigma between emitters",
        unit="nm",
        ge=0,
        le=500,
        label="Spread of the PSF sigma",
    )
    psf_file: str = setting(
        "",
        "file with a PSF to use instead of a Gaussian: psf.toml, measured or from theory, or a "
        "calibration of ThunderSTORM or Picasso (.yaml) or SMAP (_3dcal.mat); sigma is then taken "
        "from it",
        example="psf.toml",
        label="PSF file",
    )
    depth_std_nm: float = setting(
        0.0,
        "standard deviation of the depth of emitters; needs a PSF file with several planes",
        unit="nm",
        ge=0,
        le=1000,
        label="Spread in depth",
    )
    depth_reach_nm: float = setting(
        0.0,
        "emitters lie up to this far above and below the focus, all depths equally likely "
        "(instead of depth_std_nm); needs a PSF file with several planes",
        unit="nm",
        ge=0,
        le=10_000,
        label="Reach in depth",
    )

    @property
    def spread_in_depth_nm(self) -> float:
        """Standard deviation of the depths."""
        return self.depth_std_nm or self.depth_reach_nm / math.sqrt(3.0)

    @model_validator(mode="before")
    @classmethod
    def _sigma_of_the_file(cls, values: Any) -> Any:
        """With a PSF file sigma need not be given: it is taken from it as soon as it is read.

        Without both, depths are what was meant.
        """
        if not isinstance(values, dict) or "sigma_nm" in values:
            return values
        if values.get("psf_file"):
            return {**values, "sigma_nm": USUAL_SIGMA_NM}
        for name in ("depth_reach_nm", "depth_std_nm"):
            if values.get(name):
                raise ValueError(
                    f"{name} is {values[name]} and psf_file is missing; depths need a PSF over "
                    "depth, such as one of `deep-storm calibrate-psf`"
                )
        return values

    @model_validator(mode="after")
    def _one_distribution_of_depths(self) -> Psf:
        if self.depth_std_nm > 0 and self.depth_reach_nm > 0:
            raise ValueError(
                f"depth_std_nm is {self.depth_std_nm:g} and depth_reach_nm is "
                f"{self.depth_reach_nm:g}; depths are either normally or uniformly distributed"
            )
        return self


class Emitters(Settings):
    """How many emitters there are, where they lie and how bright they are."""

    density_per_um2: float = setting(
        ...,
        "emitters per µm² and frame",
        unit="per µm²",
        example=2.0,
        gt=0,
        le=100,
        label="Density of molecules",
    )
    density_std_per_um2: float = setting(
        0.0,
        "standard deviation of the density between frames",
        unit="per µm²",
        ge=0,
        le=100,
        label="Spread of the density",
    )
    intensity_photon: float = setting(
        ...,
        "mean photons of an emitter in one frame",
        unit="photon",
        example=1500.0,
        gt=0,
        le=1e6,
        label="Photons of a molecule",
    )
    intensity_std_photon: float = setting(
        300.0,
        "standard deviation of the photons between emitters",
        unit="photon",
        ge=0,
        le=1e6,
        label="Spread of the photons",
    )
    spread: Literal["uniform", "normal", "gamma"] = setting(
        "uniform",
        "distribution of the photons: uniform (as in ThunderSTORM), normal (cut off at a fifth "
        "of the mean) or gamma (exponential if standard deviation and mean are equal)",
        label="Distribution of the photons",
    )
    on_time_frames: float = setting(
        0.0,
        "mean on-time of an emitter, whose first and last frame then get part of its light; 0: "
        "exactly one frame",
        unit="frames",
        ge=0,
        le=1000,
        label="Time a molecule is on",
    )
    seen_frames: float = setting(
        1.0,
        "mean number of frames in a row that an emitter is seen in; its photons are those of all "
        "of them, the first and the last of which get part of its light (where photons spread too "
        "little for that, all get the same); ignored where the on-time is given",
        unit="frames",
        ge=1,
        le=1000,
        label="Frames a molecule is seen in",
    )
    beyond_border: bool = setting(
        True,
        "whether emitters lie beyond the border of the frames, too, whose light reaches in, as on "
        "a camera; in the movies of ThunderSTORM's simulator there are none",
        label="Molecules beyond the border",
    )
    structure: str = setting(
        "uniform",
        "where emitters lie: uniform, filaments, clusters, mixed (all three), surface (a wavy "
        "sheet in depth), or the name of a mask image",
        example="uniform",
        label="Structure",
    )
    filament_um_per_um2: float = setting(
        0.0,
        "length of the filaments in an area, if there are any; 0: any from 0.3 to 2",
        unit="µm per µm²",
        ge=0,
        le=20,
        label="Length of filaments in a µm²",
    )


class Background(Settings):
    """Light that does not come from emitters."""

    background_photon: float = setting(
        ...,
        "mean photons per pixel without emitters",
        unit="photon",
        example=10.0,
        ge=0,
        le=1e5,
        label="Background of a pixel",
    )
    background_std_photon: float = setting(
        0.0,
        "standard deviation of the background between frames",
        unit="photon",
        ge=0,
        le=1e5,
        label="Spread of the background",
    )
    unevenness: float = setting(
        0.0,
        "standard deviation of the background across the field, as a fraction of its mean",
        ge=0,
        le=1,
        label="Unevenness of the background",
    )
    unevenness_scale_um: float = setting(
        2.0,
        "distance over which the background varies",
        unit="µm",
        gt=0,
        le=1000,
        label="Scale of the unevenness",
    )
    haze_per_um2: float = setting(
        0.0,
        "emitters far out of focus, per µm² and frame",
        unit="per µm²",
        ge=0,
        le=100,
        label="Molecules far out of focus",
    )

    @property
    def is_structured(self) -> bool:
        """Whether the background differs within a frame."""
        return self.unevenness > 0 or self.haze_per_um2 > 0


class Simulation(Settings):
    """Size and seed of a simulated stack."""

    frames: int = setting(
        100, "number of frames", unit="frames", ge=1, le=10_000_000, label="Number of frames"
    )
    width_px: int = setting(64, "frame width", unit="px", ge=4, le=8192, label="Width of a frame")
    height_px: int = setting(
        64, "frame height", unit="px", ge=4, le=8192, label="Height of a frame"
    )
    seed: int = setting(
        1,
        "random seed: the same seed gives the same frames",
        ge=0,
        le=2**31 - 1,
        label="Random seed",
    )
