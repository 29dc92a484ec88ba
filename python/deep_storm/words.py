"""Numbers of things in words."""

from __future__ import annotations


def counted(count: int, thing: str, separator: str = "") -> str:
    """Return a number of things: ``1 frame``, ``2 frames``.

    Parameters
    ----------
    count
        How many.
    thing
        One of them; its plural must end with s.
    separator
        Of thousands: none, or a comma in reports.
    """
    return f"{count:{separator}} {thing}{'' if count == 1 else 's'}"
