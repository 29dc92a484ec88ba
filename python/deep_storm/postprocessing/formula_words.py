"""The tokens of ThunderSTORM's formula language (see :mod:`deep_storm.postprocessing.formula`)."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from deep_storm.errors import FormulaError

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<foreign>>=|<=|=>|=<|==|&&|\|\||<>|\*\*|:=)"
    r"|(?P<bare>\.\d+)"
    r"|(?P<exponent>\d+(?:\.\d*)?[eE][+-]?\d+(?![#_a-zA-Z0-9]))"
    r"|(?P<number>\d+(?:\.\d*)?(?![#_a-zA-Z0-9.]))"
    r"|(?P<name>[#_a-zA-Z0-9]*[#_a-zA-Z][#_a-zA-Z0-9]*)"
    r"|(?P<sign>!=|[-|&=<>+*/%^()!])"
)
_INSTEAD = {
    ">=": "a > b | a = b",
    "=>": "a > b | a = b",
    "<=": "a < b | a = b",
    "=<": "a < b | a = b",
    "==": "=",
    ":=": "=",
    "&&": "&",
    "||": "|",
    "<>": "!=",
    "**": "^",
}


class Token(NamedTuple):
    """A token of a formula and its position."""

    kind: str
    text: str
    position: int


def tokens(formula: str) -> list[Token]:
    """Split a formula into tokens; the last one is its end.

    Raises
    ------
    FormulaError
        Something is not of the language, or ThunderSTORM would read it as something else.
    """
    found: list[Token] = []
    position = 0
    while position < len(formula):
        match = _TOKEN.match(formula, position)
        if match is None:
            _refuse_character(formula, position)
        token = Token(str(match.lastgroup), match[0], position)
        _refuse_foreign(formula, token)
        if token.kind != "space":
            found.append(token)
        position = match.end()
    return [*found, Token("end", "", len(formula.rstrip()))]


def _refuse_character(formula: str, position: int) -> NoReturn:
    character = formula[position]
    advice = {
        ",": "write numbers with a decimal point",
        ";": "join two conditions with &",
        "[": "write a column without its unit, such as x for x [nm]",
        "{": "group with parentheses",
    }.get(character, "remove it")
    if re.match(r"\d[\d.]*[#_a-zA-Z.]", formula[position:]):
        word = re.match(r"[\d.#_a-zA-Z]+", formula[position:])
        raise error_at(
            formula,
            position,
            f"the number {word[0] if word else character!r} cannot be read",
            "a number such as 20 or 0.5",
            "write a number and a column apart, with an operator between them",
        )
    raise error_at(
        formula, position, f"the formula has {character!r}", "ThunderSTORM's language", advice
    )


def _refuse_foreign(formula: str, token: Token) -> None:
    """Refuse what ThunderSTORM would interpret differently."""
    if token.kind == "foreign":
        instead = _INSTEAD[token.text]
        raise error_at(
            formula,
            token.position,
            f"the formula has {token.text!r}",
            "one of | & = != < > + - * / % ^",
            f"ThunderSTORM's language has no {token.text!r}; write {instead}",
        )
    if token.kind == "bare":
        raise error_at(
            formula,
            token.position,
            f"the formula has {token.text!r}",
            "a digit before the point",
            f"write 0{token.text}",
        )
    if token.kind == "exponent":
        raise error_at(
            formula,
            token.position,
            f"the formula has {token.text!r}",
            "a number without an exponent",
            f"write {_plain(float(token.text))}",
        )


def _plain(value: float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".")


def error_at(
    formula: str, position: int, received: str, expected: str, advice: str
) -> FormulaError:
    """Return an error that shows the position."""
    place = f"at character {position + 1}" if position < len(formula.rstrip()) else "at its end"
    return FormulaError(f"{received} {place}", expected, advice, formula, position)
