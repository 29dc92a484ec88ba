import math

import pandas as pd
import pytest

import deep_storm as ds


@pytest.fixture
def truth() -> pd.DataFrame:
    return pd.DataFrame({"frame": [0, 0, 1], "x_nm": [100.0, 900.0, 500.0], "y_nm": 300.0})


def test_scores_tables_in_memory(truth):
    found = truth.iloc[:2].assign(x_nm=lambda t: t["x_nm"] + 10)
    result = ds.evaluate(found, truth, tolerance_nm=(50,))
    (scores,) = result.comparison.scores
    assert scores.recall == 1.0  # frame 2 has no localization and lies outside what is compared
    assert scores.bias_x_nm == pytest.approx(10)
    assert result.written == ()


def test_scores_files_at_several_tolerances(truth, tmp_path):
    ds.write_table(tmp_path / "found.csv", truth.assign(y_nm=380.0))
    ds.write_table(tmp_path / "truth.csv", truth)
    result = ds.evaluate(tmp_path / "found.csv", tmp_path / "truth.csv", tolerance_nm=(50, 100))
    assert [s.jaccard for s in result.comparison.scores] == [0.0, 1.0]
    assert result.to_json()["scores"][0]["rmse_nm"] is None
    assert math.isnan(result.comparison.scores[0].rmse_nm)
    lines = result.summary().splitlines()
    assert lines[0] == "Frames 1:2, 3 localizations, 3 emitters"
    assert [line.split()[:2] for line in lines[2:]] == [["50", "nm"], ["100", "nm"]]
