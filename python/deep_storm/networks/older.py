"""Weights of older versions of the ``native`` network, and how they lie in that of today.

In versions 1 to 3 three convolutions, the first one of each resolution, were scaled and shifted: by
linear functions of the five basic expectations (version 1), and of a hidden layer that sees all of
them. So they are special cases of today's functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deep_storm.networks.base import (
    BASIC_EXPECTATIONS,
    HIDDEN_CONDITIONS,
    WITH_CODE,
    WITH_NEIGHBOURS,
    Float32,
)
from deep_storm.networks.unet import NEIGHBOURS

FIRST = (1, 3, 5)
"""Numbers of the convolutions that were conditioned."""
LAST = 12
BESIDE = (
    *(f"{NEIGHBOURS}_{layer}/{w}" for layer in ("seen", "compared") for w in ("kernel", "bias")),
    f"{NEIGHBOURS}_added/kernel",
)
"""Weights of the layers that see the frames before and after."""
BASIC = slice(1, 1 + BASIC_EXPECTATIONS)
HIDDEN_ONES = slice(BASIC.stop, BASIC.stop + HIDDEN_CONDITIONS)
"""Where the conditions of before lie in those of today."""


def names(version: int) -> list[str]:
    """Return the names of the weights of a version, in the order in which they were kept."""
    return [name for name in _names_of_all(version) if _had(name, version)]


def _had(name: str, version: int) -> bool:
    if version < WITH_CODE and name.startswith(("hidden", "scale", "shift")):
        return False
    return version >= WITH_NEIGHBOURS or not name.startswith(NEIGHBOURS)


def _names_of_all(version: int) -> Iterator[str]:
    yield from ("hidden/kernel", "hidden/bias")
    for n in range(1, LAST + 1):
        own = (f"convolution_{n}/kernel", f"convolution_{n}/bias")
        basic = (f"basic_{n}/kernel",)
        if n in FIRST:
            yield from (f"scale_{n}/kernel", f"scale_{n}/bias")
            yield from (*basic, *own) if version < WITH_CODE else (*own, *basic)
            yield from (f"shift_{n}/kernel", f"shift_{n}/bias")
        else:
            yield from own
        if n == FIRST[0]:
            yield from BESIDE[:-1]
        if n == FIRST[0] + 1:
            yield BESIDE[-1]
    yield from ("cells/kernel", "cells/bias")


def as_today(
    weights: Sequence[Float32], version: int, today: Mapping[str, Float32]
) -> dict[str, Float32]:
    """Lay weights of an older version out as those of today.

    Parameters
    ----------
    weights
        In the order of :func:`names`.
    version
        That they are of.
    today
        Weights of an untrained network of today by their names: of layers that came later.
    """
    older = dict(zip(names(version), weights, strict=True))
    made = {name: older.get(name, w.copy()) for name, w in today.items()}
    if "hidden/kernel" in older:
        made["conditions/hidden_kernel"] = older["hidden/kernel"]
        made["conditions/hidden_bias"] = older["hidden/bias"]
    for n in FIRST:
        for part, rows, columns in _blocks(n, today):
            if part in older:
                made[f"convolution_{n}/functions"][rows, columns] = older[part]
    return made


def as_before(weights: Mapping[str, Float32], version: int) -> list[Float32]:
    """Return weights of today, which were laid out from those of a version, as they were."""
    older = {
        "hidden/kernel": weights["conditions/hidden_kernel"],
        "hidden/bias": weights["conditions/hidden_bias"],
    }
    for n in FIRST:
        for part, rows, columns in _blocks(n, weights):
            older[part] = weights[f"convolution_{n}/functions"][rows, columns]
    return [older[name] if name in older else weights[name] for name in names(version)]


def _blocks(n: int, weights: Mapping[str, Float32]) -> list[tuple[str, Any, slice]]:
    """Return the parts of the functions of a convolution that there were: name, rows, columns."""
    rank, out = weights[f"convolution_{n}/up"].shape
    scale, shift = slice(rank, rank + out), slice(rank + out, rank + 2 * out)
    return [
        (f"scale_{n}/bias", 0, scale),
        (f"scale_{n}/kernel", HIDDEN_ONES, scale),
        (f"shift_{n}/bias", 0, shift),
        (f"shift_{n}/kernel", HIDDEN_ONES, shift),
        (f"basic_{n}/kernel", BASIC, shift),
    ]
