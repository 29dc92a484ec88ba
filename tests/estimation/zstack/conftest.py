"""Z-stacks of simulated beads, of which everything is known."""

from types import SimpleNamespace

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.psf.drawing import add_table_emitters
from deep_storm.psf.elliptical import at_focus
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil
from deep_storm.simulation.noise import expose

PUPIL = Pupil(
    numerical_aperture=1.2,
    wavelength_nm=670.0,
    astigmatism_waves=0.1,
    horizontal_coma_waves=0.02,
)
CAMERA = ds.Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)
STEP_NM, REACH_NM, EDGE_PX = 80.0, 560.0, 150
BACKGROUND = 10.0
DEPTHS_NM = np.arange(-REACH_NM, REACH_NM + 1.0, STEP_NM)


def true_psf(pupil=PUPIL, radius_px=10):
    masked = pupil.phase_mask != "none"
    depths = np.linspace(-800.0, 800.0, 17)
    return pupil_table(pupil, 100.0, depths, radius_px=radius_px, refocused=not masked)


def z_stack(table, places, photons=8000.0, depths_nm=DEPTHS_NM, tilt_nm=0.0, seed=2,
            dtype=np.uint16):  # fmt: skip
    """Return frames of beads; ``tilt_nm`` is how much deeper the right end of the field lies."""
    rng = np.random.default_rng(seed)
    expected = np.full((len(depths_nm), EDGE_PX, EDGE_PX), BACKGROUND, np.float32)
    x, y = (np.ascontiguousarray(axis) for axis in np.asarray(places).T)
    light = photons * rng.uniform(0.5, 1.5, x.size)
    own_nm = tilt_nm * (x / EDGE_PX - 0.5)
    for frame, depth_nm in enumerate(depths_nm):
        add_table_emitters(
            expected, np.full(x.size, frame), x, y, depth_nm + own_nm, light, table.coefficients,
            table.samples_per_px, table.radius_px, table.z0_nm, table.dz_nm,
        )  # fmt: skip
    return expose(expected, CAMERA, rng, dtype=dtype)


def off(found, true, depths_nm=tuple(range(-400, 401, 50))):
    """Return the relative RMS difference of two PSFs over depth, at the best scale."""
    reach = min(found.radius_px, true.radius_px) * found.samples_per_px

    def planes(table):
        middle = table.values.shape[1] // 2
        part = slice(middle - reach, middle + reach + 1)
        return np.stack([table.plane(z)[part, part] for z in depths_nm])

    seen, wanted = planes(found), planes(at_focus(true))
    scale = np.sum(seen * wanted) / np.sum(seen**2)
    return np.linalg.norm(scale * seen - wanted) / np.linalg.norm(wanted)


@pytest.fixture(scope="session")
def beads():
    """Return what makes z-stacks of beads and compares PSFs."""
    return SimpleNamespace(true_psf=true_psf, z_stack=z_stack, off=off)
