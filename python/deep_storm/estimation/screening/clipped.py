"""Values that were cut off at the top: by a camera of few bits, a full well, or an export."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.words import counted

Mask = npt.NDArray[np.bool_]

MIN_VALUES, MIN_PIXELS = 20, 5
"""At the largest value, and in so many pixels: fewer are chance, or a pixel that is stuck."""
BAND, BAND_STEPS = 0.05, 2.5
"""Values next to the largest one: within this share of its height above the level of the frames,
and so many steps of values at least."""
PILED_UP = 2.0
"""So many times as many values are at the largest one as next to it, where they were cut off."""


class Clipped(NamedTuple):
    """The largest value, at which others pile up.

    Attributes
    ----------
    value_adu
        That value.
    values, share
        How many there are, and their share of all.
    """

    value_adu: float
    values: int
    share: float

    def sentence(self) -> str:
        """Return what to think of it."""
        return (
            f"{counted(self.values, 'pixel value')} ({100 * self.share:.2g} % of those examined) "
            f"are {self.value_adu:g} ADU, and none is larger: bright light was clipped there, by "
            "the camera or when the frames were exported. PSF, photons and positions of bright "
            "molecules are wrong: use less gain or a shorter exposure, or the frames as the camera "
            "wrote them"
        )


def find_clipped(frames: npt.NDArray[Any], bad: Mask, level_adu: float) -> Clipped | None:
    """Find out whether values were cut off: at the largest one that their type can hold, or below.

    Parameters
    ----------
    frames
        ADU, (t, y, x); NaN where there is no measurement.
    bad
        Pixels that do not count, (y, x).
    level_adu
        Of a usual pixel.

    Returns
    -------
    None where they were not.
    """
    good = ~bad
    if not len(frames) or not good.any():
        return None
    tops = np.array([_largest(frame[good]) for frame in frames])
    most = float(tops.max())
    if not most > level_adu:
        return None
    near_top = np.flatnonzero(tops >= _near(most, level_adu))
    below = max(_largest(frames[t][good & (frames[t] < most)]) for t in near_top)
    edge = min(most - BAND_STEPS * (most - below), _near(most, level_adu))
    at, near, where = 0, 0, np.zeros(bad.shape, dtype=bool)
    for frame in (frames[t] for t in np.flatnonzero(tops >= edge)):
        there = good & (frame == most)
        at += int(np.count_nonzero(there))
        near += int(np.count_nonzero(good & (frame >= edge) & (frame < most)))
        where |= there
    if at < MIN_VALUES or np.count_nonzero(where) < MIN_PIXELS or at <= PILED_UP * near:
        return None
    return Clipped(most, at, at / (len(frames) * int(np.count_nonzero(good))))


def _near(most: float, level_adu: float) -> float:
    return most - BAND * (most - level_adu)


def _largest(values: npt.NDArray[Any]) -> float:
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    return float(values.max()) if values.size else -np.inf
