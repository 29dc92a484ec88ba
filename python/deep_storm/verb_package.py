"""Packages with the name of a verb, which can be called as the verb.

``deep_storm.report`` holds what draws reports, and ``ds.report("movie-run.toml")`` writes one. A
package becomes an attribute of its parent as soon as anything in it is imported, so no function of
that name can stand beside it; but a module may be of a class of ours
(https://docs.python.org/3/reference/datamodel.html#customizing-module-attribute-access).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from deep_storm.names import VERBS


class VerbPackage(ModuleType):
    """A package that can be called like the verb of its name."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the verb."""
        return self._verb()(*args, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        """The verb's signature, for ``help`` and editors."""
        return inspect.signature(self._verb())

    def _verb(self) -> Callable[..., Any]:
        name = self.__name__.rpartition(".")[2]
        verb: Callable[..., Any] = getattr(import_module(VERBS[name]), name)
        return verb


def make_callable(package: str) -> None:
    """Make a package (its ``__name__``) callable as the verb of its name."""
    sys.modules[package].__class__ = VerbPackage
