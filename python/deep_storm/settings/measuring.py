"""Settings of measurements: background, camera, PSF and molecules."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from deep_storm.settings.base import Settings, setting
from deep_storm.settings.frames import frames_setting

MIN_STEP_NM = 1.0
"""Planes of a z-stack that are closer together are none."""


class Measurement(Settings):
    """How the dark part of a stack is found and measured."""

    roi: str | None = setting(
        None,
        "rectangle without light, as X,Y,WIDTH,HEIGHT in pixels (the numbers in Fiji's status "
        "bar); default: the darkest part",
        pattern=r"^\s*\d+\s*,\s*\d+\s*,\s*\d+\s*,\s*\d+\s*$",
        example="10,20,100,80",
        form="X,Y,WIDTH,HEIGHT",
        label="Region without light",
    )
    percentile: float = setting(
        50.0,
        "percentile of each pixel over time at which the dark part is searched; lower it if "
        "emitters are on most of the time",
        unit="%",
        ge=1,
        le=99,
        label="Percentile over time",
    )
    clip_sigmas: float = setting(
        3.0,
        "outliers (light, cosmic rays) farther than this from the mean are ignored",
        unit="standard deviations",
        ge=2,
        le=10,
        label="Ignore values beyond",
    )
    method: Literal["auto", "pixels", "noise"] = setting(
        "auto",
        "pixels: mean and standard deviation of dark pixels; noise: the baseline that fits the "
        "shot noise of blinking frames (needs the correct photons per ADU); auto: noise if "
        "even the darkest pixels contain light and the photons per ADU are known, otherwise "
        "pixels",
        label="Method",
    )


class KnownCamera(Settings):
    """Further values for the camera file, besides those that are measured."""

    pixel_size_nm: float | None = setting(
        None,
        "size of a camera pixel in the sample plane; default: from the stack",
        unit="nm",
        ge=0.1,
        le=10_000,
        label="Pixel size",
    )
    photons_per_adu: float | None = setting(
        None,
        "photoelectrons per A/D count, from the data sheet; default: unknown",
        unit="photon/ADU",
        gt=0,
        le=1e5,
        label="Photons per ADU",
    )
    quantum_efficiency: float | None = setting(
        None, "photoelectrons per photon", gt=0, le=1, label="Quantum efficiency"
    )
    em_gain: float | None = setting(
        None,
        "electron-multiplying gain; default: a camera without EM gain",
        ge=1,
        le=1e5,
        label="EM gain",
    )
    read_noise_adu: float | None = setting(
        None,
        "read noise, needed by method noise only; default: unknown (method pixels measures it)",
        unit="ADU",
        ge=0,
        le=1e5,
        label="Read noise",
    )


class PsfMeasurement(Settings):
    """The part of a movie, or of images of beads, that the PSF is measured in."""

    frames: str | None = frames_setting(
        "frames to use, counted from 1, as FIRST:LAST; default: all"
    )
    max_molecules: int = setting(
        4500,
        "maximum number of molecules that are fitted; more take longer and give less noise",
        ge=500,
        le=100_000,
    )
    psf_file: str | None = setting(
        None,
        "roughly known PSF that encodes depth, as theory: a file with a section [pupil]; its "
        "aberrations are fitted to the movie, which gives the PSF over depth",
        example="theory.toml",
        label="Roughly known PSF",
    )


class PsfCalibration(Settings):
    """How z-stacks of beads were taken, and what precision is given for."""

    z_step_nm: float = setting(
        ...,
        "distance of the planes: by how much z rises from one frame to the next; negative where it "
        "falls",
        unit="nm",
        example=20.0,
        ge=-1000,
        le=1000,
        label="Distance of planes",
    )
    frames: str | None = frames_setting(
        "frames to use of each stack, counted from 1, as FIRST:LAST; default: all"
    )
    radius_um: float | None = setting(
        None,
        "half the window around a bead; give it for a PSF of several spots, such as a double "
        "helix or a tetrapod; default: as wide as the beads",
        unit="µm",
        example=2.0,
        gt=0.2,
        le=10,
        label="Half the window",
    )
    intensity_photon: float = setting(
        1000.0,
        "photons of a molecule for which the limit of precision is given",
        unit="photons",
        gt=0,
        le=1e7,
        label="Photons of a molecule",
    )
    background_photon: float = setting(
        10.0,
        "background for which the limit of precision is given",
        unit="photons per pixel",
        ge=0,
        le=1e6,
        label="Background",
    )

    @model_validator(mode="after")
    def _planes_are_apart(self) -> PsfCalibration:
        if abs(self.z_step_nm) < MIN_STEP_NM:
            raise ValueError(
                f"z_step_nm is {self.z_step_nm:g}; the planes of a z-stack are at least "
                f"{MIN_STEP_NM:g} nm apart"
            )
        return self


class Optics(Settings):
    """The microscope, to cross-check the PSF."""

    wavelength_nm: float | None = setting(
        None,
        "emission wavelength; default: unknown",
        unit="nm",
        example=670.0,
        ge=200,
        le=2000,
        label="Wavelength of the light",
    )
    numerical_aperture: float | None = setting(
        None,
        "numerical aperture of the objective; default: unknown",
        example=1.45,
        gt=0.05,
        le=2,
        label="Numerical aperture",
    )
