import numpy as np
import pytest

from deep_storm.errors import PsfError
from deep_storm.psf.fitting import fit_gaussian
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.psf.splines import interpolation
from deep_storm.psf.table import PsfTable
from deep_storm.psf.window import fill_table_window
from deep_storm.settings import Pupil

Z_NM = np.linspace(-400.0, 400.0, 9)
COMA = Pupil(
    numerical_aperture=1.4, wavelength_nm=670.0, horizontal_coma_waves=0.1, spherical_waves=0.04
)


def test_a_gaussian_has_all_its_light_and_its_own_sigma():
    table = gaussian_table(130.0, 100.0)
    assert table.share_within[0] == pytest.approx(1.0, abs=2e-6)
    assert table.effective_sigma_nm == pytest.approx(130.0, rel=1e-6)
    assert table.radius_px == 7
    assert table.values.shape == (1, 57, 57)
    assert table.share_beyond(0.0) == pytest.approx(0.0, abs=2e-6)


def test_axes_are_z_y_x():
    values = gaussian_table(130.0, 100.0).values[0]
    right = np.roll(values, 4, axis=1)  # one pixel along x
    fit = fit_gaussian(right, 4)
    assert (fit.x_px, fit.y_px) == pytest.approx((1.0, 0.0), abs=1e-5)


def test_centred_puts_the_best_gaussian_in_the_middle_and_the_best_focus_at_0():
    table = pupil_table(COMA, 100.0, Z_NM, refocused=False)
    before = fit_gaussian(table.plane(0.0), 4)
    assert abs(before.x_px) > 0.1
    after = table.centred()
    fit = fit_gaussian(after.plane(0.0), 4)
    assert (fit.x_px, fit.y_px) == pytest.approx((0.0, 0.0), abs=1e-4)
    around = [fit_gaussian(after.plane(z), 4).sigma_px for z in (-30.0, 0.0, 30.0)]
    assert around[1] < min(around[0], around[2])


def test_theory_is_in_focus_and_its_emitter_where_the_pupil_has_it():
    table = pupil_table(COMA, 100.0, Z_NM)
    fit = fit_gaussian(table.plane(0.0), 4)
    assert abs(fit.x_px) > 0.1
    assert abs(table.centred().z0_nm - table.z0_nm) < 5.0
    np.testing.assert_allclose(
        pupil_table(COMA, 100.0, Z_NM, refocused=False).refocused().plane(0.0),
        table.plane(0.0),
        atol=2e-3 * table.values.max(),
    )


def test_a_plane_between_planes_is_interpolated():
    fine = pupil_table(COMA, 100.0, np.linspace(-400.0, 400.0, 17))
    coarse = pupil_table(COMA, 100.0, Z_NM)
    np.testing.assert_allclose(
        coarse.plane(150.0), fine.plane(150.0), atol=1e-3 * fine.values.max()
    )
    np.testing.assert_allclose(coarse.plane(100.0), coarse.values[5], atol=1e-7)
    np.testing.assert_allclose(coarse.plane(900.0), coarse.values[-1], atol=1e-7)


def test_the_mean_over_depths_is_wider_than_the_focus():
    table = pupil_table(COMA, 100.0, Z_NM)
    np.testing.assert_allclose(table.averaged(0.0), table.plane(0.0))
    wide = fit_gaussian(table.averaged(200.0), 4).sigma_px
    assert wide > 1.05 * fit_gaussian(table.averaged(0.0), 4).sigma_px
    rng = np.random.default_rng(1)
    drawn = np.mean([table.plane(z) for z in rng.normal(50.0, 150.0, 400)], axis=0)
    np.testing.assert_allclose(table.averaged(150.0, 50.0), drawn, atol=0.04 * drawn.max())


@pytest.mark.parametrize("how", [(True, False, False), (False, True, True), (True, True, True)])
def test_what_is_known_is_turned_too(how):
    table = pupil_table(COMA, 100.0, np.linspace(-200.0, 200.0, 5))
    unknown = table.turned(*how)
    assert "coefficients" not in vars(unknown)
    wanted = unknown.coefficients, unknown.effective_sigmas_nm
    _ = table.coefficients, table.effective_sigmas_nm
    known = table.turned(*how)
    assert {"coefficients", "effective_sigmas_nm"} <= set(vars(known))
    np.testing.assert_allclose(known.coefficients, wanted[0], atol=1e-7)
    np.testing.assert_allclose(known.effective_sigmas_nm, wanted[1], rtol=1e-4)
    assert known.coefficients.flags.c_contiguous


def test_flips_come_before_the_exchange_of_axes():
    table = pupil_table(COMA, 100.0)
    there = table.turned(flip_x=True, flip_y=False, transpose=True)
    np.testing.assert_array_equal(there.values[0], table.values[0][:, ::-1].T)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_interpolation_keeps_values_and_constants(count):
    at = np.linspace(0, count - 1, 4 * count)
    matrix = interpolation(at, count)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
    np.testing.assert_allclose(
        interpolation(np.arange(count, dtype=float), count), np.eye(count), atol=1e-12
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": np.full((1, 56, 56), 1e-3)}, "shape"),
        ({"values": np.full((1, 57, 57), np.nan)}, "finite"),
        ({"values": np.full((1, 57, 57), -1.0)}, "not below zero"),
        ({"values": gaussian_table(130.0, 100.0).values * 2}, "100 %"),
        ({"values": np.ones((2, 57, 57)) / 900, "z_nm": np.array([0.0, 0.0])}, "rising"),
        ({"pixel_size_nm": 0.0}, "positive pixel size"),
    ],
)
def test_what_is_no_psf_is_refused(change, said):
    table = gaussian_table(130.0, 100.0)
    given = {"values": table.values, "z_nm": table.z_nm, "pixel_size_nm": 100.0, **change}
    with pytest.raises(PsfError, match=said):
        PsfTable(**given)


def test_another_pixel_size_is_an_error():
    table = gaussian_table(130.0, 100.0)
    table.check_pixel_size(100.05)
    with pytest.raises(PsfError, match=r"100 nm.*160 nm"):
        table.check_pixel_size(160.0)


def test_half_the_samples_are_taken_where_they_say_as_much():
    wide, narrow = gaussian_table(150.0, 100.0), gaussian_table(55.0, 100.0)
    half = wide.coarser(1e-3)
    assert half.samples_per_px == wide.samples_per_px // 2
    assert half.radius_px == wide.radius_px
    assert half.effective_sigma_nm == pytest.approx(150.0, rel=1e-3)
    windows = []
    for table in (wide, half):
        window = np.empty((4, 11, 11))
        fill_table_window(
            0, 0, 11, 11, 5.37, 5.81, 0.0, table.coefficients, table.samples_per_px,
            table.radius_px, table.z0_nm, table.dz_nm, window,
        )  # fmt: skip
        windows.append(window)
    for one, other in zip(*windows, strict=True):
        np.testing.assert_allclose(one, other, atol=3e-3 * np.abs(one).max())
    assert narrow.coarser(1e-3) is narrow
