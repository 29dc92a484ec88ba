"""Depths of candidates, from a network that states them in place of sigma."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.extraction.candidates import Candidates, Float32
from deep_storm.psf.depth import DepthCode


class Depths(NamedTuple):
    """How a network that states depth in place of sigma is read.

    Attributes
    ----------
    code
        Of the depths.
    z_nm, sigmas
        ``(n,)``: depths, rising, and the PSF sigma there in the network's scale.
    pixel_size_nm
        Of the camera.
    """

    code: DepthCode
    z_nm: npt.NDArray[np.float64]
    sigmas: npt.NDArray[np.float64]
    pixel_size_nm: float

    def read(self, candidates: Candidates, spread: Float32) -> Candidates:
        """Return candidates with depth, whose sigma is the code of it, with spread ``spread``.

        Beyond the depths that the network knows, the depth is as uncertain as these reach.
        """
        z_nm = self.code.depth_nm(candidates.sigma)
        spread_nm = self.code.spread_nm(spread)
        beyond = np.abs(z_nm) > self.code.reach_nm
        spread_nm[beyond] = np.maximum(spread_nm[beyond], np.float32(2.0 * self.code.reach_nm))
        pixel = np.float32(self.pixel_size_nm)
        return candidates._replace(
            sigma=np.interp(z_nm, self.z_nm, self.sigmas).astype(np.float32),
            z_px=z_nm / pixel,
            z_spread_px=spread_nm / pixel,
        )
