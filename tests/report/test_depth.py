"""The picture of a PSF over depth has all that the text names."""

import numpy as np

from deep_storm.estimation.zstack.result import CalibratedPsf, Leftover
from deep_storm.psf.elliptical import fitted_widths
from deep_storm.psf.precision import cramer_rao
from deep_storm.psf.pupil import pupil_table
from deep_storm.report.depth import calibration_figure
from deep_storm.report.figures import save_figure
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
