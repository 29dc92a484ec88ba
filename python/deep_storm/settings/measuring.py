"""Settings of what is measured from data: background and molecules."""

from __future__ import annotations

from typing import Literal

from deep_storm.settings.base import Settings, setting


class Measurement(Settings):
    """How the dark part of a stack is found and measured."""

    roi: str | None = setting(
        None,
        "dark rectangle as X,Y,WIDTH,HEIGHT in pixels, as Fiji shows it; default: found by itself",
        pattern=r"^\s*\d+\s*,\s*\d+\s*,\s*\d+\s*,\s*\d+\s*$",
        example="10,20,100,80",
        form="X,Y,WIDTH,HEIGHT",
    )
    percentile: float = setting(
        50.0,
        "the dark part is found in this percentile of each pixel over the frames; lower it where "
        "emitters shine most of the time",
        unit="%",
        ge=1,
        le=99,
    )
    clip_sigmas: float = setting(
        3.0,
        "values farther from the mean are left out (light, cosmic rays)",
        unit="standard deviations",
        ge=2,
        le=10,
    )
    method: Literal["auto", "pixels", "noise"] = setting(
        "auto",
        "pixels: mean and standard deviation of dark pixels, as measured by hand in Fiji; noise: "
        "the baseline that the shot noise of lit, blinking frames speaks for (needs the right "
        "photons per ADU); auto: noise where even the darkest pixels hold light and the photons "
        "per ADU are known, else pixels",
    )


class KnownCamera(Settings):
    """What is known of the camera beside what is measured; written into the camera file."""

    pixel_size_nm: float | None = setting(
        None, "edge of a camera pixel; default: as the stack says", unit="nm", gt=0, le=10_000
    )
    photons_per_adu: float | None = setting(
        None, "photoelectrons per A/D count, from the data sheet", unit="photon/ADU", gt=0, le=1e5
    )
    quantum_efficiency: float | None = setting(None, "photoelectrons per photon", gt=0, le=1)
    em_gain: float | None = setting(
        None, "electron-multiplying gain; leave it out without one", ge=1, le=1e5
    )
    read_noise_adu: float | None = setting(
        None,
        "read-out noise, for method noise; dark pixels tell it themselves",
        unit="ADU",
        ge=0,
        le=1e5,
    )


class Optics(Settings):
    """The microscope, to cross-check the PSF."""

    wavelength_nm: float | None = setting(
        None, "emission wavelength", unit="nm", example=670.0, ge=200, le=2000
    )
    numerical_aperture: float | None = setting(
        None, "numerical aperture of the objective", example=1.45, gt=0.05, le=2
    )
