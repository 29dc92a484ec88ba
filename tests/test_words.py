"""One is singular, all else plural."""

from __future__ import annotations

import pytest

from deep_storm.words import counted, duration, in_a_row, rounded


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 frames"), (1, "1 frame"), (2, "2 frames"), (12000, "12,000 frames")],
)
def test_a_number_of_things(count, expected):
    assert counted(count, "frame") == expected


def test_thousands():
    assert counted(1234567, "row", ",") == "1,234,567 rows"


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.2, "3 s"), (89, "89 s"), (120, "2 min"), (7200, "2.0 h")]
)
def test_durations_are_said_as_a_person_would(seconds, text):
    assert duration(seconds) == text


def test_durations_with_a_digit_more():
    assert [duration(s, 1) for s in (3.14, 300, 9000)] == ["3.1 s", "5.0 min", "2.5 h"]


@pytest.mark.parametrize(
    ("things", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_things_in_a_row(things, text):
    assert in_a_row(things) == text


def test_a_number_for_a_person():
    assert [rounded(value, 3) for value in (14123.0, 0.0012345, 0.0, -2.0)] == [
        14100.0, 0.00123, 0.0, -2.0,
    ]  # fmt: skip
