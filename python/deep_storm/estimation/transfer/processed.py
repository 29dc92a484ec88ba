"""What was done to frames after the camera wrote them, as far as their values tell.

What their noise tells of it is in :mod:`deep_storm.estimation.transfer.gain`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

MAX_FRAMES = 40
MIN_FRAMES = 8
MAX_AT_TOP = 2
"""Pixels at the largest value of a frame, in the median: more are saturated ones."""
CUT_OFF = 0.05
"""Share of the values that are the smallest one, where others were cut off there;"""
STEPS = 5
"""the median of the others is so many steps above it (few photons per step come in few steps),"""
NEAR, PILED_UP = 0.1, 4.0
"""and so many times fewer lie within that share of the way to it."""


class Processed(NamedTuple):
    """What was done to frames.

    Attributes
    ----------
    evidence
        What their values are like.
    what
        What makes them so: ends a sentence that begins with "the frames were".
    """

    evidence: str
    what: str


def find_processing(frames: npt.NDArray[Any], bad: Mask) -> Processed | None:
    """Find out whether frames were stretched one by one, or a background was subtracted.

    Parameters
    ----------
    frames
        ADU, (t, y, x); NaN where there is no measurement.
    bad
        Pixels that do not count, (y, x).
    """
    if len(frames) < MIN_FRAMES or bad.all():
        return None
    chosen = np.unique(np.linspace(0, len(frames) - 1, MAX_FRAMES).round().astype(int))
    known = [_known(frames[t][~bad]) for t in chosen]
    known = [values for values in known if values.size]
    if len(known) < MIN_FRAMES:
        return None
    return _stretched(known) or _cut_off(known)


def _known(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values


def _stretched(known: list[npt.NDArray[Any]]) -> Processed | None:
    """Look for frames that all reach from one value to another."""
    low, high = ({float(end(values)) for values in known} for end in (np.min, np.max))
    if len(low) > 1 or len(high) > 1 or low == high:
        return None
    top = high.pop()
    if np.median([np.count_nonzero(values == top) for values in known]) > MAX_AT_TOP:
        return None
    return Processed(
        f"each frame reaches from {low.pop():g} to {top:g}",
        "stretched one by one (normalised, contrast enhanced)",
    )


def _cut_off(known: list[npt.NDArray[Any]]) -> Processed | None:
    """Look for values that pile up at the smallest one."""
    values = np.concatenate(known)
    low = values.min()
    others = values[values > low]
    if not others.size:
        return None
    step = float(others.min()) - float(low)
    way = float(np.median(others)) - float(low)
    at = values.size - others.size
    near = np.count_nonzero(others <= low + NEAR * way)
    if at < CUT_OFF * values.size or way < STEPS * step or at <= PILED_UP * near:
        return None
    return Processed(
        f"{at / values.size:.0%} of the values are exactly {low:g}",
        "cut off there (a background was subtracted, or the black level set when they were "
        "exported)",
    )
