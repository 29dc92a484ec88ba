"""The docstring of a verb with its single settings, for ``help`` and notebooks.

They are declared in the settings classes; written into each docstring they would be there twice.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

from deep_storm.settings import describe_range, field_default

if TYPE_CHECKING:
    from deep_storm.interface.declaration import Verb

_LATER = re.compile(r"^(Returns|Yields|Raises|Warns|See Also|Notes|References|Examples)\n-+$", re.M)
"""Sections that numpydoc has behind the parameters."""


def with_settings(verb: Verb) -> str | None:
    """Return the docstring of a verb's function with a section on each setting.

    Returns
    -------
    None where docstrings were left out (``python -OO``).
    """
    text = inspect.getdoc(verb.function)
    if text is None or not verb.settings:
        return text
    lines = [line for parameter in verb.settings for line in _lines(verb, parameter)]
    lines += [
        "config",
        "    Settings file (TOML) with sections of these; what is given overrides it.",
    ]
    section = "\n".join(["Other Parameters", "----------------", *lines])
    later = _LATER.search(text)
    place = later.start() if later else len(text)
    parts = (text[:place].rstrip(), section, text[place:])
    return "\n\n".join(part for part in parts if part)


def _lines(verb: Verb, parameter: str) -> list[str]:
    """Describe the settings of a class; none of one that is given whole."""
    cls = verb.settings[parameter]
    if parameter == verb.whole:
        return []
    lines = []
    for name, field in cls.model_fields.items():
        default = field_default(cls, name)
        known = "" if default in (None, ...) else f", default {default!r}"
        lines += [name, f"    {field.description} [{describe_range(cls, name)}{known}]"]
    return lines
