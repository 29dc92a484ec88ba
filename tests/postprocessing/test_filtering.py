import numpy as np
import pandas as pd
import pytest

from deep_storm.errors import SettingsError, TableError
from deep_storm.postprocessing.filtering import filter_table
from deep_storm.postprocessing.neighbours import neighbour_counts
from deep_storm.settings import Filtering


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "frame": [0, 1, 2, 3],
            "x_nm": [0.0, 10.0, 20.0, 3000.0],
            "y_nm": [5.0, 5.0, 5.0, 5.0],
            "confidence": [0.2, 0.5, 0.9, 1.0],
        }
    )


def test_ranges_and_formula_must_all_hold(table):
    kept = filter_table(table, "x > 5", Filtering(confidence=":0.9", frames="2:4"))
    assert kept.table["frame"].tolist() == [1, 2]
    assert kept.table.index.tolist() == [0, 1]
    assert [(c.text, c.removed) for c in kept.conditions] == [
        ("x > 5", 1),
        ("confidence :0.9", 1),
        ("frame 2:4", 1),
    ]
    assert len(table) == 4


def test_a_formula_names_columns_as_the_file_does(table):
    table["background_photon"] = [1.0, 2.0, 3.0, 4.0]
    assert filter_table(table, "offset > 2").table["frame"].tolist() == [2, 3]


def test_ranges_include_their_ends(table):
    assert len(filter_table(table, None, Filtering(x_nm="10:20")).table) == 2
    assert len(filter_table(table, None, Filtering(confidence="0.5:")).table) == 3


def test_neighbours_are_counted_among_the_rows_that_meet_all_else(table):
    crowded = Filtering(min_neighbours=1, neighbour_radius_nm=10)
    assert filter_table(table, None, crowded).table["x_nm"].tolist() == [0, 10, 20]
    assert filter_table(table, "x != 10", crowded).table.empty


def test_neighbours_as_counted_one_by_one():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-500, 500, (2, 400))
    x[:3], y[:3] = 7.0, 7.0  # the same place: each other's neighbours
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    for radius in (30.0, 1500.0):
        expected = (distance <= radius).sum(axis=1) - 1
        np.testing.assert_array_equal(neighbour_counts(x, y, radius), expected)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, SettingsError, "neither a formula nor a range"),
        ({"confidence": "0.9:0.1"}, SettingsError, "MIN not above MAX"),
        ({"confidence": ":"}, SettingsError, "MIN:MAX"),
        ({"frames": "0:3"}, SettingsError, "counted from 1"),
        ({"uncertainty_nm": ":20"}, TableError, r"no column 'uncertainty_xy \[nm\]'"),
    ],
)
def test_what_cannot_be_filtered(table, options, error, message):
    with pytest.raises(error, match=message):
        filter_table(table, None, Filtering(**options))


def test_a_radius_that_is_nothing_beside_the_field_is_refused(table):
    far = table.assign(x_nm=[0.0, 1.0, 2.0, 1e15])
    with pytest.raises(SettingsError, match=r"neighbour_radius_nm is 0\.001"):
        filter_table(far, None, Filtering(min_neighbours=1, neighbour_radius_nm=0.001))


def test_depths_can_be_filtered(table):
    deep = table.assign(z_nm=[-300.0, -10.0, 50.0, 900.0], uncertainty_z_nm=[5.0, 90.0, 20.0, 1.0])
    kept = filter_table(deep, "z < 500", Filtering(z_nm="-100:", uncertainty_z_nm=":60")).table
    assert kept["z_nm"].tolist() == [50.0]
    with pytest.raises(TableError, match=r"no column 'z \[nm\]'"):
        filter_table(table, None, Filtering(z_nm="0:"))


def test_neighbours_are_counted_in_a_ball(table):
    flat = Filtering(min_neighbours=1, neighbour_radius_nm=15.0)
    ball = flat.model_copy(update={"dimensions": "3D"})
    deep = table.assign(z_nm=[0.0, 0.0, 100.0, 0.0])
    assert len(filter_table(deep, None, flat).table) == 3
    assert filter_table(deep, None, ball).table["frame"].tolist() == [0, 1]
    with pytest.raises(TableError, match="neighbours in 3D"):
        filter_table(table, None, ball)
