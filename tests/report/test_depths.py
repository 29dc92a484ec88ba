"""The figure of depths shows what there is, and is left out where there is nothing."""

import numpy as np
import pandas as pd

from deep_storm.quality.survey import survey
from deep_storm.report.depths import depths_figure


def table(count=3000, **columns):
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.0, 6000.0, (2, count))
    rows = {"frame": np.arange(count) // 20, "x_nm": x, "y_nm": y, **columns}
    return pd.DataFrame(rows)


def test_depths_are_drawn_with_their_uncertainties():
    z_nm = np.linspace(-400.0, 400.0, 3000)
    deep = table(z_nm=z_nm, uncertainty_z_nm=20.0 + np.abs(z_nm) / 10, uncertainty_xy_nm=9.0)
    figure = depths_figure(survey([deep], len(deep)))
    side, curves = figure.axes[1:]
    assert side.get_ylabel() == "z (nm)"
    assert side.images[0].get_array().shape == (80, 240)
    along_z, lateral = (line.get_ydata() for line in curves.lines)
    assert along_z[0] > 1.5 * along_z[len(along_z) // 2]
    np.testing.assert_allclose(lateral, 9.0)


def test_depths_all_alike_and_without_uncertainties():
    assert len(depths_figure(survey([table(z_nm=0.0)], 3000)).axes) == 3


def test_without_depths_there_is_no_figure():
    assert depths_figure(survey([table()], 3000)) is None
