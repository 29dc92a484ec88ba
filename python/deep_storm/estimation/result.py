"""Result of an estimate: settings of a matched simulation, and the numbers behind them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.estimation.density import LocalDensity
from deep_storm.estimation.isolated import IsolatedFits
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.estimation.quantity import Quantity
from deep_storm.estimation.table import TableStatistics
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Background, Emitters, Optics, Psf, field_range
from deep_storm.words import rounded

TITLES = {
    "sigma": "PSF sigma",
    "photons": "Photons",
    "background": "Background",
    "density": "Density",
    "on_time": "On-time",
    "baseline": "Baseline by noise",
}
"""Measured numbers and what they are called."""
SIGMA_SHARE = 0.21
OPTICS_AGREE = 0.15
SIGNIFICANT, MIN_SEEN_FRAMES = 3.0, 1.2
"""So many standard errors, and frames, from which on emitters are taken to stay on."""
LOCAL = ("Local density, median", "  90 % are below", "  99 % are below")

CONVENTION = (
    "Photons are those of an emitter in one frame as they reach the camera, before EM gain, whose "
    "excess noise is simulated: do not halve them, as the published Deep-STORM recipe does."
)


@dataclass(frozen=True)
class Estimate:
    """A matched simulation, and the numbers that it follows from.

    Attributes
    ----------
    camera, psf, emitters, background
        Settings of a simulation whose frames look like what was measured.
    quantities
        Measured numbers: ``sigma``, ``photons``, ``background``, ``density``, and what a stack
        tells beyond them: ``on_time`` (frames) and ``baseline`` (ADU, by the frames' noise).
    local_density
        Density around an emitter: median, 90th and 99th percentile.
    isolated
        Fits of isolated emitters; None without a stack.
    warnings
        What concerns all numbers, each a sentence.
    table
        What a localization table says, where one was given.
    density_map
        Emitters per µm² and frame where they are, blurred by the PSF, float32 (y, x).
    notes
        What else was found, each a sentence.
    shape
        The PSF as it was measured in the movie; None where that was not done. Where a Gaussian
        will do (see there), the settings are those of a Gaussian.
    """

    camera: Camera
    psf: Psf
    emitters: Emitters
    background: Background
    quantities: dict[str, Quantity]
    local_density: tuple[Quantity, ...] = ()
    isolated: IsolatedFits | None = None
    warnings: tuple[str, ...] = ()
    table: TableStatistics | None = None
    density_map: npt.NDArray[np.float32] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    shape: MeasuredPsf | None = field(default=None, repr=False)

    @property
    def psf_table(self) -> PsfTable | None:
        """The PSF of the matched simulation where it is no Gaussian."""
        if self.shape is None or self.shape.gaussian_will_do:
            return None
        return self.shape.matched_table

    @property
    def photons_error(self) -> float:
        """Relative standard error of the mean photons."""
        photons = self.quantities["photons"]
        return photons.error / photons.value

    @property
    def sigma_error(self) -> float:
        """Relative standard error of the PSF sigma."""
        sigma = self.quantities["sigma"]
        return sigma.error / sigma.value

    def all_warnings(self) -> list[str]:
        """Return all warnings, each with the number that it is about."""
        about = [
            f"{TITLES[name]}: {text}"
            for name, quantity in self.quantities.items()
            for text in quantity.warnings
        ]
        return [*self.warnings, *about]

    def with_warnings(self, *warnings: str) -> Estimate:
        """Return the same estimate with further warnings."""
        return replace(self, warnings=(*self.warnings, *warnings))

    def with_notes(self, *notes: str) -> Estimate:
        """Return the same estimate with further notes."""
        return replace(self, notes=(*self.notes, *notes))

    def sections(self) -> dict[str, dict[str, Any]]:
        """Return the settings as a configuration file has them, and the numbers as its results."""
        settings = (self.camera, self.psf, self.emitters, self.background)
        sections = {type(s).__name__.lower(): s.model_dump() for s in settings}
        return {**sections, "results": self.numbers()}

    def numbers(self) -> dict[str, Any]:
        """Return all numbers with error, spread, samples and warnings."""
        numbers: dict[str, Any] = {name: q.to_json() for name, q in self.quantities.items()}
        if self.local_density:
            numbers["local_density"] = {
                name: q.to_json()
                for name, q in zip(("median", "p90", "p99"), self.local_density, strict=True)
            }
        if self.shape is not None:
            numbers["psf"] = self.shape.to_json()
        if self.table is not None:
            numbers["table"] = {name: q.to_json() for name, q in self.table.quantities.items()}
        return {
            **numbers,
            "convention": CONVENTION,
            "warnings": self.all_warnings(),
            "notes": list(self.notes),
        }


def with_optics(found: Estimate, optics: Optics) -> Estimate:
    """Compare the PSF with that of wavelength and aperture, where both are given.

    A Gaussian fits the middle of an Airy pattern best with a sigma of 0.21 λ/NA [1]_.

    References
    ----------
    .. [1] B. Zhang, J. Zerubia and J.-C. Olivo-Marin, "Gaussian approximations of fluorescence
       microscope point-spread function models", Applied Optics 46, 1819 (2007).
       https://doi.org/10.1364/AO.46.001819
    """
    if optics.wavelength_nm is None or optics.numerical_aperture is None:
        return found
    expected_nm = SIGMA_SHARE * optics.wavelength_nm / optics.numerical_aperture
    ratio = found.psf.sigma_nm / expected_nm
    text = (
        f"PSF sigma is {found.psf.sigma_nm:.0f} nm; 0.21 × {optics.wavelength_nm:g} nm / "
        f"{optics.numerical_aperture:g} = {expected_nm:.0f} nm"
    )
    if ratio > 1.0 + OPTICS_AGREE:
        text += ": out of focus, aberrations, drift during a frame, or a wrong pixel size?"
    elif ratio < 1.0 - OPTICS_AGREE:
        text += ": narrower than light can be focused; is the pixel size right?"
    else:
        return found.with_notes(f"{text}: they agree")
    return found.with_warnings(text)


def local_quantities(local: LocalDensity, emitters: int) -> tuple[Quantity, ...]:
    """Return the percentiles of a local density, each a lower limit."""
    return tuple(
        Quantity(value, "per µm² per frame", 0.0, None, emitters, lower_limit=True)
        for value in local.percentiles_per_um2
    )


def _seen_frames(found: Quantity) -> float:
    """Return in how many frames in a row emitters are seen; 1 where it may be chance."""
    frames = min(found.value, field_range(Emitters, "seen_frames")["le"])
    sure = frames >= max(1.0 + SIGNIFICANT * found.error, MIN_SEEN_FRAMES)
    return rounded(frames, 3) if sure else 1.0


def matched_settings(
    quantities: dict[str, Quantity], local: LocalDensity, kind: str, *, beyond_border: bool = True
) -> tuple[Psf, Emitters, Background]:
    """Return the settings of a simulation with these numbers.

    Raises
    ------
    SettingsError
        A number is out of the range that the simulation takes.
    """

    def both(name: str) -> tuple[float, float]:
        found = quantities[name]
        return rounded(found.value), rounded(found.spread or 0.0, 3)

    sigma, photons, background, density = map(both, ("sigma", "photons", "background", "density"))
    origin = "what was measured"
    return (
        Psf.parse({"sigma_nm": sigma[0], "sigma_std_nm": sigma[1]}, origin),
        Emitters.parse(
            {
                "density_per_um2": density[0],
                "density_std_per_um2": density[1],
                "intensity_photon": photons[0],
                "intensity_std_photon": photons[1],
                "spread": kind,
                "seen_frames": _seen_frames(quantities["on_time"]),
                "beyond_border": beyond_border,
                "structure": local.structure,
                "filament_um_per_um2": rounded(local.filament_um_per_um2, 2),
            },
            origin,
        ),
        Background.parse(
            {"background_photon": background[0], "background_std_photon": background[1]}, origin
        ),
    )
