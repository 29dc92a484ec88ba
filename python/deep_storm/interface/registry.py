"""The verbs by name."""

from __future__ import annotations

from importlib import import_module

from deep_storm.interface.declaration import Verb
from deep_storm.interface.verb import verb_of
from deep_storm.names import VERBS

NAMES: tuple[str, ...] = tuple(VERBS)
"""All verbs, in the order in which they are listed."""


def load(name: str) -> Verb:
    """Import a verb's module and return its declaration.

    Parameters
    ----------
    name
        One of :data:`NAMES`.
    """
    return verb_of(getattr(import_module(VERBS[name]), name.replace("-", "_")))
