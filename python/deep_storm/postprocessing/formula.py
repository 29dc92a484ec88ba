"""ThunderSTORM's formula language [1]_: text → syntax tree, by a parser of our own.

From the weakest to the strongest: ``|``, ``&``, one of ``= != < >``, ``+ -``, ``* / %``, ``^``,
then numbers, columns, ``function(…)`` and parentheses; ``!(…)`` negates a condition. Formulas that
ThunderSTORM would not take, would take for something else, or would read only in part are
refused, so that what is accepted here chooses the same rows there::

    confidence > 0.5 & uncertainty_xy < 20
    (x - 10000)^2 + (y - 10000)^2 < 2000^2
    intensity > mean(intensity) - 2*std(intensity)

References
----------
.. [1] M. Ovesný et al., "ThunderSTORM: a comprehensive ImageJ plug-in for PALM and STORM data
   analysis and super-resolution imaging", Bioinformatics 30, 2389 (2014).
   https://doi.org/10.1093/bioinformatics/btu202
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from deep_storm.errors import FormulaError
from deep_storm.postprocessing.formula_words import Token, error_at, tokens

FUNCTIONS = ("var", "std", "mean", "median", "max", "min", "sum", "abs")
MAX_NESTED = 20
_COMPARISONS = ("=", "!=", "<", ">")


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float
    position: int


@dataclass(frozen=True)
class Name:
    """A column of the table."""

    name: str
    position: int


@dataclass(frozen=True)
class Call:
    """A function of :data:`FUNCTIONS` with its argument."""

    function: str
    argument: Node
    position: int


@dataclass(frozen=True)
class Unary:
    """``-a`` or ``!a``."""

    operator: str
    operand: Node
    position: int


@dataclass(frozen=True)
class Binary:
    """Two operands with an operator between them; the position is the operator's."""

    operator: str
    left: Node
    right: Node
    position: int


Node: TypeAlias = Number | Name | Call | Unary | Binary


def parse(formula: str) -> Node:
    """Parse a formula into a syntax tree.

    Raises
    ------
    FormulaError
        It is not of the language; the error tells the place.
    """
    return _Parser(formula).whole()


class _Parser:
    """Recursive descent, one method for each precedence of operators."""

    def __init__(self, formula: str) -> None:
        self._formula = formula
        if not formula.strip():
            raise self._error(0, "the formula is empty", "a condition", "try confidence > 0.5")
        self._tokens = tokens(formula)
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._or()
        token = self._token
        if token.kind == "end":
            return node
        if token.text == ")":
            raise self._error(
                token.position, "the formula has one ')' too many", "a '(' for it", "remove it"
            )
        raise self._error(
            token.position,
            f"the formula continues with {token.text!r}",
            "an operator",
            "join two conditions with & or |",
        )

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self, *texts: str) -> Token | None:
        """Return the next token if it is one of these operators, and move behind it."""
        token = self._token
        if token.kind != "sign" or token.text not in texts:
            return None
        self._next += 1
        return token

    def _or(self) -> Node:
        left = self._and()
        while operator := self._take("|"):
            left = Binary("|", left, self._and(), operator.position)
        return left

    def _and(self) -> Node:
        left = self._comparison()
        while operator := self._take("&"):
            left = Binary("&", left, self._comparison(), operator.position)
        return left

    def _comparison(self) -> Node:
        left = self._sum()
        operator = self._take(*_COMPARISONS)
        if operator is None:
            return left
        node = Binary(operator.text, left, self._sum(), operator.position)
        again = self._take(*_COMPARISONS)
        if again is not None:
            raise self._error(
                again.position,
                f"the formula compares twice in a row, with {again.text!r}",
                "one comparison",
                "write a < b & b < c for a < b < c",
            )
        return node

    def _sum(self) -> Node:
        left = self._product()
        while operator := self._take("+", "-"):
            left = Binary(operator.text, left, self._product(), operator.position)
        return left

    def _product(self) -> Node:
        left = self._signed()
        while operator := self._take("*", "/", "%"):
            left = Binary(operator.text, left, self._signed(), operator.position)
        return left

    def _signed(self) -> Node:
        minus = self._take("-")
        if minus is None:
            return self._power()
        self._deeper(minus.position)
        node = Unary("-", self._signed(), minus.position)
        self._depth -= 1
        return node

    def _power(self) -> Node:
        base = self._atom()
        operator = self._take("^")
        if operator is None:
            return base
        minus = self._take("-")
        exponent = self._atom()
        if minus is not None:
            exponent = Unary("-", exponent, minus.position)
        again = self._take("^")
        if again is not None:
            raise self._error(
                again.position, "the formula has two '^' in a row", "one", "put parentheses"
            )
        return Binary("^", base, exponent, operator.position)

    def _atom(self) -> Node:
        token = self._token
        if token.kind == "number":
            self._next += 1
            return Number(float(token.text), token.position)
        if token.kind == "name":
            self._next += 1
            return self._named(token)
        if self._take("("):
            return self._inside(token)
        if self._take("!"):
            bracket = self._take("(")
            if bracket is None:
                raise self._error(
                    self._token.position,
                    "'!' without parentheses",
                    "!(condition)",
                    "put parentheses",
                )
            return Unary("!", self._inside(bracket), token.position)
        found = f"there is {token.text!r}" if token.text else "there is nothing"
        raise self._error(
            token.position,
            f"{found} where a value is expected",
            "a number, a column or '('",
            "complete the formula",
        )

    def _named(self, token: Token) -> Node:
        bracket = self._take("(")
        if bracket is None:
            return Name(token.text, token.position)
        if token.text not in FUNCTIONS:
            raise self._error(
                token.position,
                f"there is no function {token.text!r}",
                f"one of {', '.join(FUNCTIONS)}",
                "write * to multiply",
            )
        return Call(token.text, self._inside(bracket), token.position)

    def _inside(self, bracket: Token) -> Node:
        """Read up to the parenthesis that closes ``bracket``."""
        self._deeper(bracket.position)
        node = self._or()
        if self._take(")") is None:
            token = self._token
            if token.kind == "end":
                raise self._error(
                    bracket.position, "the '(' is never closed", "a ')' for it", "add ')'"
                )
            raise self._error(
                token.position,
                f"the formula continues with {token.text!r}",
                "an operator or ')'",
                "join two conditions with & or |",
            )
        self._depth -= 1
        return node

    def _deeper(self, position: int) -> None:
        self._depth += 1
        if self._depth > MAX_NESTED:
            raise self._error(
                position, "the formula is nested too deeply", f"at most {MAX_NESTED} levels", ""
            )

    def _error(self, position: int, received: str, expected: str, advice: str) -> FormulaError:
        return error_at(self._formula, position, received, expected, advice)
