import warnings

import numpy as np
import pandas as pd
import pytest

from deep_storm.errors import SettingsError, TableError
from deep_storm.rendering.drawing import WIDEST, drawing_of
from deep_storm.settings import Rendering


def scattered(count: int = 2000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x_nm, y_nm = rng.uniform(-50, 1050, (2, count))
    width = rng.gamma(9, 1.7, count)
    return pd.DataFrame({"x_nm": x_nm, "y_nm": y_nm, "uncertainty_xy_nm": width})


@pytest.mark.parametrize("method", ["histogram", "gaussian", "shifted-histogram"])
@pytest.mark.parametrize("rows", [1, 7, 40])
def test_bands_are_the_whole_image_to_the_last_bit(method, rows):
    drawing = drawing_of(scattered(), Rendering(method=method), (1000, 900))
    whole = drawing.draw()
    assert whole.shape == (90, 100)
    tops = range(0, 90, rows)
    bands = [drawing.draw(top, min(top + rows, 90)) for top in tops]
    assert np.array_equal(np.concatenate(bands), whole)


def test_counts_what_lies_inside():
    table = scattered()
    drawing = drawing_of(table, Rendering(method="histogram"), (1000, 900))
    inside = table["x_nm"].between(0, 1000) & table["y_nm"].between(0, 900)
    assert drawing.inside == inside.sum() == drawing.draw().sum()


def test_a_shifted_histogram_is_the_mean_of_shifted_histograms():
    table, bins = scattered(), 3
    image = drawing_of(table, Rendering(method="shifted-histogram", shifts=bins), (600, 500)).draw()
    mean = np.zeros((50, 60))
    for dx in range(bins):
        for dy in range(bins):
            # Bins of 30 nm whose edges are shifted by dx and dy pixels of 10 nm.
            x_edges = np.arange(-bins + dx, 60 + 2 * bins, bins) * 10
            y_edges = np.arange(-bins + dy, 50 + 2 * bins, bins) * 10
            counts, _, _ = np.histogram2d(table["y_nm"], table["x_nm"], (y_edges, x_edges))
            fine = counts.repeat(bins, 0).repeat(bins, 1)
            mean += fine[bins - dy :, bins - dx :][:50, :60] / bins**2
    # Each bin's count is spread over its pixels.
    assert image == pytest.approx(mean / bins**2, abs=1e-5)


def test_weights_follow_the_rows_of_the_table():
    table = pd.DataFrame({"x_nm": [15.0, 5.0], "y_nm": [25.0, 5.0]})
    drawing = drawing_of(table, Rendering(method="histogram"), (30, 30))
    image = drawing.draw(weight=np.array([3.0, 7.0]))
    assert (image[2, 1], image[0, 0]) == (3, 7)


def test_an_absurd_uncertainty_does_not_take_minutes():
    table = scattered(300).assign(uncertainty_xy_nm=[10.0] * 299 + [1e7])
    absurd = drawing_of(table, Rendering(), (1000, 1000)).draw()
    table.loc[299, "uncertainty_xy_nm"] = 10.0 * WIDEST
    assert np.array_equal(absurd, drawing_of(table, Rendering(), (1000, 1000)).draw())


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("x_nm", np.nan, r"has nan as x_nm in row 3"),
        ("y_nm", np.inf, r"has inf as y_nm in row 3"),
    ],
)
def test_refuses_positions_that_are_not_finite(column, value, message):
    table = scattered(5)
    table.loc[2, column] = value
    with pytest.raises(TableError, match=message):
        drawing_of(table, Rendering())


def test_needs_positions():
    with pytest.raises(TableError, match="no column y_nm"):
        drawing_of(pd.DataFrame({"x_nm": [1.0]}), Rendering())


def test_a_table_in_the_coordinates_of_a_stage_is_drawn_from_its_corner():
    here = scattered()
    there = here.assign(x_nm=here["x_nm"] + 5e6, y_nm=here["y_nm"] + 3e6)
    chosen = Rendering(corner_nm=(5e6, 3e6))
    drawn = drawing_of(there, chosen, (1000, 900)).draw()
    assert drawn == pytest.approx(drawing_of(here, Rendering(), (1000, 900)).draw(), abs=1e-5)


def test_too_large_an_image_says_where_the_localizations_are():
    there = scattered().assign(x_nm=lambda t: t["x_nm"] + 5e6, y_nm=lambda t: t["y_nm"] + 3e6)
    with pytest.raises(SettingsError, match="corner_nm 4999000 2999000 and field_nm 3000 3000"):
        drawing_of(there, Rendering())
    drawn = drawing_of(there, Rendering(corner_nm=(4999000, 2999000)), (3000, 3000))
    assert drawn.inside == len(there)


def test_stray_rows_that_make_a_large_image_are_told():
    table = scattered()
    table.loc[0, ["x_nm", "y_nm"]] = 60_000.0
    with pytest.warns(UserWarning, match=r"99 % of the localizations lie in .*; draw only where"):
        drawing_of(table, Rendering())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing_of(scattered(), Rendering(pixel_size_nm=0.2))  # large, and full
