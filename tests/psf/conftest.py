"""A PSF with aberrations, and its light drawn into frames."""

import numpy as np
import pytest

from deep_storm.psf.drawing import add_table_emitters
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil


@pytest.fixture(scope="session")
def aberrated():
    return Pupil(
        numerical_aperture=1.4,
        wavelength_nm=670.0,
        astigmatism_waves=0.08,
        vertical_coma_waves=0.06,
        horizontal_coma_waves=-0.05,
        spherical_waves=0.05,
    )


@pytest.fixture(scope="session")
def table(aberrated):
    return pupil_table(aberrated, 100.0, np.linspace(-500.0, 500.0, 11), radius_px=7)


@pytest.fixture(scope="session")
def of():
    """What a table hands to the compiled loops."""
    return lambda table: (
        table.coefficients, table.samples_per_px, table.radius_px, table.z0_nm, table.dz_nm,
    )  # fmt: skip


@pytest.fixture(scope="session")
def drawn(of):
    """Draw emitters into frames of a shape (t, y, x)."""

    def drawn(table, shape, x, y, z=0.0, photons=1000.0, frame=0):
        expected = np.zeros(shape, dtype=np.float32)
        x, y, z, photons = (
            np.array(v, dtype=np.float64)
            for v in np.broadcast_arrays(*np.atleast_1d(x, y, z, photons))
        )
        frames = np.array(np.broadcast_to(np.atleast_1d(frame), x.shape), dtype=np.int64)
        add_table_emitters(expected, frames, x, y, z, photons, *of(table))
        return expected

    return drawn
