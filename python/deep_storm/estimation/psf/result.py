"""What was measured: the PSF, how well it is known, and what it was measured on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.psf.field import ALIKE, OverField
from deep_storm.estimation.psf.light import MovieLight
from deep_storm.estimation.psf.over_depth import OverDepth
from deep_storm.psf.fitting import fit_gaussian, offsets_px, profile
from deep_storm.psf.table import PsfTable
from deep_storm.words import counted

FloatArray = npt.NDArray[np.float64]

LIKE_GAUSSIAN = 0.03
"""A PSF this close to a Gaussian (relative RMS) is one for all that matters,"""
SURE = 2.0
"""and one that is no farther from it than so many times its error by noise may be one."""
DIFFERENT = 0.12
"""From this relative difference on, molecules are said to look different from one another,"""
DIFFERENT_OVER_DEPTH = 0.1
"""or from this, beyond what their depths explain (on simulation 0.06 to 0.08, of fixed dipoles 0.12
to 0.16)."""


@dataclass(frozen=True)
class MeasuredPsf:
    """A PSF that was measured.

    Attributes
    ----------
    table
        The PSF, with its uncertainty. Its centre is where the localizations that it was measured
        with are in the mean, or, without any, where the molecule is by the pupil that explains it.
    noise
        Relative RMS error of the shape by noise alone.
    molecules
        How many were fitted, each in one frame.
    frames
        In how many different frames.
    photons
        Mean photons of a molecule in a frame.
    background
        Mean background, photons per pixel.
    level
        Mean of all light, molecules and background, photons per pixel.
    chi2
        Mean square of the residuals in standard deviations: 1 where everything is explained.
    difference
        Relative RMS difference of a molecule's image from the PSF, beyond noise.
    rounds
        How often everything was fitted.
    left_over
        Mean of what the fit leaves over around an emitter, as shares of its photons in the pixels
        around it; float64 of shape (n, n), n odd.
    notes
        What else was found, each a sentence.
    light
        What else the light of a movie is like; None for beads.
    over_depth
        How molecules look at each depth; None where they all look alike, and for beads.
    over_field
        How the PSF differs between parts of the field; nothing for beads.
    """

    table: PsfTable
    noise: float
    molecules: int
    frames: int
    photons: float
    background: float
    level: float
    chi2: float
    difference: float
    rounds: int
    left_over: FloatArray = field(repr=False)
    notes: tuple[str, ...] = ()
    light: MovieLight | None = None
    over_depth: OverDepth | None = None
    over_field: OverField = ALIKE

    @property
    def uncertainty(self) -> float:
        """Relative RMS error of the shape."""
        return float(self.table.uncertainty or 0.0)

    @property
    def unexplained(self) -> float:
        """Relative RMS difference of a molecule's image from the PSF that no depth explains."""
        depths = 0.0 if self.over_depth is None else self.over_depth.difference
        return math.sqrt(max(self.difference**2 - depths**2, 0.0))

    @property
    def is_mixed(self) -> bool:
        """Whether molecules differ so much from it, and from one another, that it must be said."""
        return self.unexplained >= (DIFFERENT if self.over_depth is None else DIFFERENT_OVER_DEPTH)

    @property
    def matched_table(self) -> PsfTable:
        """The PSF of a matched simulation: over depth where molecules lie at different depths."""
        return self.table if self.over_depth is None else self.over_depth.table

    @property
    def sigma_nm(self) -> float:
        """Standard deviation of the Gaussian that fits best."""
        return self.table.effective_sigma_nm

    @property
    def light_within(self) -> float:
        """Share of the light within the table's window."""
        return float(self.table.share_within[0])

    @property
    def from_gaussian(self) -> float:
        """Relative RMS difference from the Gaussian that fits best."""
        values = self.table.values[0].astype(np.float64)
        off = values - best_gaussian(self.table)
        return math.sqrt(float(np.sum(off**2) / np.sum(values**2)))

    @property
    def gaussian_will_do(self) -> bool:
        """Whether the PSF cannot be told from a Gaussian."""
        return self.from_gaussian <= max(LIKE_GAUSSIAN, SURE * self.noise)

    def moved(self, x_px: float, y_px: float) -> MeasuredPsf:
        """Return it with the place (x, y) in the middle of its tables."""
        over = self.over_depth
        if over is not None:
            over = replace(over, table=over.table.shifted(x_px, y_px))
        return replace(self, table=self.table.shifted(x_px, y_px), over_depth=over)

    def known_to(self, uncertainty: float) -> MeasuredPsf:
        """Return it with another relative RMS error of the shape."""
        over = self.over_depth
        if over is not None:
            over = replace(over, table=replace(over.table, uncertainty=uncertainty))
        return replace(self, table=replace(self.table, uncertainty=uncertainty), over_depth=over)

    @property
    def centre_nm(self) -> tuple[float, float]:
        """Where the centre of the best Gaussian lies, seen from the table's (x, y)."""
        fit = fit_gaussian(self.table.values[0], self.table.samples_per_px)
        return fit.x_px * self.table.pixel_size_nm, fit.y_px * self.table.pixel_size_nm

    def sample_text(self) -> str:
        """Return what the PSF was measured on, in words."""
        what = "bead image" if self.table.source == "beads" else "molecule"
        return f"{counted(self.molecules, what, ',')} in {counted(self.frames, 'frame', ',')}"

    def summary(self) -> str:
        """Return what was found, a line each, and what is suspicious."""
        x, y = self.centre_nm
        reach_um = self.table.radius_px * self.table.pixel_size_nm / 1000.0
        will_do = ": a Gaussian is good enough" if self.gaussian_will_do else ""
        within = f"Light within ± {reach_um:.2g} µm"
        lines = [
            f"{'Shape':<24}known to {self.uncertainty:.1%} (relative RMS), from "
            f"{self.sample_text()}",
            f"{'Best Gaussian':<24}sigma {self.sigma_nm:.1f} nm, centre ({x:+.1f}, {y:+.1f}) nm",
            f"{'Differs from it by':<24}{self.from_gaussian:.1%} (relative RMS){will_do}",
            f"{within:<24}{self.light_within:.1%}; the light farther out is taken from theory",
            f"{'Photons, background':<24}{self.photons:.0f}, {self.background:.3g} per pixel",
            f"{'Residuals':<24}χ² = {self.chi2:.2f}",
        ]
        return "\n".join([*lines, *self.notes])

    def to_json(self) -> dict[str, Any]:
        """Return the numbers."""
        x, y = self.centre_nm
        return {
            "uncertainty": self.uncertainty,
            "noise": self.noise,
            "effective_sigma_nm": self.sigma_nm,
            "centre_x_nm": x,
            "centre_y_nm": y,
            "differs_from_gaussian": self.from_gaussian,
            "gaussian_will_do": self.gaussian_will_do,
            "light_within": self.light_within,
            "radius_px": self.table.radius_px,
            "pixel_size_nm": self.table.pixel_size_nm,
            "molecules": self.molecules,
            "frames": self.frames,
            "intensity_photon": self.photons,
            "background_photon": self.background,
            "chi2": self.chi2,
            "difference": self.difference,
            "rounds": self.rounds,
            "notes": list(self.notes),
        }


def best_gaussian(table: PsfTable) -> FloatArray:
    """Return the Gaussian that fits a PSF in focus best, at the same places."""
    fit = fit_gaussian(table.plane(0.0), table.samples_per_px)
    along = offsets_px(table.values.shape[1], table.samples_per_px)
    down, across = (profile(along, at, fit.sigma_px) for at in (fit.y_px, fit.x_px))
    gaussian: FloatArray = fit.share * np.outer(down, across)
    return gaussian
