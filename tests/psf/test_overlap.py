"""How much the images of an emitter in two pixels have in common."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.estimation.blind.covariance import overlap_of_psf
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.overlap import overlap_of_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil

PUPIL = Pupil(numerical_aperture=1.4, wavelength_nm=670, immersion_index=1.515)


def test_that_of_a_gaussian_is_the_integral():
    table = gaussian_table(120.0, 100.0)
    assert overlap_of_table(table, 0.0, 5) == pytest.approx(overlap_of_psf(1.2, 5), abs=2e-4)


def test_emitters_in_depth_count_in_the_mean():
    depths_nm = np.linspace(-600.0, 600.0, 13)
    table = pupil_table(PUPIL, 100.0, depths_nm)
    in_focus, in_depth = (overlap_of_table(table, std_nm, 3) for std_nm in (0.0, 250.0))
    assert in_depth[3, 3] < 0.85 * in_focus[3, 3]
    apart = np.linspace(-3.0, 3.0, 121)
    planes = [np.sum(table.plane(250.0 * z) ** 2) / table.samples_per_px**2 for z in apart]
    assert in_depth[3, 3] == pytest.approx(
        np.average(planes, weights=np.exp(-(apart**2) / 2)), rel=0.03
    )
