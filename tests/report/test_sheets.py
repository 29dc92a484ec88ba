import numpy as np
import pandas as pd
import pytest

from deep_storm.errors import StackError
from deep_storm.report.sheets import patch_sheet


def emitters_at(*patches):
    return pd.DataFrame({"frame": patches, "x_nm": 100.0, "y_nm": 200.0})


def test_each_patch_is_shown_with_the_number_of_its_emitters():
    stack = np.random.default_rng(0).poisson(100, (7, 16, 16))
    figure = patch_sheet(stack, emitters_at(0, 0, 3), 100.0)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == ["2", "0", "0", "1", "0", "0", "0"]


def test_no_more_than_a_page():
    figure = patch_sheet(np.zeros((100, 8, 8)), emitters_at(), 100.0)
    assert len(figure.axes) == 24


def test_nothing_to_show_is_an_error():
    with pytest.raises(StackError, match="patches of shape"):
        patch_sheet(np.zeros((0, 8, 8)), emitters_at(), 100.0)
