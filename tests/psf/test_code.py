"""The code of a PSF: zero for a Gaussian, and turned as the PSF is turned."""

import numpy as np
import pytest

from deep_storm.psf.code import CODE_LENGTH, GAUSSIAN, psf_code
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil

PUPIL = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, immersion_index=1.515)
ABERRATED = PUPIL.model_copy(
    update={"astigmatism_waves": 0.05, "vertical_coma_waves": 0.06, "spherical_waves": 0.04}
)


def code(pupil, pixel_size_nm=100.0):
    return np.array(psf_code(pupil_table(pupil, pixel_size_nm)))


@pytest.mark.parametrize("sigma_nm", [80.0, 130.0, 220.0])
def test_a_gaussian_of_any_width_has_the_gaussians_code(sigma_nm):
    np.testing.assert_allclose(psf_code(gaussian_table(sigma_nm, 100.0)), GAUSSIAN, atol=0.01)


def test_aberrations_are_seen_where_they_belong():
    plain = code(PUPIL)
    astigmatic = code(PUPIL.model_copy(update={"astigmatism_waves": 0.08})) - plain
    coma = code(PUPIL.model_copy(update={"vertical_coma_waves": 0.08})) - plain
    assert len(plain) == CODE_LENGTH
    # Astigmatism in focus is even in x and y, and symmetric under both flips.
    np.testing.assert_allclose(astigmatic[2:6], 0.0, atol=0.02)
    assert np.abs(astigmatic[6:11]).max() > 0.3
    # Vertical coma is odd along y and even along x.
    assert np.abs(coma[[3, 5]]).max() > 0.2
    np.testing.assert_allclose(coma[[1, 2, 4, 7, 9]], 0.0, atol=0.02)


def test_flips_change_the_sign_of_odd_numbers_only():
    table = pupil_table(ABERRATED, 100.0)
    plain, flipped = (np.array(psf_code(t)) for t in (table, table.turned(False, True, False)))
    odd_along_y = [1, 3, 5, 7, 9]
    even_along_y = [0, 2, 4, 6, 8, 10, 11]
    np.testing.assert_allclose(flipped[odd_along_y], -plain[odd_along_y], atol=0.02)
    np.testing.assert_allclose(flipped[even_along_y], plain[even_along_y], atol=0.02)
    transposed = np.array(psf_code(table.turned(False, False, True)))
    np.testing.assert_allclose(
        transposed[[0, 1, 2, 3, 4, 5]], plain[[0, 1, 5, 4, 3, 2]] * [-1, 1, 1, 1, 1, 1], atol=0.02
    )


def test_the_code_hardly_depends_on_the_pixel_size():
    np.testing.assert_allclose(code(ABERRATED, 80.0), code(ABERRATED, 110.0), atol=0.3)
