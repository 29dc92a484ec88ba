"""Frames chosen by a text, ``FIRST:LAST``: the setting, and what the text means."""

from __future__ import annotations

import re
from typing import Any

from deep_storm.errors import SettingsError
from deep_storm.settings.base import setting

EXAMPLE = "1:30"
_SPAN = re.compile(r"\s*(\d{0,15})\s*:\s*(\d{0,15})\s*")
"""More digits than any movie has frames would make numbers that Python refuses."""


def frames_setting(description: str, label: str = "Frames") -> Any:
    """Declare a field that says which frames are used; see :func:`~.base.setting`."""
    return setting(
        None,
        description,
        pattern=r"^\d*:\d*$|^\d+$",
        example=EXAMPLE,
        form="FIRST:LAST or a single frame",
        label=label,
    )


def frame_range(text: str) -> tuple[int, int | None]:
    """Return the first and the last frame of a text, both counted from 0.

    Parameters
    ----------
    text
        ``"1:30"``, ``"5:"``, ``":30"``, ``"7"`` (that frame alone), ``":"``: counted from 1, the
        last one included.

    Returns
    -------
    The first frame, and the last one; None where that is open.

    Raises
    ------
    SettingsError
        The text is something else, FIRST is 0, or LAST comes before it.
    """
    match = _SPAN.fullmatch(text if ":" in text else f"{text}:{text}" if text.strip() else ":")
    first = int(match[1] or 1) if match else 0
    last = int(match[2]) if match and match[2] else None
    if first < 1 or (last is not None and last < first):
        raise SettingsError(
            f"frames is {text!r}",
            f"FIRST:LAST, counted from 1, with LAST not before FIRST, such as {EXAMPLE}",
            "change --frames",
        )
    return first - 1, None if last is None else last - 1
