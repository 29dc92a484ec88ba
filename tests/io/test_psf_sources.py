"""PSFs of other programs and from theory, by the name of their file."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from deep_storm.errors import PsfError, SettingsError
from deep_storm.io.psf_sources import load_psf
from deep_storm.psf.elliptical import Widths, fitted_widths
from deep_storm.psf.fitting import offsets_px, profile

POLYNOMIAL = """!!cz.cuni.lf1.lge.ThunderSTORM.calibration.PolynomialCalibration
a1: 4.0E-6
a2: 5.0E-6
angle: {angle}
b1: 1.1
b2: 1.2
c1: -180.0
c2: 200.0
d1: 0.0
d2: 0.0
w01: 1.0
w02: 1.0
"""
DEFOCUS = (
    "!!cz.cuni.lf1.lge.ThunderSTORM.calibration.DaostormCalibration {a1: 0.05, a2: 0.0, "
    "angle: 0.0, b1: 0.03, b2: 0.0, c1: 205.0, c2: -205.0, d1: 290.0, d2: 300.0, w01: 2.8, "
    "w02: 2.7, name: 'Huang ''08'}\n"
)
PICASSO = """Magnification factor: 0.79
Number of frames: 21
Step size in nm: 50.0
X Coefficients:
- 0.0
- 0.0
- 0.0
- 0.0
- 3.5e-06
- 0.0023
- 1.2
Y Coefficients: [0.0, 0.0, 0.0, 0.0, 3.6e-06, -0.0016, 1.22]
"""


def as_fitted(widths, pixel_size_nm):
    """Return the widths of Gaussians that are not integrated over pixels, to a few parts in 10³."""
    pixel = pixel_size_nm**2 / 12.0
    return Widths(widths.z_nm, *(np.sqrt(s**2 + pixel) for s in (widths.x_nm, widths.y_nm)))


def written(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_thunderstorms_polynomial(tmp_path):
    """What a pixel gets is the Gaussian at its centre."""
    table = load_psf(written(tmp_path, "a.yaml", POLYNOMIAL.format(angle="0.0")), 100.0)
    widths = as_fitted(fitted_widths(table), 100.0)
    z_nm = table.z_nm
    assert widths.x_nm == pytest.approx(100.0 * (1.1 + 4e-6 * (z_nm + 180.0) ** 2), rel=2e-3)
    assert widths.y_nm == pytest.approx(100.0 * (1.2 + 5e-6 * (z_nm - 200.0) ** 2), rel=2e-3)
    assert z_nm[0] < -400 < 400 < z_nm[-1]


@pytest.mark.parametrize("angle", [0.0, 0.5, np.pi / 2])
def test_thunderstorms_angle_turns_the_axes_as_its_formula_says(tmp_path, angle):
    table = load_psf(written(tmp_path, "a.yaml", POLYNOMIAL.format(angle=angle)), 100.0)
    plane = int(np.argmin(np.abs(table.z_nm - 400.0)))
    offset = offsets_px(table.values.shape[1], table.samples_per_px)
    x, y = offset[None, :], offset[:, None]
    first = x * np.cos(angle) - y * np.sin(angle)
    second = x * np.sin(angle) + y * np.cos(angle)
    z_nm = table.z_nm[plane]
    sigma1, sigma2 = 1.1 + 4e-6 * (z_nm + 180.0) ** 2, 1.2 + 5e-6 * (z_nm - 200.0) ** 2
    expected = np.exp(-0.5 * (first / sigma1) ** 2 - 0.5 * (second / sigma2) ** 2)
    expected /= 2.0 * np.pi * sigma1 * sigma2
    assert np.abs(table.values[plane] - expected).max() < 1e-4 * expected.max()


def test_thunderstorms_defocus_parameters(tmp_path):
    table = load_psf(written(tmp_path, "a.yaml", DEFOCUS), 110.0)
    widths = as_fitted(fitted_widths(table), 110.0)
    u = (widths.z_nm - 205.0) / 290.0
    expected = 110.0 * 1.4 * np.sqrt(1 + u**2 + 0.05 * u**3 + 0.03 * u**4)
    assert widths.x_nm == pytest.approx(expected, rel=2e-3)


def test_picassos_polynomials_with_the_magnification(tmp_path):
    table = load_psf(written(tmp_path, "a.yaml", PICASSO), 130.0)
    widths = as_fitted(fitted_widths(table), 130.0)
    z_nm = widths.z_nm / 0.79
    assert z_nm[[0, -1]] == pytest.approx([-500.0, 500.0])
    assert widths.x_nm == pytest.approx(130 * (3.5e-6 * z_nm**2 + 2.3e-3 * z_nm + 1.2), rel=4e-3)
    assert widths.y_nm == pytest.approx(130 * (3.6e-6 * z_nm**2 - 1.6e-3 * z_nm + 1.22), rel=4e-3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\n", "neither"),
        (POLYNOMIAL.replace("c2: 200.0\n", ""), "c2 missing"),
        (DEFOCUS.replace("d1: 290.0", "d1: 0.0"), "d1 or d2 missing"),
        (PICASSO.replace("Y Coefficients", "Coefficients"), "Y Coefficients missing"),
        (PICASSO.replace("1.2\n", "0.0001\n"), "px in focus"),
        (DEFOCUS.replace("angle", "isBiplane: true, angle"), "two planes"),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path, text, said):
    with pytest.raises(PsfError, match=said):
        load_psf(written(tmp_path, "a.yaml", text), 100.0)


def spline():
    """Return SMAP's coefficients of a Gaussian that is linear between voxels, wide along rows."""
    offset = offsets_px(17, 1)
    planes = [np.outer(profile(offset, 0.0, 1.3 + 0.1 * k), profile(offset, 0.0, 1.2))
              for k in range(6)]  # fmt: skip
    values = np.stack(planes, axis=2)
    coefficients = np.zeros((16, 16, 5, 64))
    here = values[:16, :16, :5]
    down, across = values[1:, :16, :5] - here, values[:16, 1:, :5] - here
    coefficients[..., 0], coefficients[..., 1], coefficients[..., 4] = here, down, across
    coefficients[..., 5] = values[1:, 1:, :5] - here - down - across
    return coefficients


