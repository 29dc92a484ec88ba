"""The frames before and after those of a chunk, for a network that sees them beside each frame.

The answer to a frame is the same wherever a chunk begins: the frame before its first and the one
after its last are read too. A frame stands alone on a side where the movie ends, and where the
frame beside it cannot be read, is dead, is much brighter or darker, or is the same frame once more:
a repetition would count one exposure twice.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.errors import StackError
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.networks.base import FRAMES_AT_ONCE, Scales

Float32 = npt.NDArray[np.float32]


MAX_STEP, MAX_STEP_OF_BACKGROUND = 1.0, 0.5
"""Between the mean levels of frames that follow each other: half of an emitter's peak, and this
share of the background. With a larger one, the light was switched or a lamp flashed."""
STEPS = (-1, 1)
"""To the frames on the sides of one."""


class Around(NamedTuple):
    """Frames ``(t, y, x)`` as read; so many of them at the beginning are not the chunk's own."""

    adu: npt.NDArray[Any]
    before: int


def read_alone(stream: FrameStream, start: int, stop: int) -> Around:
    """Read frames for a network that sees one at a time."""
    return Around(stream.read(start, stop), 0)


def read_around(stream: FrameStream, start: int, stop: int) -> Around:
    """Read frames with the one before and the one after, if there are any.

    Raises
    ------
    StackError
        Frames from ``start`` to ``stop`` cannot be read.
    """
    first, last = max(start - 1, 0), min(stop + 1, stream.shape[0])
    try:
        return Around(stream.read(first, last), start - first)
    except StackError:
        own = stream.read(start, stop)
    # The movie is damaged beside them, which is reported when the work gets there.
    before = _readable(stream, first, start)
    after = _readable(stream, stop, last)
    return Around(np.concatenate([before, own, after]), len(before))


def _readable(stream: FrameStream, start: int, stop: int) -> npt.NDArray[Any]:
    try:
        return stream.read(start, stop)
    except StackError:
        return np.empty((0, *stream.shape[1:]), stream.dtype)


def sides_seen(
    level_photon: npt.NDArray[np.float64],
    digests: list[bytes],
    dead: npt.NDArray[np.bool_],
    scales: Scales,
) -> npt.NDArray[np.bool_]:
    """Return whether each frame sees the one before and the one after it, ``(t, 2)``.

    Parameters
    ----------
    level_photon
        Mean of each frame.
    digests, dead
        Of these frames.
    scales
        Of the network.
    """
    most = MAX_STEP * scales.input_photon + MAX_STEP_OF_BACKGROUND * scales.background_photon
    joined = np.array([one != other for one, other in pairwise(digests)], dtype=bool)
    joined &= ~dead[1:] & ~dead[:-1] & (np.abs(np.diff(level_photon)) <= most)
    sides = np.zeros((len(dead), 2), bool)
    sides[1:, 0] = sides[:-1, 1] = joined
    return sides


class Shown(NamedTuple):
    """The frames of a chunk as the network takes them, window by window.

    Attributes
    ----------
    photons
        ``(t, y, x)``, with the ones around them where the network sees those.
    scales
        Of the network.
    before
        So many at the beginning are not the chunk's own.
    sides
        Whether each sees the one before and the one after, ``(t, 2)``; None: the network sees one
        at a time.
    """

    photons: Float32
    scales: Scales
    before: int = 0
    sides: npt.NDArray[np.bool_] | None = None

    def batch(self, start: int, stop: int, rows: slice, columns: slice) -> Float32:
        """Return a window of the chunk's own frames ``start`` to ``stop - 1``, ``(t, y, x, 1)``.

        With the frames before and after, 0 where there is none, it is ``(t, y, x, 3)``. What lies
        beyond the frames' edges is as the pixel at the edge.
        """
        own = np.arange(start, stop) + self.before
        if self.sides is None:
            return self._scaled(slice(own[0], own[-1] + 1), rows, columns)
        first = max(own[0] - 1, 0)
        window = self._scaled(slice(first, own[-1] + 2), rows, columns)[..., 0]
        seen = np.empty((len(own), *window.shape[1:], FRAMES_AT_ONCE), np.float32)
        seen[..., 0] = window[own - first]
        for channel, (step, there) in enumerate(zip(STEPS, self.sides[own].T, strict=True), 1):
            seen[..., channel] = window.take(own + step - first, axis=0, mode="clip")
            seen[~there, ..., channel] = 0.0
        return seen

    def beside(self, number: int) -> Float32 | None:
        """Return the photons of the frames before and after one of the chunk's own, ``(y, x, 2)``.

        NaN where there is none; None for a network that sees one frame at a time.
        """
        if self.sides is None:
            return None
        own = number + self.before
        beside = np.full((*self.photons.shape[1:], 2), np.nan, np.float32)
        for side in np.flatnonzero(self.sides[own]):
            beside[..., side] = self.photons[own + STEPS[side]]
        return beside

    def _scaled(self, frames: slice, rows: slice, columns: slice) -> Float32:
        _, height, width = self.photons.shape
        scaled = self.scales.network_input(self.photons[frames, rows, columns])
        beyond = (max(rows.stop - height, 0), max(columns.stop - width, 0))
        if any(beyond):
            edges = ((0, 0), *((0, n) for n in beyond), (0, 0))
            scaled = np.pad(scaled, edges, mode="edge")
        return scaled
