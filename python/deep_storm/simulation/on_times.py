"""For how many frames emitters are on: a time with parts of frames, or whole frames in a row."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.settings import Emitters, field_range

FloatArray = npt.NDArray[np.float64]

SPREAD_OF_PARTS = 0.75
"""Of the relative spread that parts of frames alone make; photons that differ less are those of
emitters which switch with the frames."""


def mean_frames_seen(emitters: Emitters) -> float:
    """Return the mean number of frames that an emitter is seen in.

    With a mean on-time of T frames it is T + 1, of which the first and the last are seen in part.
    """
    on = emitters.on_time_frames
    return on + 1.0 if on > 0 else emitters.seen_frames


def moments_of_shares(on_time_frames: float) -> tuple[float, float]:
    """Return mean and mean square of the part of a frame that emitters are on for.

    Of those that are on in a frame, where they switch at any time and stay on for a time that is
    exponentially distributed (:func:`~deep_storm.simulation.emitters.draw_shares`).
    """
    time = on_time_frames
    gone = 1.0 - math.exp(-1.0 / time)
    return time / (time + 1.0), 2.0 * time**2 * (1.0 - time * gone) / (time + 1.0)


def switching_at_any_time(emitters: Emitters) -> Emitters:
    """Return emitters that are seen in several frames as such that switch at any time.

    The photons given are those of all frames that an emitter is seen in: of the first and the
    last one, too, in which it is on for a part. A network that learns from emitters that are as
    bright in each of their frames tells crowds apart by that, and fails on a movie.

    Returns
    -------
    With an on-time, and the photons of a whole frame. As they are, where photons differ so little
    that emitters switch with the frames.
    """
    if emitters.on_time_frames > 0 or emitters.seen_frames <= 1:
        return emitters
    on_time_frames = emitters.seen_frames - 1.0
    mean, of_parts = _of_parts(on_time_frames)
    relative = emitters.intensity_std_photon / emitters.intensity_photon
    if relative < SPREAD_OF_PARTS * math.sqrt(of_parts - 1.0):
        return emitters
    return emitters.model_copy(
        update={
            "on_time_frames": on_time_frames,
            **_photons(emitters.intensity_photon / mean, (1.0 + relative**2) / of_parts),
        }
    )


def as_seen(emitters: Emitters) -> Emitters:
    """Return emitters with an on-time by what is seen of them: the other way round.

    In place of the photons of a whole frame they have those of all frames that one is seen in,
    which is what localizations are compared with.
    """
    if emitters.on_time_frames <= 0:
        return emitters
    mean, of_parts = _of_parts(emitters.on_time_frames)
    relative = emitters.intensity_std_photon / emitters.intensity_photon
    most = field_range(Emitters, "seen_frames")["le"]
    return emitters.model_copy(
        update={
            "on_time_frames": 0.0,
            "seen_frames": min(mean_frames_seen(emitters), most),
            **_photons(emitters.intensity_photon * mean, (1.0 + relative**2) * of_parts),
        }
    )


def _of_parts(on_time_frames: float) -> tuple[float, float]:
    """Return the mean part of a frame, and one plus the squared relative spread of the parts."""
    mean, square = moments_of_shares(on_time_frames)
    return mean, square / mean**2


def _photons(mean: float, square: float) -> dict[str, float]:
    """Return the settings for a mean and the mean square over the mean's, at least 1."""
    return {
        "intensity_photon": mean,
        "intensity_std_photon": math.sqrt(max(square - 1.0, 0.0)) * mean,
    }


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