def save_older(path, coefficients):
    cell = np.empty((1, 1), object)
    cell[0, 0] = coefficients
    part = {"cspline": {"coeff": cell, "dz": 40.0, "z0": 3.0}}
    savemat(path, {"SXY": part})


def save_newer(path, coefficients):
    with h5py.File(path, "w") as file:
        data = file.create_dataset("#refs#/a", data=coefficients.transpose())
        group = file.create_group("SXY/cspline")
        group.create_dataset("coeff", data=np.array([[data.ref]]), dtype=h5py.ref_dtype)
        group.create_dataset("dz", data=[[40.0]])
        group.create_dataset("z0", data=[[3.0]])


@pytest.mark.parametrize("save", [save_older, save_newer])
def test_smaps_spline(tmp_path, save):
    save(tmp_path / "beads_3dcal.mat", spline())
    table = load_psf(tmp_path / "beads_3dcal.mat", 100.0)
    assert table.z_nm == pytest.approx([-80.0, -40.0, 0.0, 40.0, 80.0])
    widths = fitted_widths(table)
    # Straight lines between pixels are a little wider than the Gaussian.
    assert widths.y_nm == pytest.approx(100 * (1.3 + 0.1 * np.arange(5)), rel=0.08)
    assert widths.x_nm == pytest.approx(np.full(5, 120.0), rel=0.08)
    assert table.share_within.max() == pytest.approx(1.0, abs=0.01)


def test_what_is_no_spline_of_smap_is_refused(tmp_path):
    savemat(tmp_path / "a_3dcal.mat", {"other": 1.0})
    with pytest.raises(PsfError, match="no SXY"):
        load_psf(tmp_path / "a_3dcal.mat", 100.0)
    save_older(tmp_path / "b_3dcal.mat", np.zeros((4, 4, 4)))
    with pytest.raises(PsfError, match="shape"):
        load_psf(tmp_path / "b_3dcal.mat", 100.0)
    with pytest.raises(PsfError, match="there is no file"):
        load_psf(tmp_path / "c_3dcal.mat", 100.0)


def test_theory_in_a_file(tmp_path):
    text = "[pupil]\nnumerical_aperture = 1.3\nwavelength_nm = 670\nastigmatism_waves = 0.1\n"
    table = load_psf(written(tmp_path, "theory.toml", text), 100.0)
    assert table.z_nm[[0, -1]] == pytest.approx([-800.0, 800.0], abs=20.0)
    widths = fitted_widths(table)
    assert widths.x_nm[5] > 1.2 * widths.y_nm[5]
    with pytest.raises(SettingsError, match="wavelength_nm is missing"):
        load_psf(written(tmp_path, "b.toml", "[pupil]\nnumerical_aperture = 1.3\n"), 100.0)
