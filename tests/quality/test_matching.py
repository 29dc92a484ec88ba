import time
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from deep_storm.errors import SettingsError, TableError
from deep_storm.quality.matching import Points, match, match_count, match_points, near_pairs


def table(*rows: tuple[int, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["frame", "x_nm", "y_nm"])


def test_pairs_are_row_positions_in_both_tables():
    truth = table((0, 500, 500), (0, 100, 100))
    found = table((0, 103, 104), (0, 900, 900))
    # Labels of the index must not matter.
    matches = match(found.set_index(pd.Index([7, 9])), truth.set_index(pd.Index([5, 3])), 100)
    assert matches.localization.tolist() == [0]
    assert matches.emitter.tolist() == [1]
    assert matches.distance_nm.tolist() == [5.0]


def test_matching_is_optimal_where_greedy_is_not():
    # The closest pair is 40 → 50 (10 nm). Taking it leaves the second localization alone.
    truth = table((0, 0, 0), (0, 50, 0))
    found = table((0, 40, 0), (0, 130, 0))
    matches = match(found, truth, 80)
    assert dict(zip(matches.localization, matches.emitter, strict=True)) == {0: 0, 1: 1}


def test_the_number_of_matches_counts_before_their_distance():
    # A chain in which each step but the last is 1 nm: only the costly shift serves everyone.
    truth = table(*[(0, 100.0 * k, 0) for k in range(5)])
    found = table(*[(0, 100.0 * k + 99, 0) for k in range(5)])
    assert match(found, truth, 98.9).distance_nm.tolist() == [1.0] * 4
    assert match(found, truth, 100).distance_nm.tolist() == [99.0] * 5


def test_among_equal_numbers_the_squared_distances_decide():
    # Sums of distances are 100 both ways; squares prefer 50 + 50 to 100 + 0.
    truth = table((0, 0, 0), (0, 50, 0))
    found = table((0, 50, 0), (0, 100, 0))
    matches = match(found, truth, 200)
    assert matches.distance_nm.tolist() == [50.0, 50.0]


def test_a_distance_of_exactly_the_tolerance_counts():
    truth, found = table((0, 0, 0)), table((0, 30, 40))
    assert len(match(found, truth, 50)) == 1
    assert len(match(found, truth, 49.999)) == 0


def test_frames_do_not_mix():
    truth = table((0, 0, 0), (2, 0, 0))
    found = table((2, 1, 0), (1, 0, 0), (0, 2, 0))
    matches = match(found, truth, 1e6)
    assert dict(zip(matches.localization, matches.emitter, strict=True)) == {0: 1, 2: 0}


def test_two_localizations_cannot_share_an_emitter():
    assert len(match(table((0, 1, 0), (0, 2, 0)), table((0, 0, 0)), 100)) == 1


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_trying_every_assignment(seed):
    rng = np.random.default_rng(seed)
    n, m, tolerance = rng.integers(1, 6), rng.integers(1, 6), 60.0
    a, b = rng.uniform(0, 150, (n, 2)), rng.uniform(0, 150, (m, 2))
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    best = (0, 0.0)
    slots = list(range(m)) + [None] * n
    for chosen in permutations(slots, int(n)):
        pairs = [squared[i, j] for i, j in enumerate(chosen) if j is not None]
        pairs = [d for d in pairs if d <= tolerance**2]
        best = min(best, (-len(pairs), sum(pairs)))
    matches = match_points(
        Points(np.zeros(n, int), *a.T), Points(np.zeros(m, int), *b.T), tolerance
    )
    assert (-len(matches), np.sum(matches.distance_nm**2)) == pytest.approx(best)


def test_empty_tables_match_nothing():
    some, none = table((0, 0, 0)), table()
    assert len(match(none, some, 100)) == len(match(some, none, 100)) == 0
    assert len(match(none, none, 100)) == 0


def test_groups_of_frames_change_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    truth = Points(rng.integers(0, 30, 2000), *rng.uniform(0, 3000, (2, 2000)))
    found = Points(rng.integers(0, 30, 1500), *rng.uniform(0, 3000, (2, 1500)))
    whole = match_points(found, truth, 150)
    monkeypatch.setattr("deep_storm.quality.matching.POINTS_AT_A_TIME", 100)
    parts = match_points(found, truth, 150)
    assert np.array_equal(whole.localization, parts.localization)
    assert np.array_equal(whole.emitter, parts.emitter)


def test_crowded_stacks_are_fast():
    rng = np.random.default_rng(0)
    frame = np.repeat(np.arange(60), 225)
    xy = rng.uniform(0, 5000, (2, len(frame)))
    found = Points(frame, *(xy + rng.normal(0, 40, xy.shape)))
    start = time.process_time()
    assert len(match_points(found, Points(frame, *xy), 250)) > 0.95 * len(frame)
    assert time.process_time() - start < 5  # takes 0.2 s; a dense matrix per frame would not


def test_large_frame_numbers_keep_frames_apart():
    frame = np.array([10**9, 10**9 + 1])
    still = np.zeros(2)
    matches = match_points(
        Points(frame[:1], still[:1], still[:1]), Points(frame, still, still), 0.5
    )
    assert matches.emitter.tolist() == [0]


@pytest.mark.parametrize("tolerance", [0, -5, float("nan"), float("inf"), 1e300])
def test_refuses_a_tolerance_that_is_not_positive(tolerance):
    with pytest.raises(SettingsError, match="positive number"):
        match(table((0, 0, 0)), table((0, 0, 0)), tolerance)


def test_refuses_positions_that_are_not_numbers():
    with pytest.raises(TableError, match="the truth hold"):
        match(table((0, 0, 0)), table((0, np.nan, 0)), 100)


def test_as_many_matches_are_counted_as_a_matching_has():
    rng = np.random.default_rng(5)
    found, truth = (
        Points(rng.integers(0, 40, n), *rng.uniform(0, 1000, (2, n)), rng.uniform(-300, 300, n))
        for n in (900, 1100)
    )
    for tolerances in ((60.0,), (100.0, 150.0)):
        pairs = near_pairs(found, truth, *tolerances)
        matches = match_points(found, truth, *tolerances)
        assert match_count(*pairs) == len(matches) > 200
        some = rng.random(900) < 0.5
        kept = some[pairs[0]]
        rest = Points(*(values[some] for values in found))
        expected = len(match_points(rest, truth, *tolerances))
        assert match_count(pairs[0][kept], pairs[1][kept]) == expected
    assert match_count(*(np.empty(0, np.int64),) * 2) == 0
    nothing = Points(*(np.empty(0),) * 3)
    assert [len(side) for side in near_pairs(found, nothing, 60.0)] == [0, 0]
