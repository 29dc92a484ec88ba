"""The verdict on an installation stands first, and says what to do."""

from __future__ import annotations

from deep_storm.fiji.setup.installation import Installation, Part

GOOD = Part("Java", "21.0.7")
BAD = Part("Worker", "does not run", "the worker does not start", "build it again")
ABSENT = Part("ThunderSTORM", "not installed", optional=True)


def test_all_is_well():
    checked = Installation((GOOD, ABSENT), "Open a movie.")
    first, blank, *table = checked.summary().splitlines()
    assert first == "Deep-STORM is ready. Open a movie."
    assert blank == ""
    assert table == ["Java          ok        21.0.7", "ThunderSTORM  optional  not installed"]
    assert checked.to_json()["ready"] is True


def test_what_is_wrong_comes_with_what_to_do():
    checked = Installation((GOOD, BAD), "Open a movie.")
    assert checked.verdict() == (
        "Deep-STORM is not ready: the worker does not start. To fix it: build it again."
    )
    assert checked.problems == ("the worker does not start; build it again",)
    assert checked.rows()[1] == {
        "Part": "Worker",
        "State": "to fix",
        "Found": "the worker does not start; to fix it: build it again",
    }


def test_a_menu_item_does_not_end_in_four_dots():
    part = Part("Python mode", "off", "Python mode is off", "switch it on in Edit > Options...")
    assert Installation((part,)).verdict().endswith("in Edit > Options...")
    assert "...." not in Installation((part, BAD)).verdict()


def test_more_problems_are_in_the_table():
    several = Installation((BAD, BAD, BAD))
    assert several.verdict().endswith("The table names 2 more problems.")
