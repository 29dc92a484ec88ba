"""A small table."""

from __future__ import annotations

import pandas as pd
import pytest

import deep_storm as ds


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "movie.csv"
    rows = pd.DataFrame({"frame": [0, 1], "x_nm": [100.0, 300.0], "y_nm": [200.0, 500.0]})
    ds.write_table(path, rows)
    return path
