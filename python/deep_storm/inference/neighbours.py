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
from deep_storm.networks.base import FRAMES_SEEN, Scales

Float32 = npt.NDArray[np.float32]


MAX_STEP = 0.5
"""Between the mean levels of frames that follow each other, in the network's scale (1: half of an
emitter's peak): with a larger one, the light was switched or a lamp flashed."""


class Around(NamedTuple):
    """Frames ``(t, y, x)`` as read; so many of them at the beginning are not the chunk's own."""

    adu: npt.NDArray[Any]
    before: int


def read_around(stream: FrameStream, start: int, stop: int) -> Around:
    """Read frames with the one before and the one after, where there are such.

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
    # The movie is damaged beside them, which is told when the work gets there.
    before = _readable(stream, first, start)
    after = _readable(stream, stop, last)
    return Around(np.concatenate([before, own, after]), len(before))


def _readable(stream: FrameStream, start: int, stop: int) -> npt.NDArray[Any]:
    try:
        return stream.read(start, stop)
    except StackError:
        return np.empty((0, *stream.shape[1:]), stream.dtype)


def joined_to_next(
    level: npt.NDArray[np.float64], digests: list[bytes], dead: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Return which frames see the one that follows, and are seen by it, ``(t - 1,)``.

    Parameters
    ----------
    level
        Mean of each frame in the network's scale.
    digests, dead
        Of these frames.
    """
    differ = [one != other for one, other in pairwise(digests)]
    joined: npt.NDArray[np.bool_] = np.array(differ, dtype=bool) & ~dead[1:] & ~dead[:-1]
    return joined & (np.abs(np.diff(level)) <= MAX_STEP)


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
    joined
        Which of them see the one that follows, ``(t - 1,)``; None: the network sees one at a time.
    """

    photons: Float32
    scales: Scales
    before: int = 0
    joined: npt.NDArray[np.bool_] | None = None

    def batch(self, start: int, stop: int, rows: slice, columns: slice) -> Float32:
        """Return a window of the chunk's own frames ``start`` to ``stop - 1``, ``(t, y, x, 1)``.

        With the frames before and after, 0 where there is none, it is ``(t, y, x, 3)``. What lies
        beyond the frames' edges is as the pixel at the edge.
        """
        start, stop = start + self.before, stop + self.before
        if self.joined is None:
            return self._scaled(slice(start, stop), rows, columns)
        first = max(start - 1, 0)
        window = self._scaled(slice(first, stop + 1), rows, columns)[..., 0]
        seen = np.zeros((stop - start, *window.shape[1:], FRAMES_SEEN), np.float32)
        for k, one in enumerate(seen, start):
            here = k - first
            one[..., 0] = window[here]
            if k > 0 and self.joined[k - 1]:
                one[..., 1] = window[here - 1]
            if k < len(self.joined) and self.joined[k]:
                one[..., 2] = window[here + 1]
        return seen

    def _scaled(self, frames: slice, rows: slice, columns: slice) -> Float32:
        _, height, width = self.photons.shape
        scaled = self.scales.network_input(self.photons[frames, rows, columns])
        beyond = (max(rows.stop - height, 0), max(columns.stop - width, 0))
        if any(beyond):
            edges = ((0, 0), *((0, n) for n in beyond), (0, 0))
            scaled = np.pad(scaled, edges, mode="edge")
        return scaled
