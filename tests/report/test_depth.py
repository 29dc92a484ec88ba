"""The picture of a PSF over depth has all that the text names."""

import numpy as np

from deep_storm.estimation.zstack.result import CalibratedPsf, Leftover
from deep_storm.psf.elliptical import Widths, fitted_widths
from deep_storm.psf.precision import cramer_rao
from deep_storm.psf.pupil import pupil_table
from deep_storm.report.depth import calibration_figure, draw_widths
from deep_storm.report.figures import new_figure, save_figure
from deep_storm.settings import Pupil


def test_planes_sections_widths_and_limits_are_drawn(tmp_path):
    pupil = Pupil(numerical_aperture=1.2, wavelength_nm=670.0, astigmatism_waves=0.1)
    table = pupil_table(pupil, 100.0, np.linspace(-400.0, 400.0, 5), radius_px=8)
    left = Leftover(np.array([-300.0, 0.0, 300.0]), np.zeros((3, 17, 17)))
    found = CalibratedPsf(
        table, 0.01, 12, 15, {"saturated": 3}, 1, 41, (900.0, 1000.0, 1100.0), 10.0, 1.0, 0.02,
        fitted_widths(table), cramer_rao(table, table.z_nm, 1000.0, 10.0), 1000.0, 10.0,
        left_over=left,
    )  # fmt: skip
    figure = calibration_figure(found)
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert {"x (nm)", "y (nm)", "z (nm)"} <= set(labels)
    title = figure.get_suptitle()
    assert "12 beads" in title
    assert "3 saturated" in title
    save_figure(figure, tmp_path / "psf.png")
    assert (tmp_path / "psf.png").stat().st_size > 5000


def test_no_curve_of_the_widths_runs_through_the_legend():
    z_nm = np.linspace(-600.0, 900.0, 61)
    x_nm, y_nm = (100.0 * np.hypot(1.0, (z_nm - c) / 170.0) for c in (350.0, -100.0))
    figure = new_figure(45, 55)
    axes = figure.subplots()
    draw_widths(axes, Widths(z_nm, x_nm, y_nm))
    figure.canvas.draw()
    legend = axes.get_legend().get_window_extent()
    for line in axes.lines:
        pixels = axes.transData.transform(line.get_xydata())
        assert not any(legend.contains(*pixel) for pixel in pixels)
