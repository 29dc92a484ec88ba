import numpy as np
import pytest
from scipy.integrate import dblquad

from deep_storm.psf import code
from deep_storm.psf.code import SIZE, code_of, psf_code
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.psf.random import draw_pupil, halo_table
from deep_storm.settings import Pupil

ASTIGMATISM, COMA, TREFOIL, HALO = slice(0, 2), slice(2, 4), slice(4, 6), 11
AIRY = Pupil(numerical_aperture=1.4, wavelength_nm=670.0)


def numbers_of(z_nm=(0.0,), **waves):
    pupil = AIRY.model_copy(update={f"{name}_waves": value for name, value in waves.items()})
    return psf_code(pupil_table(pupil, 100.0, z_nm)).numbers


@pytest.mark.parametrize("sigma_px", [0.8, 1.3, 2.2])
def test_a_gaussian_has_only_zeros(sigma_px):
    found = psf_code(gaussian_table(sigma_px * 100, 100.0))
    np.testing.assert_allclose(found.numbers, np.zeros(SIZE), atol=3e-5)
    assert found.fit.sigma_px == pytest.approx(sigma_px, rel=1e-5)


def test_functions_are_orthonormal():
    offset = np.linspace(-8, 8, 161)
    functions = code._functions(*np.meshgrid(offset, offset))
    weights = np.repeat(code.WEIGHTS, [2 if m else 1 for _, m in code.MODES])
    flat = np.array([f.ravel() for f in functions]) / weights[:, None]
    np.testing.assert_allclose(flat @ flat.T * 0.1**2, np.eye(SIZE - 1), atol=1e-9)


def test_each_number_as_the_formula_has_it():
    table = pupil_table(AIRY.model_copy(update={"vertical_coma_waves": 0.1}), 100.0)
    found = psf_code(table)
    fit = found.fit
    s = np.sqrt(fit.sigma_px**2 + 1 / 12)
    n = table.values.shape[1]
    rows, columns = (np.indices((n, n)) - n // 2) / 4
    x, y = (columns - fit.x_px) / s, (rows - fit.y_px) / s
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    function = np.sqrt(2 / (2 * np.pi)) * r * (2 - r**2) * np.exp(-(r**2) / 2) * np.sin(angle)
    gaussian = gaussian_table(fit.sigma_px * 100, 100.0, radius_px=table.radius_px).values[0]
    residual = table.values[0] / fit.share - gaussian
    wanted = code.WEIGHTS[1] * 2 * np.sqrt(np.pi) * np.sum(residual * function) / 16
    assert found.numbers[3] == pytest.approx(wanted, rel=1e-3)
    # One for a Gaussian against p = m = 0, whatever its size.
    assert 2 * np.sqrt(np.pi) * dblquad(
        lambda v, u: np.exp(-(u**2 + v**2)) / (2 * np.pi * np.sqrt(np.pi)), -6, 6, -6, 6
    )[0] == pytest.approx(1.0, rel=1e-4)


def test_aberrations_show_where_they_belong():
    plain = numbers_of()
    assert np.abs(plain[:6]).max() < 0.05
    up, across = numbers_of(vertical_coma=0.1), numbers_of(horizontal_coma=0.1)
    assert abs(up[3]) > 0.5
    assert abs(up[2]) < 0.05
    assert across[2] == pytest.approx(up[3], rel=0.02)
    assert numbers_of(vertical_coma=-0.1)[3] == pytest.approx(-up[3], rel=0.02)
    trefoil = numbers_of(oblique_trefoil=0.1)
    assert np.abs(trefoil[TREFOIL]).max() > 0.5
    assert np.abs(trefoil[COMA]).max() < 0.1


def test_astigmatism_shows_out_of_focus_with_the_side():
    table = pupil_table(
        AIRY.model_copy(update={"astigmatism_waves": 0.1}), 100.0, np.linspace(-300, 300, 7)
    )
    above, below = (psf_code(table, depth_nm=z).numbers[0] for z in (150.0, -150.0))
    assert above == pytest.approx(-below, rel=0.1)
    assert abs(above) > 1.0
    assert abs(psf_code(table, depth_std_nm=150.0).numbers[0]) < 0.2


def test_a_halo_and_rings_show_in_the_last_number():
    small, large = (
        psf_code(halo_table(1.3, 3.0, light, 100.0)).numbers[HALO] for light in (0.1, 0.3)
    )
    assert 0.1 < small < large
    assert psf_code(pupil_table(AIRY, 100.0)).numbers[HALO] > 0.3


def test_turning_the_psf_turns_the_numbers():
    table = draw_pupil(np.random.default_rng(5), 100.0)
    numbers = psf_code(table, 100.0).numbers
    flipped = psf_code(table.turned(True, False, False), 100.0).numbers
    # x → −x: cos mφ → (−1)^m cos mφ, sin mφ → −(−1)^m sin mφ
    signs = [1, -1, -1, 1, -1, 1, 1, 1, -1, 1, -1, 1]
    np.testing.assert_allclose(flipped, numbers * signs, atol=2e-3)


def test_random_psfs_give_values_of_about_one():
    rng = np.random.default_rng(11)
    codes = np.array(
        [psf_code(draw_pupil(rng, 100.0), rng.uniform(0, 250)).numbers for _ in range(40)]
    )
    rms = np.sqrt(np.mean(codes**2, axis=0))
    assert (rms > 0.3).all()
    assert (rms < 2.0).all()


def test_code_does_not_depend_on_how_fine_the_table_is():
    pupil = AIRY.model_copy(update={"horizontal_coma_waves": 0.1})
    coarse, fine = (
        code_of(pupil_table(pupil, 100.0, samples_per_px=s).values[0], s).numbers for s in (4, 8)
    )
    np.testing.assert_allclose(coarse, fine, atol=5e-3)
