"""What took long to learn, learnt once and kept for the next run that would learn the same.

The key of an entry of :mod:`deep_storm.io.kept` stands for everything that goes in: what the caller
names, this program's source, the versions of what computes, the processor.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from deep_storm.errors import DeepStormError
from deep_storm.io.kept import folder_of_kept, keep, recall
from deep_storm.packages import versions

Value = TypeVar("Value")
COMPUTING = ("tensorflow", "keras", "numpy", "scipy", "numba")
"""Packages whose versions may change a result in its last digit."""
CONDITIONS = ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE")
"""Variables of the environment that may."""
_DAMAGED = (DeepStormError, AttributeError, LookupError, TypeError, ValueError)


class Learnt(NamedTuple):
    """Something learnt.

    Attributes
    ----------
    value
        The same whether it was kept or not.
    kept
        Whether it was.
    """

    value: Any
    kept: bool

    def said(self, name: str, what: str = "model and numbers") -> tuple[str, ...]:
        """Return what should be said about it, if it was kept, under a name.

        ``what``: the earlier run had the same.
        """
        if not self.kept:
            return ()
        where = f"an earlier run with the same {what} (kept in {folder_of_kept()})"
        return (f"{name} learnt in {where}",)


def learnt_once(
    key: str,
    learn: Callable[[], Value],
    to_json: Callable[[Value], Any],
    of_json: Callable[[Any], Value],
) -> Learnt:
    """Return what was kept under a key; otherwise learn it, and keep it."""
    values = recall(key)
    if values is not None:
        try:
            return Learnt(of_json(values), True)
        except _DAMAGED:  # sound, but not what belongs there
            pass
    found = learn()
    keep(key, to_json(found))
    return Learnt(found, False)


def key_of(parts: Sequence[Any], arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Return a digest of all that a result depends on; ``parts``: in JSON's types."""
    digest = hashlib.sha256()
    digest.update(json.dumps([*parts, _conditions()], sort_keys=True).encode())
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _conditions() -> list[Any]:
    """Return what computes, and how."""
    return [
        versions(COMPUTING),
        {name: os.environ.get(name) for name in CONDITIONS},
        [platform.system(), platform.machine(), _processor()],
        _source(),
    ]


@lru_cache(maxsize=1)
def _processor() -> str:
    """Return the processor's name and abilities, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return platform.processor()
    first = info.read_text(errors="replace").partition("\n\n")[0].splitlines()
    return "\n".join(line for line in first if line.startswith(("model name", "flags", "Features")))


@lru_cache(maxsize=1)
def _source() -> str:
    """Return a digest of this program's source: a change of it may change what is learnt."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
