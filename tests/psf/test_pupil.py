import numpy as np
import pytest
from scipy.special import j1

from deep_storm.errors import SettingsError
from deep_storm.psf.pupil import airy_sigma_nm, pupil_table
from deep_storm.psf.zernike import noll_orders, zernike
from deep_storm.settings import Pupil

PIXEL_NM = 100.0
AIRY = Pupil(numerical_aperture=1.4, wavelength_nm=670.0)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


def airy(x_px, y_px, pupil=AIRY, pixel_nm=PIXEL_NM):
    """Light per pixel area of a perfect, in-focus point (Born and Wolf, 8.5.2)."""
    k = 2 * np.pi * pupil.numerical_aperture / pupil.wavelength_nm * pixel_nm
    v = k * np.hypot(x_px, y_px) + 1e-12
    return k * k / (4 * np.pi) * (2 * j1(v) / v) ** 2


def pixel(x_px, y_px, **how):
    """The same, integrated over the pixel with this centre."""
    x, y = x_px + NODES / 2, y_px + NODES / 2
    return WEIGHTS @ airy(x[None, :], y[:, None], **how) @ WEIGHTS / 4


def changed(**values):
    return AIRY.model_copy(update=values)


@pytest.mark.parametrize("pixel_nm", [60.0, 100.0, 160.0])
def test_in_focus_it_is_the_airy_disk_integrated_over_pixels(pixel_nm):
    table = pupil_table(AIRY, pixel_nm)
    middle = table.values.shape[1] // 2
    for i, j in ((0, 0), (3, 1), (8, 2), (20, 20), (-6, 5), (middle, 0)):
        wanted = pixel(i / 4, j / 4, pixel_nm=pixel_nm)
        got = table.values[0, middle + j, middle + i]
        assert got == pytest.approx(wanted, abs=2e-5 * float(table.values.max()))


def test_light_in_the_window_and_outside_add_up_to_all_of_it():
    table = pupil_table(AIRY, PIXEL_NM)
    nodes, weights = np.polynomial.legendre.leggauss(300)
    half = table.radius_px + 0.5
    x = nodes * half
    # The mean over places within a pixel: pixels at the rim are there for a part of them.
    seen = weights * half * np.clip(half - np.abs(x), 0, 1)
    assert table.share_within[0] == pytest.approx(
        seen @ airy(x[None, :], x[:, None]) @ seen, abs=1e-4
    )
    wide = pupil_table(AIRY, PIXEL_NM, radius_px=30)
    assert 0.98 < wide.share_within[0] < 1.0


def test_defocus_and_aberrations_change_no_light():
    aberrated = changed(astigmatism_waves=0.1, spherical_waves=0.1, vertical_coma_waves=0.1)
    table = pupil_table(aberrated, PIXEL_NM, np.linspace(-300, 300, 3), radius_px=30)
    np.testing.assert_allclose(table.share_within, 0.98, atol=0.012)


def test_width_of_the_airy_disk():
    fine = pupil_table(AIRY, 10.0, radius_px=40)
    assert fine.effective_sigma_nm == pytest.approx(airy_sigma_nm(AIRY), rel=0.03)
    middle = fine.values.shape[1] // 2
    line = fine.values[0, middle, middle:]
    dark_nm = 10.0 * np.argmin(line[: line.size]) / fine.samples_per_px
    assert dark_nm == pytest.approx(0.61 * 670 / 1.4, rel=0.03)


def test_without_aberrations_it_is_symmetric():
    table = pupil_table(AIRY, PIXEL_NM, np.linspace(-400, 400, 9))
    peak = table.values.max()
    np.testing.assert_allclose(table.values, table.values[::-1], atol=2e-3 * peak)
    for mirrored in (table.values[:, ::-1], table.values[:, :, ::-1]):
        np.testing.assert_allclose(table.values, mirrored, atol=1e-4 * peak)
    np.testing.assert_allclose(table.values, table.values.transpose(0, 2, 1), atol=1e-4 * peak)
    # The axial intensity of a high aperture falls to zero where the rim is one wave behind.
    rim_nm = 670 / (1.515 - np.sqrt(1.515**2 - 1.4**2))
    dark = pupil_table(AIRY, 10.0, np.array([0.0, rim_nm]), radius_px=40, refocused=False)
    assert dark.values[1, 160, 160] < 0.03 * dark.values[0, 160, 160]


