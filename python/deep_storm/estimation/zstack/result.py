"""What a calibration gives: the PSF over depth, how well it is known, and from what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.psf.elliptical import Widths
from deep_storm.psf.precision import Precision
from deep_storm.psf.table import PsfTable
from deep_storm.words import counted

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Leftover:
    """What the fit leaves over, mean over beads, at some depths.

    Attributes
    ----------
    z_nm
        Depths, shape (k,).
    share
        Shares of a bead's photons, (k, n, n), in pixels around it.
    """

    z_nm: FloatArray
    share: FloatArray


@dataclass(frozen=True)
class CalibratedPsf:
    """A PSF over depth from z-stacks of beads.

    Attributes
    ----------
    table
        The PSF, with its uncertainty. Its centre and best focus are at x = y = z = 0.
    noise
        Relative RMS error of the shape by noise alone.
    beads
        How many were used.
    found
        How many there are in the stacks.
    left_out
        How many were not used, by the reason.
    stacks, planes
        Number of stacks, and of planes in the longest.
    photons
        Photoelectrons of a bead in a plane, lowest, median and highest.
    background
        Mean background, photoelectrons per pixel.
    chi2
        Mean square of the residuals in standard deviations of the noise.
    difference
        Relative RMS difference of a bead from the PSF, beyond noise.
    widths
        Elliptical Gaussians that fit best over depth.
    precision
        Cramér–Rao limit of an isolated emitter with the photons and background below.
    intensity_photon, background_photon
        What :attr:`precision` is for, in photons.
    notes
        What else was found, each a sentence.
    left_over
        Residuals.
    """

    table: PsfTable
    noise: float
    beads: int
    found: int
    left_out: Mapping[str, int]
    stacks: int
    planes: int
    photons: tuple[float, float, float]
    background: float
    chi2: float
    difference: float
    widths: Widths
    precision: Precision
    intensity_photon: float
    background_photon: float
    notes: tuple[str, ...] = ()
    left_over: Leftover = field(
        default_factory=lambda: Leftover(np.empty(0), np.empty((0, 1, 1))), repr=False
    )

    @property
    def uncertainty(self) -> float:
        """Relative RMS error of the shape."""
        return float(self.table.uncertainty or 0.0)

    def sample_text(self) -> str:
        """Return what the PSF was measured on, in words."""
        where = f" in {self.stacks} stacks" if self.stacks > 1 else ""
        return f"{counted(self.beads, 'bead')}{where}, {self.planes} planes"

    def left_out_text(self) -> str:
        """Return how many beads were left out, and why."""
        reasons = [f"{count} {why}" for why, count in self.left_out.items() if count]
        return ", ".join(reasons) or "none"

    def summary(self) -> str:
        """Return what was found, a line each, and what is suspicious."""
        focus = int(np.argmin(np.abs(self.precision.z_nm)))
        limits = ", ".join(
            f"{getattr(self.precision, axis)[focus]:.1f}" for axis in ("x", "y", "z")
        )
        z_nm, low, high = self.table.z_nm, *self.photons[::2]
        lines = [
            f"{'PSF':<24}known to {self.uncertainty:.1%} (relative RMS), from {self.sample_text()}",
            f"{'Depths':<24}{z_nm[0]:.0f} to {z_nm[-1]:.0f} nm around the best focus",
            f"{'Sigma in focus':<24}{self.table.effective_sigma_nm:.1f} nm",
            f"{'Beads left out':<24}{self.left_out_text()} of {self.found}",
            f"{'Photons, background':<24}{low:,.0f} to {high:,.0f} in a plane, "
            f"{self.background:.3g} per pixel",
            f"{'Beads differ by':<24}{self.difference:.1%}; residuals χ² = {self.chi2:.2f}",
            f"{'Limit of precision':<24}{limits} nm along x, y, z in focus, with "
            f"{self.intensity_photon:,.0f} photons on {self.background_photon:g} per pixel",
        ]
        return "\n".join([*lines, *self.notes])

    def to_json(self) -> dict[str, Any]:
        """Return the numbers."""
        limit = self.precision
        return {
            "uncertainty": self.uncertainty,
            "noise": self.noise,
            "effective_sigma_nm": self.table.effective_sigma_nm,
            "z_from_nm": float(self.table.z_nm[0]),
            "z_to_nm": float(self.table.z_nm[-1]),
            "planes": self.planes,
            "radius_px": self.table.radius_px,
            "pixel_size_nm": self.table.pixel_size_nm,
            "beads": self.beads,
            "beads_found": self.found,
            "left_out": {why: count for why, count in self.left_out.items() if count},
            "intensity_photon": list(self.photons),
            "background_photon": self.background,
            "chi2": self.chi2,
            "difference": self.difference,
            "sigma_x_nm": self.widths.x_nm.tolist(),
            "sigma_y_nm": self.widths.y_nm.tolist(),
            "z_nm": self.widths.z_nm.tolist(),
            "limit_z_nm": limit.z_nm.tolist(),
            "limit_x": limit.x.tolist(),
            "limit_y": limit.y.tolist(),
            "limit_z": limit.z.tolist(),
            "notes": list(self.notes),
        }
