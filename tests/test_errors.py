"""Errors survive every border that they cross: between processes, and into Fiji's dialogs."""

from __future__ import annotations

import copy
import pickle

import pytest

from deep_storm import errors
from deep_storm.errors import DeepStormError, FormulaError, StackError
from deep_storm.fiji.exchange import (
    MIN_BLOCK_BYTES,
    error_as_bytes,
    error_as_data,
    error_from_bytes,
    error_from_data,
)
from deep_storm.runs.result import PartlyReadError

FORMULA = FormulaError("a number is missing", "one", "add it", "x >\t> 5", 4)
UNREADABLE = PartlyReadError(
    StackError("frame 7 is cut off", "a complete file"), "copy it", {"n": 6}
)


ALL = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, DeepStormError)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_says_received_expected_and_advice(kind):
    assert str(kind("a is 1.", "2", "change it")) == "a is 1; expected 2: change it."


@pytest.mark.parametrize("error", [FORMULA, UNREADABLE, StackError("a", "b", "c")])
@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_an_error_is_the_same_after_pickling(error, again):
    other = again(error)
    assert type(other) is type(error)
    assert (str(other), vars(other), other.args) == (str(error), vars(error), error.args)


@pytest.mark.parametrize(
    "crossing",
    [lambda e: error_from_data(error_as_data(e)), lambda e: error_from_bytes(error_as_bytes(e))],
    ids=["message", "shared memory"],
)
def test_an_error_is_the_same_in_fiji(crossing):
    other = crossing(FORMULA)
    assert type(other) is FormulaError
    assert str(other) == str(FORMULA)
    assert str(other).endswith("\n  x > > 5\n      ^")
    assert type(crossing(UNREADABLE)) is StackError  # what was read stays in the worker
    assert str(crossing(UNREADABLE)) == str(UNREADABLE)


def test_an_error_of_any_length_fits_into_the_block():
    long = FormulaError("ü" * 10_000, "ü" * 10_000, "ü" * 10_000, "ü" * 10_000, 5)
    content = error_as_bytes(long)
    assert len(content) <= MIN_BLOCK_BYTES
    assert error_from_bytes(content).received.startswith("üüü")


def test_the_place_in_a_formula_is_said_in_any_font():
    assert FORMULA.in_any_font().endswith("\nx >  [here:] > 5")
    assert FormulaError("no condition").in_any_font() == "no condition."