def widths(table, z_nm):
    plane = table.plane(z_nm)
    middle = plane.shape[0] // 2
    reach = slice(middle - 14, middle + 15)
    offset = np.arange(-14, 15) / 4
    core = plane[reach, reach]
    return [
        np.sqrt(np.sum(core.sum(axis=axis) * offset**2) / core.sum()) for axis in (0, 1)
    ]  # x, y


def test_vertical_astigmatism_turns_its_long_axis_with_depth():
    table = pupil_table(changed(astigmatism_waves=0.12), PIXEL_NM, np.linspace(-400, 400, 9))
    (x_below, y_below), (x_above, y_above) = widths(table, -250.0), widths(table, 250.0)
    assert x_below / y_below == pytest.approx(y_above / x_above, rel=0.03)
    assert abs(np.log(x_below / y_below)) > 0.15
    x, y = widths(table, 0.0)
    assert x / y == pytest.approx(1.0, abs=0.02)


def test_coma_is_mirrored_by_its_sign_and_turned_by_its_mode():
    right, left, up = (
        pupil_table(changed(**{name: waves}), PIXEL_NM).values[0]
        for name, waves in (
            ("horizontal_coma_waves", 0.1),
            ("horizontal_coma_waves", -0.1),
            ("vertical_coma_waves", 0.1),
        )
    )
    np.testing.assert_allclose(right, left[:, ::-1], atol=1e-4 * right.max())
    np.testing.assert_allclose(right, up.T, atol=1e-4 * right.max())
    assert np.abs(right - left).max() > 0.02 * right.max()


def test_aberrations_cost_as_much_peak_as_marechal_says():
    perfect = pupil_table(AIRY, 10.0, radius_px=30, refocused=False).values.max()
    for name in ("astigmatism_waves", "spherical_waves", "oblique_trefoil_waves"):
        peak = pupil_table(
            changed(**{name: 0.05}), 10.0, radius_px=30, refocused=False
        ).values.max()
        assert peak / perfect == pytest.approx(np.exp(-((2 * np.pi * 0.05) ** 2)), rel=0.02)


def test_polarization_makes_the_spot_wider():
    scalar = pupil_table(AIRY, PIXEL_NM)
    vectorial = pupil_table(changed(model="vectorial", apodization="aplanatic"), PIXEL_NM)
    assert 1.03 < vectorial.effective_sigma_nm / scalar.effective_sigma_nm < 1.25
    assert 0.85 < vectorial.share_within[0] < scalar.share_within[0]


def test_depth_in_water_makes_spherical_aberration():
    shallow = changed(sample_index=1.33)
    deep = changed(sample_index=1.33, depth_nm=3000.0)
    at = np.linspace(-800, 800, 9)
    symmetric, skewed = (pupil_table(p, PIXEL_NM, at).effective_sigmas_nm for p in (shallow, deep))
    assert symmetric[0] == pytest.approx(symmetric[-1], rel=0.05)
    assert abs(np.log(skewed[0] / skewed[-1])) > 0.2
    # Light that the water cannot send is not there: the aperture is the water's index.
    narrow = changed(numerical_aperture=1.329, sample_index=1.33)
    assert pupil_table(shallow, PIXEL_NM).effective_sigma_nm == pytest.approx(
        pupil_table(narrow, PIXEL_NM).effective_sigma_nm, rel=0.01
    )


def test_noll_order_and_rms_of_one():
    assert [noll_orders(j) for j in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 22)] == [
        (0, 0), (1, 1), (1, -1), (2, 0), (2, -2), (2, 2), (3, -1), (3, 1), (3, -3), (3, 3),
        (4, 0), (4, 2), (4, -4), (6, 0),
    ]  # fmt: skip
    radius, weight = (NODES + 1) / 2, WEIGHTS / 2
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    r, a = np.meshgrid(radius, angle)
    modes = np.stack([zernike(j, r, a) for j in range(1, 23)])
    gram = np.einsum("iaj,kaj,j,j->ik", modes, modes, weight, radius) * 2 / angle.size
    np.testing.assert_allclose(gram, np.eye(22), atol=1e-9)


def test_named_coefficients_are_nolls():
    pupil = changed(spherical_waves=0.1, higher_waves=(0.0, 0.02))
    assert pupil.modes() == {11: 0.1, 13: 0.02}
    assert changed(oblique_astigmatism_waves=0.3).modes() == {5: 0.3}


def test_an_aperture_beyond_the_index_is_refused():
    with pytest.raises(SettingsError, match="smaller than the index"):
        Pupil.parse({"numerical_aperture": 1.6, "wavelength_nm": 600.0})
