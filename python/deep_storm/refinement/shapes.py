"""What the fourth parameter of an emitter in the joint fit is: its sigma, or its depth.

Emitters with a Gaussian PSF differ in sigma. So do those whose PSF is a table without depth, which
comes in many widths. Where the table says how emitters look at each depth, they differ in depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from deep_storm.psf.depth import tells_depth
from deep_storm.psf.stretching import stretched
from deep_storm.psf.table import PsfTable
from deep_storm.refinement.scene import WINDOW_SIGMAS

Values = npt.NDArray[np.float64]

MIN_SIGMA_SHARE = 0.6
MAX_SIGMA_SHARE = 1.6
"""Bounds of an emitter's sigma over the usual one."""
FREE_SIGMA_SHARE = 0.25
"""Relative standard deviation of a sigma that is left free."""
NORMAL = ndtri((np.arange(25) + 0.5) / 25)
"""Depths that stand for a normal distribution, in standard deviations."""
EVEN = (np.arange(25) + 0.5) / 12.5 - 1.0
"""Depths that stand for an even distribution, over the farthest."""
EDGE_SHARE = 0.1
"""Beyond the depths that emitters have, they become rare within this share of the farthest."""
KNOWN_SHARE = 0.25
"""A depth known that well, over the farthest, is not looked for elsewhere at first."""
STARTS = np.array([-0.8, -0.4, 0.0, 0.4, 0.8])
"""Depths that fits begin with where the PSF tells them, over the farthest."""

UNDRAWN = 1e-4
"""Share of an emitter's light that may be left out as it is drawn."""
MAX_COARSE_ERROR = 3e-3
"""Share of the peak by which half the samples, which take half the time, may be off."""


@dataclass(frozen=True)
class Shape:
    """How emitters may look.

    Attributes
    ----------
    fields
        Of a :class:`~deep_storm.refinement.block.Prior`, from ``reaches_px`` on.
    free_std
        Standard deviation of the fourth parameter where it is left free.
    depths_px, sigmas_px
        Depths and the sigma there, rising depths; None where the fourth parameter is sigma itself.
    tells_depth
        Whether an emitter above the focus looks different from one below it.
    """

    fields: dict[str, Any]
    free_std: float
    depths_px: Values | None = None
    sigmas_px: Values | None = None
    tells_depth: bool = False

    @property
    def starts(self) -> Values:
        """Fourth parameters that the fit of an emitter of which nothing is known begins with."""
        if self.depths_px is None or not self.tells_depth:
            return np.array([float(self.fields["shape"])])
        lowest, highest = self._likely_px
        return np.asarray(0.5 * (lowest + highest) + 0.5 * (highest - lowest) * STARTS, np.float64)

    @property
    def known_std(self) -> float:
        """Standard deviation up to which a fourth parameter is known well enough to begin with."""
        if self.depths_px is None or not self.tells_depth:
            return np.inf
        return KNOWN_SHARE * float(np.ptp(self.depths_px)) / 2.0

    @property
    def _likely_px(self) -> tuple[float, float]:
        """The lowest and the highest depth that emitters are likely to have."""
        middle, reach = self.fields["shape"], self.fields["shape_reach"]
        lowest, highest = self.fields["min_shape"], self.fields["max_shape"]
        if reach > 0.0:
            lowest, highest = max(lowest, middle - reach), min(highest, middle + reach)
        return lowest, highest

    def of_sigma(self, sigma_px: Values) -> Values:
        """Return the fourth parameter of emitters that are so wide; of two depths the higher."""
        if self.depths_px is None or self.sigmas_px is None:
            return sigma_px
        first = int(np.argmin(self.sigmas_px))
        rising = np.maximum.accumulate(self.sigmas_px[first:])
        return np.interp(sigma_px, rising, self.depths_px[first:])

    def usual_sigma_px(self, sigma_px: float) -> float:
        """Return the median sigma of emitters; ``sigma_px``: that of an emitter in focus."""
        if self.depths_px is None:
            return sigma_px
        middle, reach = self.fields["shape"], self.fields["shape_reach"]
        depths = middle + (reach * EVEN if reach > 0.0 else self.fields["shape_std"] * NORMAL)
        return float(np.median(self.to_sigma(depths)))

    def to_sigma(self, parameter: Values) -> Values:
        """Return sigma (px) of emitters with this fourth parameter."""
        if self.depths_px is None or self.sigmas_px is None:
            return parameter
        return np.interp(parameter, self.depths_px, self.sigmas_px)


