"""The light of emitters on the pixels, with a Gaussian PSF or a PSF table.

Of a table over depth each emitter takes the plane of its depth. A table without depth, as it is
measured in a movie, is stretched for each emitter as the spread of its sigma says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deep_storm.errors import PsfError
from deep_storm.psf.drawing import add_table_emitters
from deep_storm.psf.stretching import stretched
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Emitters, Psf
from deep_storm.simulation.emitters import EmitterSet, default_margin_px
from deep_storm.simulation.psf import add_emitters


@dataclass(frozen=True)
class Light:
    """How the light of emitters is distributed over pixels.

    Attributes
    ----------
    psf
        Sigma, and the spread of sigma or depth.
    table
        The PSF as it is; None: a Gaussian.
    stack
        The table, or the table in many widths where it has no depth and sigma spreads.
    """

    psf: Psf
    table: PsfTable | None
    stack: PsfTable | None

    @classmethod
    def of(cls, psf: Psf, table: PsfTable | None, pixel_size_nm: float) -> Light:
        """Choose the method for a PSF.

        Raises
        ------
        PsfError
            The table is for another pixel size, or does not cover the depths.
        """
        if table is None:
            if psf.depth_reach_nm > 0:
                raise _no_depth(psf)
            return cls(psf, None, None)
        table.check_pixel_size(pixel_size_nm)
        _check_reach(psf, table)
        flat = len(table.z_nm) == 1 and psf.sigma_std_nm > 0
        return cls(psf, table, stretched(table) if flat else table)

    @property
    def has_depth(self) -> bool:
        """Whether emitters look different at different depths."""
        return self.table is not None and len(self.table.z_nm) > 1

    def margin_px(self, emitters: Emitters, pixel_size_nm: float) -> float:
        """Width of the margin from which emitters still send light into the field."""
        if not emitters.beyond_border:
            return 0.0
        if self.stack is None:
            return default_margin_px(self.psf, pixel_size_nm)
        return float(self.stack.radius_px)

    def placed(self, emitters: EmitterSet, rng: np.random.Generator) -> EmitterSet:
        """Give emitters a depth and the apparent width there.

        Depths and widths that the table does not have do not occur: nobody knows how they look.
        """
        if self.table is None or self.stack is None:
            return emitters
        if self.stack is not self.table:
            sigma_nm = emitters.sigma_px * self.table.pixel_size_nm
            sigma_nm = np.clip(sigma_nm, self.stack.z_nm[0], self.stack.z_nm[-1])
            return emitters.at_depths(np.zeros(len(emitters)), sigma_nm / self.table.pixel_size_nm)
        z_nm = emitters.z_nm
        if self.psf.depth_std_nm > 0:
            z_nm = rng.normal(0.0, self.psf.depth_std_nm, len(emitters))
            z_nm = np.clip(z_nm, self.table.z_nm[0], self.table.z_nm[-1])
        return emitters.at_depths(z_nm, self.table.sigma_at_nm(z_nm) / self.table.pixel_size_nm)

    def tails(self, emitters: EmitterSet, frames: int, area_px: float) -> npt.NDArray[np.float32]:
        """Return the light beyond the table's window: background, as its origin cannot be seen.

        Parameters
        ----------
        emitters
            As :meth:`placed` returns them.
        frames
            Number of frames, t.
        area_px
            Area in pixels that the emitters of a frame lie in, margin included: the light is
            spread evenly over it.

        Returns
        -------
        Photons per pixel of each frame, float32 of shape (t, 1, 1); 0 for a Gaussian.
        """
        if self.stack is None:
            return np.zeros((frames, 1, 1), np.float32)
        beyond = emitters.intensity_photon * self.stack.share_beyond(self._planes(emitters))
        tails = np.bincount(emitters.frame, weights=beyond / area_px, minlength=frames)
        return tails.astype(np.float32)[:, None, None]

    def add(self, expected: npt.NDArray[np.float32], emitters: EmitterSet) -> None:
        """Add the light of emitters, without its tails, to frames of expected photons, in place.

        Parameters
        ----------
        expected
            Expected photons, float32 of shape (t, y, x).
        emitters
            As :meth:`placed` returns them.
        """
        e = emitters
        if self.stack is None:
            add_emitters(expected, e.frame, e.x_px, e.y_px, e.sigma_px, e.intensity_photon)
            return
        add_table_emitters(
            expected,
            e.frame,
            e.x_px,
            e.y_px,
            self._planes(e),
            e.intensity_photon,
            self.stack.coefficients,
            self.stack.samples_per_px,
            self.stack.radius_px,
            self.stack.z0_nm,
            self.stack.dz_nm,
        )
        # A PSF that was measured, or interpolated, is a little below 0 here and there.
        np.maximum(expected, 0.0, out=expected)

    def _planes(self, emitters: EmitterSet) -> npt.NDArray[np.float64]:
        """Return the position of each emitter along the third axis of the stack."""
        if self.table is None or self.stack is self.table:
            return emitters.z_nm
        return emitters.sigma_px * self.table.pixel_size_nm


def _no_depth(psf: Psf) -> PsfError:
    return PsfError(
        f"emitters at depths of up to {psf.depth_reach_nm:g} nm, and a PSF without depth",
        "a PSF with several planes",
        "give a PSF over depth (--psf-file), such as one of `deep-storm calibrate-psf`",
    )


def _check_reach(psf: Psf, table: PsfTable) -> None:
    """Refuse depths that the table does not have."""
    reach_nm = psf.depth_reach_nm
    if reach_nm > 0 and len(table.z_nm) == 1:
        raise _no_depth(psf)
    low, high = float(table.z_nm[0]), float(table.z_nm[-1])
    if reach_nm > min(-low, high) + 0.5:
        raise PsfError(
            f"emitters at depths of up to {reach_nm:g} nm, and a PSF from {low:.0f} to "
            f"{high:.0f} nm",
            "depths that the PSF covers",
            f"lower --depth-reach-nm to {max(min(-low, high), 0):.0f}",
        )
