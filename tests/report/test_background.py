"""The background of a report, over the field."""

import numpy as np
import pandas as pd
import pytest

from deep_storm.quality.survey import survey
from deep_storm.report.background import background_cells, background_map


def found(rows=4000, **columns):
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 6400, (2, rows))
    background = 20.0 + x / 320.0 + rng.normal(0, 1, rows)
    table = pd.DataFrame({"frame": 0, "x_nm": x, "y_nm": y, "background_photon": background})
    return survey([table.assign(**columns)], rows, 0, 1)


def test_the_background_is_drawn_where_it_is():
    cells, cell_nm = background_cells(found())
    assert cells.shape[0] * cell_nm == pytest.approx(6400, rel=0.05)
    expected = 20.0 + (np.arange(cells.shape[1]) + 0.5) * cell_nm / 320.0
    np.testing.assert_allclose(np.nanmedian(cells, axis=0), expected, atol=1.0)
    (picture,) = background_map(found()).axes[0].images
    assert picture.get_array().shape == cells.shape


@pytest.mark.parametrize("few", [found(rows=3), found(background_photon=np.nan)])
def test_too_little_draws_nothing(few):
    assert background_map(few) is None
