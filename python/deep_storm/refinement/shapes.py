"""The shape of emitters for the joint fit: a Gaussian, or a PSF that is a table, of any width."""

from __future__ import annotations

from typing import Any

import numpy as np

from deep_storm.psf.stretching import stretched
from deep_storm.psf.table import PsfTable
from deep_storm.refinement.scene import WINDOW_SIGMAS


def gaussian_shape(sigma_px: float) -> dict[str, Any]:
    """Return the fields of a :class:`~deep_storm.refinement.block.Prior` for a Gaussian PSF."""
    return {
        "reach_px": WINDOW_SIGMAS * sigma_px,
        "shapes": np.empty((0, 0, 0), np.float32),
        "samples_per_px": 1,
        "radius_px": 0,
        "first_sigma_px": 0.0,
        "step_sigma_px": 1.0,
    }


def table_shape(table: PsfTable, depth_std_nm: float) -> dict[str, Any]:
    """Return the same fields for a PSF that is a table, averaged over the emitters' depths."""
    stack = stretched(table, depth_std_nm)
    return {
        "reach_px": float(stack.radius_px),
        "shapes": stack.coefficients,
        "samples_per_px": stack.samples_per_px,
        "radius_px": stack.radius_px,
        "first_sigma_px": stack.z0_nm / table.pixel_size_nm,
        "step_sigma_px": stack.dz_nm / table.pixel_size_nm,
    }
