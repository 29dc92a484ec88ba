import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_storm.errors import FormulaError
from deep_storm.postprocessing.evaluation import chosen_rows, row_values
from deep_storm.postprocessing.formula import parse


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "frame": [0, 0, 1, 2],
            "x_nm": [0.0, 10.0, 20.0, 30.0],
            "y_nm": [5.0, 5.0, -7.0, 5.0],
            "intensity_photon": [100.0, 200.0, 300.0, np.nan],
            "confidence": [0.2, 0.5, 0.9, 1.0],
            "z_nm": [1.0, 2.0, 3.0, 4.0],
            "uncertainty_xy_nm": [10.0, 20.0, 30.0, 40.0],
        }
    )


def kept(table, formula):
    return (np.flatnonzero(chosen_rows(table, formula)) + 1).tolist()


@pytest.mark.parametrize(
    ("formula", "rows"),
    [
        ("confidence > 0.5", [3, 4]),
        ("confidence > 0.5 & uncertainty_xy < 40", [3]),
        ("x = 10 | x = 30", [2, 4]),
        ("x != 10", [1, 3, 4]),
        # & is stronger than |
        ("x = 0 | x > 10 & y < 0", [1, 3]),
        ("(x = 0 | x > 10) & y < 0", [3]),
        # arithmetic before comparison, * before +, ^ before *
        ("x + 2 * 10 < 35", [1, 2]),
        ("2 * x ^ 2 < 500", [1, 2]),
        ("-x ^ 2 < -50", [2, 3, 4]),
        ("x - 10 - 10 = 0", [3]),
        ("x / 10 / 2 = 1", [3]),
        ("x^-1 > 0.06", [1, 2]),
        # the remainder has the sign of the dividend, as in Java
        ("y % 5 = -2", [3]),
        ("abs(y) > 6", [3]),
        ("(x-10)^2 + (y-5)^2 < 11^2", [1, 2]),
        ("x > mean(x)", [3, 4]),
        ("x = max(x) | x = min(x)", [1, 4]),
        ("x < median(x)", [1, 2]),
        ("sum(x) = 60 & x = x", [1, 2, 3, 4]),
        ("x > std(x) & var(x) > 166.6 & var(x) < 166.7", [3, 4]),
        # cells that are no number are never chosen, and do not spoil a mean
        ("intensity > 0", [1, 2, 3]),
        ("intensity = mean(intensity)", [2]),
        # names: without units, ThunderSTORM's frames and ids from 1, v1.3's uncertainty, our own
        ("frame = 1", [1, 2]),
        ("id > 2", [3, 4]),
        ("uncertainty < 15", [1]),
        ("x_nm = 20", [3]),
        ("z > 3", [4]),
        ("!(x > 10)", [1, 2]),
        ("x>0&x<30", [2, 3]),
        ("x > 5.", [2, 3, 4]),
    ],
)
def test_a_formula_chooses_the_rows_that_thunderstorm_would(table, formula, rows):
    assert kept(table, formula) == rows


@pytest.mark.parametrize(
    ("formula", "position", "words"),
    [
        ("", 0, "empty"),
        ("x >= 5", 2, "x > b|a > b"),
        ("x <= 5", 2, "a < b"),
        ("x == 5", 2, "write ="),
        ("x > 5 && y > 5", 6, "write &"),
        ("x > 5 || y > 5", 6, "write |"),
        ("x > .5", 4, "write 0.5"),
        ("x > 1e3", 4, "write 1000"),
        ("x > 1,5", 5, "decimal point"),
        ("x [nm] > 5", 2, "without its unit"),
        ("x > 5 y", 6, "continues with 'y'"),
        ("1 < x < 5", 6, "a < b & b < c"),
        ("x^2^2 > 5", 3, "parentheses"),
        ("(x > 5", 0, "never closed"),
        ("x > 5)", 5, "too many"),
        ("x > ", 3, "at its end"),
        ("sqrt(x) > 1", 0, "no function 'sqrt'"),
        ("confidense > 1", 0, "did you mean confidence?"),
        ("x > 5 & y", 8, "there is a number"),
        ("(x > 5) + 1 > 0", 3, "there is a condition"),
        ("x + 1", 2, "a value of each row"),
        ("5 > 3", 2, "a single value"),
        ("x ^ y > 1", 4, "there is a column"),
        ("!x > 1", 1, "without parentheses"),
        ("5x > 1", 0, "no column '5x'"),
        ("1.2.3 > x", 0, "cannot be read"),
        ("(" * 60 + "x > 1" + ")" * 60, 20, "too deeply"),
        ("x > __import__('os')", 15, 'has "\'"'),
    ],
)
def test_an_error_points_at_the_character(table, formula, position, words):
    with pytest.raises(FormulaError) as caught:
        chosen_rows(table, formula)
    assert any(word in str(caught.value) for word in words.split("|"))
    sentence, shown, caret = str(caught.value).split("\n")
    assert sentence.endswith((".", "?"))
    assert shown == f"  {formula}"
    assert caret.index("^") - 2 == position or caught.value.position >= len(formula.rstrip())
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)


@given(st.text(alphabet="xy01.5 ><=!&|()+-*/%^,abs", max_size=30))
def test_any_text_is_a_formula_or_an_error_of_ours(text):
    rows = pd.DataFrame({"frame": [0, 1], "x_nm": [0.0, 1.0], "y_nm": [1.0, 2.0]})
    try:
        chosen = chosen_rows(rows, text)
    except FormulaError as error:
        chosen = np.zeros(len(str(error).split("\n")) - 1, bool)  # the formula, and its caret
    assert chosen.shape == (2,)


def test_a_formula_may_be_long(table):
    assert kept(table, " | ".join(f"x = {k}" for k in range(5, 3000))) == [2, 3, 4]


def test_a_formula_can_give_a_number_for_each_row(table):
    assert row_values(table, "2*uncertainty_xy").tolist() == [20, 40, 60, 80]
    assert row_values(table, "20").tolist() == [20] * 4
    with pytest.raises(FormulaError, match="there is a condition"):
        row_values(table, "x > 1")


def test_the_tree_knows_where_everything_stands():
    node = parse("x > abs(y)")
    assert (node.operator, node.position) == (">", 2)
    assert node.right.argument.position == 8
