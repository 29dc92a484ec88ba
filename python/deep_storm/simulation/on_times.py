"""For how many frames emitters are on: a time with parts of frames, or whole frames in a row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deep_storm.settings import Emitters

FloatArray = npt.NDArray[np.float64]


def mean_frames_seen(emitters: Emitters) -> float:
    """Return the mean number of frames that an emitter is seen in.

    With a mean on-time of T frames it is T + 1, of which the first and the last are seen in part.
    """
    on = emitters.on_time_frames
    return on + 1.0 if on > 0 else emitters.seen_frames


def draw_on_times(
    emitters: Emitters, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw when emitters switch on within their first frame, and for how long they are on.

    Both kinds age without memory: what is left of the time of those that are on already is
    distributed as the whole.

    Returns
    -------
    Parts of a frame, and frames: float64 of shape (count,) each.
    """
    if emitters.on_time_frames > 0:
        return rng.random(count), rng.exponential(emitters.on_time_frames, count)
    return np.zeros(count), rng.geometric(1.0 / emitters.seen_frames, count).astype(np.float64)
