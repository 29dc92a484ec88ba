"""A PSF in many widths: each plane as wide as its sigma says, with the light of the PSF."""

import numpy as np
import pytest

from deep_storm.psf.fitting import fit_gaussian
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.psf.stretching import stretched
from deep_storm.settings import Pupil


@pytest.fixture(scope="module")
def stack():
    pupil = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, immersion_index=1.515)
    return stretched(pupil_table(pupil, 100.0))


def test_planes_are_labelled_with_their_sigma(stack):
    found = [fit_gaussian(p, stack.samples_per_px).sigma_px * 100.0 for p in stack.values]
    np.testing.assert_allclose(found, stack.z_nm, rtol=0.02)


def test_the_middle_plane_is_the_psf_itself():
    table = gaussian_table(120.0, 100.0, radius_px=8)
    stack = stretched(table)
    own = int(np.argmin(np.abs(stack.z_nm - 120.0)))
    at = (stack.z_nm[own] - 120.0) / stack.dz_nm
    assert abs(at) < 0.35
    np.testing.assert_allclose(stack.plane(120.0), table.values[0], atol=2e-3)


def test_narrow_planes_keep_the_light(stack):
    assert stack.share_within[0] == pytest.approx(stack.share_within.max(), abs=0.03)
    assert (np.diff(stack.share_within) <= 2e-3).all()
