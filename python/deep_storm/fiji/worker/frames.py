"""Frames in Fiji's memory as a stream for the verbs in the worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.fiji.exchange import Frames
from deep_storm.io.stacks.stream import FrameStream


class RemoteFrames(FrameStream):
    """Frames fetched from Fiji, a block at a time.

    Parameters
    ----------
    about
        Size and type of the frames.
    block
        The shared memory as an array (frames in the block, y, x).
    fetch
        ``fetch(start, stop)`` returns when these frames are in the block.
    """

    def __init__(
        self, about: Frames, block: npt.NDArray[Any], fetch: Callable[[int, int], None]
    ) -> None:
        count, height, width = about["shape"]
        self.shape = (count, height, width)
        self.dtype = np.dtype(about["dtype"])
        self.pixel_size_nm = about["pixel_size_nm"]
        self.name = about["name"]
        self.files = (Path(about["file"]),) if about["file"] else ()
        top, left = about["corner_px"]
        self.corner_px = (top, left)
        self._block = block
        self._fetch = fetch

    def _read(self, start: int, stop: int) -> npt.NDArray[Any]:
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype)
        capacity = len(self._block)
        for first in range(start, stop, capacity):
            last = min(first + capacity, stop)
            self._fetch(first, last)
            frames[first - start : last - start] = self._block[: last - first]
        return frames
