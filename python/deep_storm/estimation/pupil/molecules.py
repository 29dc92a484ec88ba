"""Molecules and pupil while they are fitted: windows, parameters, coefficients, tables."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.estimation.pupil.kernels import Spline
from deep_storm.estimation.pupil.windows import Windows
from deep_storm.psf.elliptical import at_focus
from deep_storm.psf.pupil import pupil_table
from deep_storm.psf.table import PsfTable
from deep_storm.settings import NAMED_MODES, TheoryPsf
from deep_storm.settings.optics import FIRST_HIGHER_MODE

FloatArray = npt.NDArray[np.float64]

MODES = (*range(5, 16), 22)
"""Noll's indices of the coefficients that are fitted: up to second-order astigmatism and
quadrafoil, and secondary spherical aberration."""
RIM = 0.3
"""Share of the pixels of a window that are about as bright as the background, or darker."""


@dataclass
class Molecules:
    """Molecules in their windows, as they are known by now.

    Attributes
    ----------
    pixel_size_nm
        Of the camera.
    radius_px
        Of the PSF that they are fitted with.
    data
        Photons, (n, k, k).
    rise
        Read-out variance over the excess noise, (n, k, k).
    p
        x, y, z, photons, background of each; see :mod:`deep_storm.estimation.pupil.kernels`.
    excess
        Variance of a bright pixel over its mean, both in photons.
    """

    pixel_size_nm: float
    radius_px: int
    data: FloatArray
    rise: FloatArray
    p: FloatArray
    excess: float

    @classmethod
    def begun(cls, windows: Windows, camera: Camera, radius_px: int) -> Molecules:
        """Return the molecules in the middle of their windows, in focus."""
        excess = camera.excess_noise_factor / camera.quantum_efficiency
        rise = windows.noise / excess
        level = np.maximum(np.quantile(windows.photons, RIM, axis=(1, 2)), 0.1)
        light = windows.photons.sum(axis=(1, 2)) - level * windows.photons[0].size
        middle = np.full(len(level), radius_px + 0.5)
        p = np.stack([middle, middle, np.zeros_like(level), np.maximum(light, 50.0), level], axis=1)
        return cls(camera.pixel_size_nm, radius_px + 2, windows.photons, rise, p, excess)

    def table(self, theory: TheoryPsf) -> PsfTable:
        """Return the PSF of a pupil, as large as the windows, its centre where theory has it."""
        return pupil_table(
            theory,
            self.pixel_size_nm,
            depths_of(theory),
            radius_px=self.radius_px,
            refocused=False,
        )

    def kept(self, which: npt.NDArray[np.bool_]) -> Molecules:
        """Return some of the molecules."""
        return replace(self, data=self.data[which], rise=self.rise[which], p=self.p[which])


def waves_of(theory: TheoryPsf) -> FloatArray:
    """Return the coefficients of :data:`MODES`, wavelengths rms."""
    modes = theory.modes()
    return np.array([modes.get(j, 0.0) for j in MODES])


def with_waves(theory: TheoryPsf, waves: FloatArray) -> TheoryPsf:
    """Return a theory with other coefficients of :data:`MODES`."""
    values = dict(zip(MODES, np.round(waves, 6).tolist(), strict=True))
    named = {name: values[5 + k] for k, name in enumerate(NAMED_MODES)}
    count = max(len(theory.higher_waves), max(MODES) - FIRST_HIGHER_MODE + 1)
    higher = [*theory.higher_waves, *[0.0] * (count - len(theory.higher_waves))]
    for j, value in values.items():
        if j >= FIRST_HIGHER_MODE:
            higher[j - FIRST_HIGHER_MODE] = value
    return theory.model_copy(update={**named, "higher_waves": tuple(higher)})


def depths_of(theory: TheoryPsf) -> FloatArray:
    """Return the depths that a theory is computed at."""
    planes = round(theory.z_reach_nm / theory.z_step_nm)
    return theory.z_step_nm * np.arange(-planes, planes + 1, dtype=np.float64)


def whole_table(theory: TheoryPsf, pixel_size_nm: float) -> PsfTable:
    """Return the PSF of a pupil with a window that holds nearly all of its light."""
    return at_focus(pupil_table(theory, pixel_size_nm, depths_of(theory)), centred=False)


def spline_of(table: PsfTable) -> Spline:
    """Return a table as kernels take it."""
    return Spline(
        table.coefficients,
        table.samples_per_px,
        table.radius_px,
        table.z0_nm,
        table.dz_nm,
        float(table.z_nm[-1]),
    )
