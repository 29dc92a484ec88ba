import numpy as np
import pandas as pd
import pytest

from deep_storm.quality import survey as module
from deep_storm.quality.survey import ONE_NEIGHBOUR_PER_UM2, survey


def table(frames=60, per_frame=20, seed=0):
    rng = np.random.default_rng(seed)
    count = frames * per_frame
    return pd.DataFrame(
        {
            "frame": np.repeat(np.arange(frames), per_frame),
            "x_nm": rng.uniform(0, 6400, count),
            "y_nm": rng.uniform(0, 6400, count),
            "intensity_photon": rng.normal(1500, 100, count),
            "strange": 1.0,
        }
    )


def pieces_of(rows, count):
    return [rows.iloc[part] for part in np.array_split(np.arange(len(rows)), count)]


def test_pieces_give_what_the_whole_gives():
    rows = table()
    whole, parts = survey([rows], len(rows)), survey(pieces_of(rows, 6), len(rows))
    assert whole.rows == parts.rows == len(rows)
    np.testing.assert_array_equal(whole.per_frame, np.full(60, 20))
    np.testing.assert_array_equal(whole.per_frame, parts.per_frame)
    pd.testing.assert_frame_equal(whole.sample, parts.sample)
    assert set(whole.sample) == {"frame", "x_nm", "y_nm", "intensity_photon"}
    assert whole.median("intensity_photon") == pytest.approx(1500, abs=15)
    assert whole.median("sigma_nm") is None


def test_a_long_table_is_sampled_evenly_but_counted_in_full(monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", 100)
    rows = table()
    found = survey(pieces_of(rows, 7), len(rows))
    assert found.stride == 12
    np.testing.assert_allclose(found.sample["x_nm"], rows["x_nm"].iloc[::12], rtol=1e-6)
    assert found.per_frame.sum() == len(rows)


def test_frames_without_rows_count():
    rows = table(frames=10)
    rows["frame"] += 5
    found = survey([rows], len(rows), first_frame=3, frames=20)
    assert found.first_frame == 3
    np.testing.assert_array_equal(found.per_frame, [0] * 2 + [20] * 10 + [0] * 8)


def test_crowding_is_the_density_of_the_others():
    rows = table(frames=40, per_frame=200)
    found = survey([rows], len(rows), 0, 40)
    inner = 200 / 6.4**2
    assert found.crowding_per_um2.mean() == pytest.approx(inner, rel=0.1)  # less at the borders
    alone = survey([rows.iloc[::200]], 40, 0, 40)
    assert alone.crowding_per_um2.max() == 0
    steps = found.crowding_per_um2 / ONE_NEIGHBOUR_PER_UM2
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-9)


def test_an_empty_table_is_no_trouble():
    found = survey([table().iloc[:0]], 0, 0, 12)
    assert found.rows == 0
    np.testing.assert_array_equal(found.per_frame, np.zeros(12))
    assert found.median("x_nm") is None
    assert not found.crowding_per_um2.size


def test_sample_of_pieces_is_that_of_the_whole_table(monkeypatch):
    monkeypatch.setattr("deep_storm.quality.survey.MAX_ROWS", 7)
    rows = 20
    table = pd.DataFrame(
        {"frame": np.arange(rows), "x_nm": np.arange(rows) * 3.0, "y_nm": 1.0, "confidence": 0.5}
    )
    first, second = table[:9].drop(columns="confidence"), table[9:]
    sample = survey([first, second], rows).sample
    assert sample["frame"].tolist() == [0, 3, 6, 9, 12, 15, 18]
    assert sample["x_nm"].tolist() == [0.0, 9.0, 18.0, 27.0, 36.0, 45.0, 54.0]
    assert sample["confidence"].isna().tolist() == [True] * 3 + [False] * 4
