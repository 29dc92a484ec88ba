"""How the work of a reconstruction is divided: chunks of frames, tiles of a frame, batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import psutil

from deep_storm.inference.reading import Reader
from deep_storm.inference.tiles import Tile, plan_tiles
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.networks.base import LocalizationNetwork
from deep_storm.networks.company import MIN_FRAMES
from deep_storm.settings import Reconstruction

MAX_BYTES_IN_NETWORK = 400 * 2**20
"""Enough for a quarter of a field of 1024 × 1024 px: smaller tiles are mostly halo."""
SHARE_OF_FREE_MEMORY = 0.1
PX_AT_A_TIME = 2**17
"""Pixels of several frames in one network call: more are no faster, and Ctrl-C waits for a call."""
MAX_CHUNK_FRAMES = 64
GPU_PX_AT_A_TIME, MAX_GPU_CHUNK_FRAMES = 2**19, 256
"""The same for a GPU, which a batch of a processor's size does not fill."""
CHUNK_PX = 2**20
"""Pixels of a chunk, where that is enough frames: the first and the last overlap with nothing."""
MIN_REFINED_FRAMES, MAX_REFINED_FRAMES = 4, 16
"""Refinement takes longer: shorter chunks show progress more often, and cores share the frames."""


class Layout(NamedTuple):
    """Frames read together, tiles of a frame, and frames in one call of the network."""

    chunk_frames: int
    batch_frames: int
    tiles: list[Tile]

    def to_state(self) -> dict[str, Any]:
        """Return the layout in JSON's types."""
        edges = [[s.start, s.stop] for tile in self.tiles for pair in tile for s in pair]
        return {**self._asdict(), "tiles": edges}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Layout:
        """Return the layout that :meth:`to_state` gave."""
        edges = [slice(int(start), int(stop)) for start, stop in state["tiles"]]
        tiles = [
            Tile((a, b), (c, d))
            for a, b, c, d in zip(edges[::4], edges[1::4], edges[2::4], edges[3::4], strict=True)
        ]
        return cls(int(state["chunk_frames"]), int(state["batch_frames"]), tiles)

    def check(self, height: int, width: int, alignment: int) -> None:
        """Check that the tiles cover a frame once and lie within it.

        Raises
        ------
        ValueError
            They do not.
        """
        covered = np.zeros((height, width), np.uint8)
        for tile in self.tiles:
            for core, window, edge in zip(tile.core, tile.window, (height, width), strict=True):
                inside = 0 <= window.start <= core.start < core.stop <= window.stop
                if not (inside and core.stop <= edge and window.stop < edge + alignment):
                    raise ValueError(f"a tile lies at {core} in {window}")
            covered[tile.core] += 1
        if not (covered == 1).all() or not 1 <= self.batch_frames <= self.chunk_frames:
            raise ValueError("its tiles do not cover the frames once")


def plan_layout(
    network: LocalizationNetwork,
    reader: Reader,
    shape: tuple[int, int, int],
    settings: Reconstruction,
    on_gpu: bool = False,
) -> Layout:
    """Size chunk, batch and tiles from the free memory and for the device, or as set by hand."""
    px_at_a_time = GPU_PX_AT_A_TIME if on_gpu else PX_AT_A_TIME
    max_frames = MAX_GPU_CHUNK_FRAMES if on_gpu else MAX_CHUNK_FRAMES
    count, height, width = shape
    free = psutil.virtual_memory().available
    budget = min(MAX_BYTES_IN_NETWORK, int(free * SHARE_OF_FREE_MEMORY))
    px_per_call = max(budget // reader.working_bytes_per_px, 1)
    px_per_frame = px_per_call // MIN_FRAMES
    tile_px = settings.tile_px or max(int(px_per_frame**0.5), 4 * network.halo_px)
    tiles = plan_tiles(height, width, tile_px, network.halo_px, network.alignment_px)
    largest = max(_area(tile) for tile in tiles)
    at_a_time = min(px_per_call, px_at_a_time) // largest
    batch = max(MIN_FRAMES, min(at_a_time, max_frames))
    least = MIN_REFINED_FRAMES if settings.refine else MIN_FRAMES
    frames = max(CHUNK_PX // (height * width), least)
    chunk = settings.chunk_frames or max(
        batch, min(max_frames, frames, budget // (16 * height * width))
    )
    if settings.refine and settings.chunk_frames is None:
        chunk = min(chunk, MAX_REFINED_FRAMES)
    chunk = min(chunk, max(1, count))
    return Layout(chunk, min(batch, chunk), tiles)


def _area(tile: Tile) -> int:
    rows, columns = tile.window
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def spans(
    stream: FrameStream, begin: int, last: int, chunk_frames: int, ahead: int = 0
) -> Iterator[tuple[int, int]]:
    """Yield the frames of each chunk; of a growing movie, as soon as they are there.

    A span without frames says that there is nothing yet.

    Parameters
    ----------
    ahead
        Frames after those of a chunk that are needed for it, if the movie goes on so far.
    """
    while True:
        wanted = begin + chunk_frames
        there, ended = stream.available(wanted + ahead)
        there -= 0 if ended else ahead
        stop = min(wanted, stream.end(last), there)
        if stop == wanted or ended:
            if stop <= begin:
                return
            yield begin, stop
            begin = stop
        else:
            yield begin, begin


def chunks_at_a_time(chunk_frames: int) -> int:
    """Return the number of chunks that are refined at a time: two frames for each core, or more."""
    return max(2, -(-2 * (os.cpu_count() or 1) // chunk_frames))
