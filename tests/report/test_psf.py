import numpy as np

from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.report.psf import psf_beside_gaussian, psf_figure
from deep_storm.settings import Pupil


def test_it_shows_the_psf_beside_the_gaussian_and_what_is_left_over():
    table = gaussian_table(130.0, 100.0)
    found = MeasuredPsf(
        table, 0.01, 1200, 100, 1500.0, 20.0, 35.0, 1.0, 0.03, 5, np.zeros((13, 13))
    )
    figure = psf_figure(found)
    measured, gaussian, difference, left_over = (a.images[0].get_array() for a in figure.axes[:4])
    assert np.allclose(measured, gaussian, atol=0.02)
    assert np.abs(difference).max() < 0.01
    assert np.abs(left_over).max() == 0
    assert "130 nm" in figure.axes[1].get_title()


def test_the_psf_stands_beside_the_gaussian():
    pupil = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, horizontal_coma_waves=0.05)
    table = pupil_table(pupil, 100.0)
    psf, gaussian, off = (
        axes.images[0].get_array() for axes in psf_beside_gaussian(table).axes[:3]
    )
    np.testing.assert_allclose(psf ** (1 / 0.4) - gaussian ** (1 / 0.4), off, atol=0.02)
    assert np.abs(off).max() > 0.02


def test_of_a_psf_over_depth_the_focus_is_drawn():
    pupil = Pupil(numerical_aperture=1.2, wavelength_nm=670.0, astigmatism_waves=0.1)
    table = pupil_table(pupil, 100.0, np.linspace(-500.0, 500.0, 11))
    figure = psf_beside_gaussian(table)
    shown = figure.axes[0].images[0].get_array()
    focus = np.maximum(table.plane(0.0), 0.0) ** 0.4
    np.testing.assert_allclose(shown, focus / focus.max(), atol=1e-3)
    assert "z = 0" in figure.axes[0].get_title()
