"""Invalid pixels and frames.

NaN, infinite, absurdly large and saturated pixels are filled from their valid neighbours before the
network sees them, as in :mod:`deep_storm.estimation.screening`, so that one broken pixel does not
spoil its surroundings. A saturated pixel in bright light stays as it is: there is at least so much,
and with its neighbours' mean the molecule would have a hole in the middle.
A frame whose pixels are all the same (a dropped frame, a closed shutter without noise) or all
invalid is *dead*: it gives no localization.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.screening.transients import fill

SHARPEST_PSF = 0.12
"""Mean light of the neighbours over that of the brightest pixel: a PSF of 0.5 pixels has 0.15."""
MAX_ADU = 1e30
"""No camera counts so far; beyond it float32 would become infinite on the way to photons."""


class Repaired(NamedTuple):
    """Frames with invalid pixels filled.

    Attributes
    ----------
    adu
        ``(n, y, x)`` float32.
    dead
        ``(n,)`` bool.
    replaced
        ``(n,)``: pixels that were replaced in each frame; none in dead ones.
    """

    adu: npt.NDArray[np.float32]
    dead: npt.NDArray[np.bool_]
    replaced: npt.NDArray[np.int64]


def repair(frames: npt.NDArray[Any]) -> Repaired:
    """Replace invalid and saturated pixels, mark dead frames.

    Parameters
    ----------
    frames
        ``(n, y, x)`` of any real dtype; whole numbers are saturated at the largest of their type.
    """
    lowest, highest = frames.min(axis=(1, 2)), frames.max(axis=(1, 2))
    if frames.dtype.kind in "ui":
        suspicious = highest == np.iinfo(frames.dtype).max
    else:
        suspicious = ~((lowest >= -MAX_ADU) & (highest <= MAX_ADU))  # NaN too
    dead = lowest == highest
    with np.errstate(over="ignore", invalid="ignore"):  # of float64, in pixels that are replaced
        adu = frames.astype(np.float32)
    replaced = np.zeros(len(frames), np.int64)
    for number in np.flatnonzero(suspicious & ~dead):
        broken = _broken(frames[number])
        dead[number] = broken.all()
        if not dead[number]:
            filled = fill(adu[number], broken)
            if frames.dtype.kind in "ui":
                broken &= ~_in_light(filled, adu[number], broken)
            adu[number][broken] = filled[broken]
            replaced[number] = broken.sum()
    adu[dead & suspicious] = 0.0
    return Repaired(adu, dead, replaced)


def _in_light(
    filled: npt.NDArray[np.float32],
    frame: npt.NDArray[np.float32],
    saturated: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """Return which pixels have so bright neighbours as light has."""
    usual = np.median(frame[~saturated])
    return np.asarray(filled - usual > SHARPEST_PSF * (frame - usual))


def _broken(frame: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return the pixels of a frame that hold no measurement."""
    if frame.dtype.kind in "ui":
        return np.asarray(frame == np.iinfo(frame.dtype).max)
    return np.asarray(~(np.abs(frame) <= MAX_ADU))  # NaN too