def gaussian_shape(sigma_px: float, sigma_std_px: float) -> Shape:
    """Return the shape of emitters with a Gaussian PSF."""
    no_table = {
        "planes": np.empty((0, 0, 0), np.float32),
        "samples_per_px": 1,
        "radius_px": 0,
        "first_plane": 0.0,
        "plane_step": 1.0,
    }
    bounds = _sigma_bounds(sigma_px, sigma_std_px)
    reach = {"reaches_px": np.array([WINDOW_SIGMAS * sigma_px])}
    return Shape({**reach, **bounds, **no_table}, FREE_SIGMA_SHARE * sigma_px)


def width_shape(table: PsfTable, sigma_px: float, sigma_std_px: float) -> Shape:
    """Return the shape of emitters with a PSF that nobody knows the depths of, in many widths."""
    bounds = _sigma_bounds(sigma_px, sigma_std_px)
    return Shape({**bounds, **_planes(stretched(table))}, FREE_SIGMA_SHARE * sigma_px)


def depth_shape(table: PsfTable, depth_std_nm: float, depth_reach_nm: float = 0.0) -> Shape:
    """Return the shape of emitters with a PSF over depth.

    Parameters
    ----------
    table
        The PSF.
    depth_std_nm
        Standard deviation of the depths.
    depth_reach_nm
        Emitters lie up to this far above and below the focus, at any depth alike; 0: their depths
        are normally distributed.
    """
    nm = table.pixel_size_nm
    depths_px = table.z_nm / nm
    bounds = {
        "shape": 0.0,
        "shape_std": (EDGE_SHARE * depth_reach_nm or depth_std_nm) / nm,
        "shape_reach": depth_reach_nm / nm,
        "min_shape": float(depths_px[0]),
        "max_shape": float(depths_px[-1]),
    }
    free = float(np.ptp(depths_px)) / 2.0
    sigmas_px = table.effective_sigmas_nm / nm
    fields = {**bounds, **_planes(table)}
    return Shape(fields, free, depths_px, sigmas_px, tells_depth(table))


def _planes(stack: PsfTable) -> dict[str, Any]:
    """Return the fields of a table whose third axis is the fourth parameter in nm."""
    stack = stack.coarser(MAX_COARSE_ERROR).coarser(MAX_COARSE_ERROR)
    return {
        "reaches_px": _reaches_px(stack),
        "planes": stack.coefficients,
        "samples_per_px": stack.samples_per_px,
        "radius_px": stack.radius_px,
        "first_plane": stack.z0_nm / stack.pixel_size_nm,
        "plane_step": stack.dz_nm / stack.pixel_size_nm,
    }


def _reaches_px(stack: PsfTable) -> Values:
    """Return how far there is light between each plane and the next one."""
    samples, middle = stack.samples_per_px, stack.values.shape[1] // 2
    away = np.abs(np.arange(stack.values.shape[1]) - middle)
    ring = np.ceil(np.maximum(away[:, None], away) / samples).astype(np.int64).ravel()
    light = np.stack([np.bincount(ring, np.abs(plane).ravel()) for plane in stack.values])
    beyond = light[:, ::-1].cumsum(axis=1)[:, ::-1] - light
    reaches = np.argmax(beyond <= UNDRAWN * samples**2, axis=1).astype(np.float64)
    # A spline between two planes is that of those around them, too.
    wide = np.pad(reaches, 2, mode="edge")
    return np.max([wide[k : k + len(reaches) - 1] for k in (1, 2, 3, 4)], axis=0)


def _sigma_bounds(sigma_px: float, sigma_std_px: float) -> dict[str, float]:
    return {
        "shape": sigma_px,
        "shape_std": sigma_std_px,
        "shape_reach": 0.0,
        "min_shape": MIN_SIGMA_SHARE * sigma_px,
        "max_shape": MAX_SIGMA_SHARE * sigma_px,
    }
