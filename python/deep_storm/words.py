"""Numbers and durations in words."""

from __future__ import annotations

from collections.abc import Sequence

FIVE_DIGITS = 10_000


WARNING = "Warning: "
"""How a note begins that says what is probably wrong."""


def counted(count: int, thing: str, separator: str = "") -> str:
    """Return a number of things: ``1 frame``, ``2 frames``, ``15,601 localizations``.

    Parameters
    ----------
    count
        How many.
    thing
        One of them; its plural must end with s.
    separator
        Of thousands: a comma in reports; elsewhere only numbers of five digits and more have one.
    """
    separator = separator or ("," if abs(count) >= FIVE_DIGITS else "")
    return f"{count:{separator}} {thing}{'' if count == 1 else 's'}"


def in_a_row(things: Sequence[str]) -> str:
    """Return things in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(things[:-1]), *things[-1:])))


def rounded(value: float, digits: int = 5) -> float:
    """Return a number with so many significant digits: a person reads it."""
    return float(f"{value:.{digits}g}")


def duration(seconds: float, digits: int = 0) -> str:
    """Return a time in a convenient unit: ``45 s``, ``12 min``, ``3.5 h``.

    ``digits`` are those after the point of seconds and minutes.
    """
    if seconds < 90:
        return f"{seconds:.{digits}f} s"
    return f"{seconds / 60:.{digits}f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
