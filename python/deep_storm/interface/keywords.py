"""Errors for who calls a verb from Python: keywords, where the command line has options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deep_storm.settings import choices

if TYPE_CHECKING:
    from deep_storm.interface.declaration import Verb

_OPTION = re.compile(
    r"(?:deep-storm |`)[a-z-]+(?: [a-z-]+)*|(?<![\w/\\.-])(--[a-z][a-z0-9-]*)(?: ([\w.,:]*[\w:]))?"
)
"""An option, with the word behind it, which may be its value; not in a command or a path."""
_OUTPUT = re.compile(r"(?<!\S)-o(?![\w/-])")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_TEXT = re.compile(r"\d*:\d*|[\w.]+\.(?:toml|csv|tif)|[A-Z]+(?:,[A-Z]+)*|auto|general|none")
"""Values by their form alone: frames, files, ``X,Y,WIDTH,HEIGHT``, names of models."""


def in_keywords(text: str, verb: Verb) -> str:
    """Replace the options of a verb in a text by its keywords: ``--bins 6`` by ``bins=6``.

    What is no option of the verb stays.
    """
    names = {"--" + name.replace("_", "-"): name for name in (*verb.parameters, *verb.fields)}
    names |= {a.option: a.name for a in verb.arguments if a.option}
    names["--config"] = "config"

    def keyword(match: re.Match[str]) -> str:
        name, word = names.get(match[1] or ""), match[2] or ""
        if name is None:
            return match[0]
        if _NUMBER.fullmatch(word):
            return f"{name}={word}"
        if _TEXT.fullmatch(word) or word in _choices(verb, name):
            return f'{name}="{word}"'
        left_out = match.string[: match.start()].endswith(("leave ", "leave out "))
        flag = "=True" if _is_flag(verb, name) and not left_out else ""
        return f"{name}{flag} {word}".rstrip()

    return _OUTPUT.sub("output", _OPTION.sub(keyword, text))


def _is_flag(verb: Verb, name: str) -> bool:
    if name in verb.fields:
        return _annotation(verb, name) is bool
    return name in verb.parameters and verb.parameters[name].default is False


def _choices(verb: Verb, name: str) -> tuple[str, ...]:
    return choices(_annotation(verb, name)) if name in verb.fields else ()


def _annotation(verb: Verb, name: str) -> object:
    return verb.settings[verb.fields[name]].model_fields[name].annotation
