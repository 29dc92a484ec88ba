"""A PSF at every depth at which the molecules of a movie lie, from the pupil behind their mean PSF.

What the pupil cannot explain of the measured PSF beyond its error is added to the PSF at each
depth. :mod:`~deep_storm.estimation.psf.retrieval` finds the pupil.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from deep_storm.psf.fitting import fit_gaussian
from deep_storm.psf.pupil import PupilGrid
from deep_storm.psf.table import PsfTable, light_within
from deep_storm.settings import NAMED_MODES, Pupil

FloatArray = npt.NDArray[np.float64]
LightModel = Literal["scalar", "vectorial"]

USUAL = {
    "numerical_aperture": 1.4,
    "wavelength_nm": 670.0,
    "immersion_index": 1.515,
    "apodization": "aplanatic",
}
"""Objective whose pupil, made larger or smaller, is taken."""
PERIOD_PX = 32
"""Period of the light that a pupil is transformed to."""
DEPTH_UNIT_NM = 100.0
NODES = ndtri((np.arange(13) + 0.5) / 13)
"""Depths that stand for all, in standard deviations."""
PLANES_STD, MIN_PLANES = 3.0, 7
PLANE_STEP_NM = 100.0
MIDDLE = 0.15
"""Where the mean PSF has at least this share of its largest value is its middle."""


class Parameters(NamedTuple):
    """A pupil behind a mean PSF, and the depths of the molecules.

    Attributes
    ----------
    scale
        Size of the PSF over that of the usual objective.
    depth_nm, depth_std_nm
        Mean and standard deviation of the depths.
    waves
        Coefficients of :data:`NAMED_MODES`, wavelengths rms.
    model
        Of the light.
    """

    scale: float
    depth_nm: float
    depth_std_nm: float
    waves: FloatArray
    model: LightModel

    @classmethod
    def of(cls, values: FloatArray, model: LightModel) -> Parameters:
        """Read them off the vector that least squares changes.

        That of one depth for all molecules is shorter by their spread.
        """
        scale, depth = values[:2]
        waves = values[-len(NAMED_MODES) :]
        spread = values[2 : -len(NAMED_MODES)]
        std_nm = DEPTH_UNIT_NM * math.exp(spread[0]) if spread.size else 0.0
        return cls(math.exp(scale), DEPTH_UNIT_NM * depth, std_nm, waves, model)

    @property
    def pupil(self) -> Pupil:
        """The pupil of these parameters."""
        waves = dict(zip(NAMED_MODES, self.waves.tolist(), strict=True))
        values = {**USUAL, **waves, "model": self.model}
        return Pupil.parse(values, "the pupil found in the movie")


@dataclass(frozen=True)
class OverDepth:
    """How the molecules of a movie look at each depth.

    Attributes
    ----------
    table
        The PSF over depth; z = 0 is the molecules' mean depth.
    depth_std_nm
        Standard deviation of their depth.
    pupil
        What explains it; its wavelength is that of the :data:`USUAL` objective.
    misfit
        Relative RMS difference of the mean PSF from the measured one.
    """

    table: PsfTable
    depth_std_nm: float
    pupil: Pupil
    misfit: float

    @property
    def difference(self) -> float:
        """Relative RMS difference of molecules at these depths from their mean, in its middle."""
        planes = np.stack([self.table.plane(z) for z in self.depth_std_nm * NODES])
        mean = planes.mean(axis=0)
        middle = mean > MIDDLE * mean.max()
        planes, mean = planes[:, middle], mean[middle]
        square = mean @ mean
        photons = planes @ mean / square
        off = planes / photons[:, None] - mean
        return math.sqrt(float(np.mean(np.sum(off**2, axis=1)) / square))


def table_over_depth(p: Parameters, measured: PsfTable, error: float) -> PsfTable:
    """Return the PSF over depth, with what the pupil does not explain of the measured mean.

    Parameters
    ----------
    p
        The pupil and the depths that explain it best.
    measured
        The mean PSF: one plane.
    error
        Its relative RMS error.
    """
    theory = _theory(p, measured)
    mean = theory.averaged(p.depth_std_nm)
    seen = measured.values[0].astype(np.float64)
    light = float(np.sum(mean * seen) / np.sum(mean**2))
    left = seen - light * mean
    size = math.sqrt(float(np.sum(left**2) / np.sum(seen**2)))
    # What the error of the measurement explains of the difference is not believed.
    believed = max(0.0, 1.0 - (error / max(size, 1e-9)) ** 2)
    values = np.maximum(light * theory.values + believed * left, 0.0)
    # How much of the light lies in the window is known to some percent, and it is most in focus.
    values /= np.maximum(light_within(values, theory.samples_per_px), 1.0)[:, None, None]
    return replace(
        theory,
        values=values.astype(np.float32),
        source="measured",
        uncertainty=measured.uncertainty,
    )


def _theory(p: Parameters, measured: PsfTable) -> PsfTable:
    """Return the PSF of the pupil over depth; the centre of its mean is that of the measured."""
    pixel_size_nm, samples = measured.pixel_size_nm, measured.samples_per_px
    reach = max(math.ceil(PLANES_STD * p.depth_std_nm / PLANE_STEP_NM), MIN_PLANES // 2)
    z_nm: FloatArray = PLANE_STEP_NM * np.arange(-reach, reach + 1, dtype=np.float64)
    grid = PupilGrid.of(p.pupil, pixel_size_nm / p.scale, PERIOD_PX)

    def table(grid: PupilGrid) -> PsfTable:
        images = grid.images(p.depth_nm + z_nm, measured.values.shape[1], samples)
        return PsfTable(images, z_nm, pixel_size_nm, samples)

    here = fit_gaussian(table(grid).averaged(p.depth_std_nm), samples)
    there = fit_gaussian(measured.values[0], samples)
    return table(grid.shifted(there.x_px - here.x_px, there.y_px - here.y_px))
