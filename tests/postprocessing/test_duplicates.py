import numpy as np
import pandas as pd
import pytest

from deep_storm.errors import FormulaError, TableError
from deep_storm.postprocessing.duplicates import remove_duplicates
from deep_storm.settings import Duplicates


def kept(table, distance="uncertainty_xy"):
    unique = remove_duplicates(
        table.assign(row=np.arange(len(table))), Duplicates(distance=distance)
    )
    return unique["row"].tolist()


def at(x_nm, uncertainty, frame=0):
    return pd.DataFrame(
        {"frame": frame, "x_nm": x_nm, "y_nm": 0.0, "uncertainty_xy_nm": uncertainty}
    )


def test_the_worse_one_goes():
    assert kept(at([0.0, 8.0, 50.0], [10.0, 5.0, 20.0])) == [1, 2]


def test_a_distance_counts_only_when_it_is_undercut():
    assert kept(at([0.0, 10.0], [10.0, 5.0])) == [0, 1]


def test_other_frames_do_not_matter():
    assert kept(at([0.0, 1.0], [10.0, 5.0], [0, 1])) == [0, 1]


def test_of_equal_ones_the_first_stays():
    assert kept(at([0.0, 1.0, 2.0], [10.0] * 3)) == [0]


def test_the_distance_may_be_a_number_or_a_formula():
    table = at([0.0, 15.0], [10.0, 5.0])
    assert kept(table) == [0, 1]
    assert kept(table, "20") == [1]
    assert kept(table, "2*uncertainty_xy") == [1]
    with pytest.raises(FormulaError, match="no column 'uncertaint'"):
        kept(table, "uncertaint")


def test_an_uncertainty_that_is_no_number_is_the_worst():
    assert kept(at([0.0, 1.0], [np.nan, 5.0]), "10") == [1]


def test_as_compared_pair_by_pair():
    rng = np.random.default_rng(1)
    n = 500
    table = pd.DataFrame(
        {
            "frame": rng.integers(0, 5, n),
            "x_nm": rng.uniform(0, 600, n),
            "y_nm": rng.uniform(0, 600, n),
            "uncertainty_xy_nm": np.round(rng.uniform(5, 40, n)),
        }
    )
    f, x, y, u = (table[c].to_numpy() for c in table)
    near = np.hypot(x[:, None] - x, y[:, None] - y) < u[:, None]
    rows = np.arange(n)
    better = (u < u[:, None]) | ((u == u[:, None]) & (rows < rows[:, None]))
    gone = (near & better & (f == f[:, None])).any(axis=1)
    assert 50 < gone.sum() < 450
    assert kept(table) == np.flatnonzero(~gone).tolist()


def test_uncertainties_are_needed():
    with pytest.raises(TableError, match="no column 'uncertainty_xy"):
        kept(at([0.0], [1.0]).drop(columns="uncertainty_xy_nm"), "20")


def test_what_lies_behind_another_is_no_duplicate():
    table = at([0.0, 1.0], [10.0, 5.0]).assign(z_nm=[0.0, 400.0])
    assert kept(table) == [0, 1]
    assert kept(table.assign(z_nm=[0.0, 40.0])) == [1]
    flat = remove_duplicates(table, Duplicates(z_weight=0.0))
    assert len(flat) == 1
