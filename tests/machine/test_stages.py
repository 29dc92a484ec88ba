"""What each stage takes: the table, and answers that are given again."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.inference.stages import StageClock
from deep_storm.machine.stage_table import StageTable
from deep_storm.machine.stages import Repeated, StoredAnswers


def test_amdahl_by_hand():
    table = StageTable("x", 64, 10, 50, {"read": 1.0, "network": 7.0, "draw": 2.0}, ("draw",))
    assert table.total == 10.0
    assert table.frames_per_second(1) == pytest.approx(100.0)
    assert table.frames_per_second(16) == pytest.approx(1000.0 / (2.0 + 8.0 / 16))
    assert table.frames_per_second(16, gpu=True) == pytest.approx(1000.0 / (2.0 + 1.0 / 16))
    lines = table.summary()
    assert "5 localizations in each" in lines[0]
    assert lines[4].split() == ["draw", "2.000", "400.00", "serial"]
    assert "serial share 20.0%" in lines[-1]


def test_a_table_of_nothing_found_has_no_time_for_each():
    lines = StageTable("x", 64, 10, 0, {"read": 1.0}).summary()
    assert lines[2].split() == ["read", "1.000", "–"]


def test_the_clock_counts_work_and_not_waiting():
    clock = StageClock()
    with clock.measured("read"):
        pass
    with clock.measured("draw"):
        sum(range(300_000))
    assert clock.seconds["draw"] > clock.seconds["read"] >= 0.0


def test_answers_are_given_again_in_any_batches():
    frames = np.random.default_rng(1).random((5, 4, 4, 1), np.float32)
    asked = []

    def infer(batch):
        asked.append(len(batch))
        return batch * 2.0

    stored = StoredAnswers(infer, frames)
    movie = Repeated(frames[..., 0], 12)
    for start, stop in ((0, 5), (3, 8), (9, 12)):
        batch = movie.read(start, stop)[..., None]
        np.testing.assert_array_equal(stored(batch), batch * 2.0)
    assert sum(asked) == 5
