"""What a movie tells of a pupil: the coefficients, the PSF over depth, and how sure both are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.psf.elliptical import Widths
from deep_storm.psf.table import PsfTable
from deep_storm.settings import NAMED_MODES, TheoryPsf
from deep_storm.words import counted

FloatArray = npt.NDArray[np.float64]
FIRST_NAMED = 5


@dataclass(frozen=True)
class Coefficient:
    """A Zernike coefficient that was fitted, in wavelengths rms.

    Attributes
    ----------
    noll
        Noll's index.
    given
        As it was given.
    found
        As the movie and what was given say.
    error
        Standard deviation.
    determined
        Whether the movie determines it; otherwise it is about as it was given.
    """

    noll: int
    given: float
    found: float
    error: float
    determined: bool

    @property
    def name(self) -> str:
        """The mode in words."""
        if self.noll < FIRST_NAMED + len(NAMED_MODES):
            return NAMED_MODES[self.noll - FIRST_NAMED].removesuffix("_waves").replace("_", " ")
        return f"Noll {self.noll}"


@dataclass(frozen=True)
class FittedPupil:
    """A PSF over depth whose aberrations were fitted to a movie.

    Attributes
    ----------
    table
        The PSF, with its uncertainty; its centre and focus are at x = y = z = 0.
    theory
        The pupil with the coefficients that were found.
    coefficients
        What was fitted.
    given
        The PSF as it was given.
    change
        Relative RMS difference between the two, over the depths of the molecules.
    molecules, frames
        How many molecules were fitted, from how many frames.
    depth_std_nm
        Standard deviation of their depths.
    depths_nm
        Their depths, shape (molecules,).
    photons, background
        Medians, photons and photons per pixel.
    chi2
        Median of the mean square of a molecule's residuals, in standard deviations of the noise.
    widths
        Elliptical Gaussians that fit best over depth.
    notes
        What else was found, each a sentence.
    """

    table: PsfTable
    theory: TheoryPsf
    coefficients: tuple[Coefficient, ...]
    given: PsfTable
    change: float
    molecules: int
    frames: int
    depth_std_nm: float
    depths_nm: FloatArray = field(repr=False)
    photons: float
    background: float
    chi2: float
    widths: Widths = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def uncertainty(self) -> float:
        """Relative RMS error of the shape."""
        return float(self.table.uncertainty or 0.0)

    def sample_text(self) -> str:
        """Return what the PSF was fitted to, in words."""
        what = counted(self.molecules, "isolated molecule", ",")
        return f"{what} in {counted(self.frames, 'frame', ',')}"

    def summary(self) -> str:
        """Return what was found, a line each."""
        z_nm = self.table.z_nm
        found = [c for c in self.coefficients if c.determined]
        rest = [c for c in self.coefficients if not c.determined]
        lines = [
            f"{'PSF over depth':<24}known to {self.uncertainty:.1%} (relative RMS), from "
            f"{self.sample_text()}",
            f"{'Differs from the given':<24}{self.change:.1%} (relative RMS)",
            f"{'Depths':<24}{z_nm[0]:.0f} to {z_nm[-1]:.0f} nm around the focus; molecules lie at "
            f"± {self.depth_std_nm:.0f} nm",
            f"{'Photons, background':<24}{self.photons:.0f}, {self.background:.3g} per pixel",
            f"{'Residuals':<24}χ² = {self.chi2:.2f}",
        ]
        lines += [
            f"{c.name.capitalize():<24}{c.found:+.3f} ± {c.error:.3f} wavelengths rms (given: "
            f"{c.given:+.3f})"
            for c in found
        ]
        if rest:
            names = ", ".join(c.name for c in rest)
            lines.append(f"{'Not determined':<24}{names}: as given")
        return "\n".join([*lines, *self.notes])

    def to_json(self) -> dict[str, Any]:
        """Return the numbers."""
        return {
            "uncertainty": self.uncertainty,
            "change": self.change,
            "effective_sigma_nm": self.table.effective_sigma_nm,
            "z_from_nm": float(self.table.z_nm[0]),
            "z_to_nm": float(self.table.z_nm[-1]),
            "radius_px": self.table.radius_px,
            "pixel_size_nm": self.table.pixel_size_nm,
            "molecules": self.molecules,
            "frames": self.frames,
            "depth_std_nm": self.depth_std_nm,
            "intensity_photon": self.photons,
            "background_photon": self.background,
            "chi2": self.chi2,
            "coefficients": [
                {
                    "noll": c.noll,
                    "name": c.name,
                    "given_waves": c.given,
                    "found_waves": c.found,
                    "error_waves": c.error,
                    "determined": c.determined,
                }
                for c in self.coefficients
            ],
            "notes": list(self.notes),
        }
