"""Invalid pixels and frames.

NaN, infinite, absurdly large and saturated pixels are replaced by the mean of their valid
neighbours before the network sees them, so that one broken pixel does not spoil its surroundings.
A frame whose pixels are all the same (a dropped frame, a closed shutter without noise) or all
invalid is *dead*: it gives no localization.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

MAX_ADU = 1e30
"""No camera counts so far; beyond it float32 would become infinite on the way to photons."""
REACHES_PX = (1, 3, 8)
"""A hole is filled from neighbours this far away, the nearest reach that has any."""


class Repaired(NamedTuple):
    """Frames with invalid pixels filled.

    Attributes
    ----------
    adu
        ``(n, y, x)`` float32.
    dead
        ``(n,)`` bool.
    replaced
        Number of pixels that were replaced, dead frames not counted.
    """

    adu: npt.NDArray[np.float32]
    dead: npt.NDArray[np.bool_]
    replaced: int


def repair(frames: npt.NDArray[Any]) -> Repaired:
    """Replace invalid and saturated pixels, mark dead frames.

    Parameters
    ----------
    frames
        ``(n, y, x)`` of any real dtype; whole numbers are saturated at the largest of their type.
    """
    lowest, highest = frames.min(axis=(1, 2)), frames.max(axis=(1, 2))
    if frames.dtype.kind in "ui":
        broken = frames == np.iinfo(frames.dtype).max
        suspicious = highest == np.iinfo(frames.dtype).max
    else:
        broken = ~(np.abs(frames) <= MAX_ADU)  # NaN too
        suspicious = ~((lowest >= -MAX_ADU) & (highest <= MAX_ADU))
    dead = (lowest == highest) | broken.all(axis=(1, 2))
    with np.errstate(over="ignore", invalid="ignore"):  # of float64, in pixels that are replaced
        adu = frames.astype(np.float32)
    replaced = 0
    for number in np.flatnonzero(suspicious & ~dead):
        adu[number] = _filled(adu[number], broken[number])
        replaced += int(broken[number].sum())
    adu[dead & suspicious] = 0.0
    return Repaired(adu, dead, replaced)


def _filled(frame: npt.NDArray[np.float32], broken: npt.NDArray[np.bool_]) -> Any:
    """Fill invalid pixels with the mean of the valid ones around, farther away if necessary."""
    from scipy.ndimage import uniform_filter

    valid = ~broken
    known = np.where(valid, frame, 0.0).astype(np.float64)
    filled = np.where(valid, frame, np.median(frame[valid])).astype(np.float32)
    todo = broken.copy()
    for reach in REACHES_PX:
        size = 2 * reach + 1
        weight = uniform_filter(valid.astype(np.float64), size, mode="constant")
        total = uniform_filter(known, size, mode="constant")
        here = todo & (weight > 0.5 / size**2)
        filled[here] = (total[here] / weight[here]).astype(np.float32)
        todo &= ~here
    return filled
