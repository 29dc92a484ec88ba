"""How the work of a reconstruction is cut: chunks of frames, tiles of a frame, batches."""

from __future__ import annotations

from typing import NamedTuple

from deep_storm.inference.reading import Reader
from deep_storm.inference.tiles import Tile, plan_tiles
from deep_storm.networks.base import LocalizationNetwork
from deep_storm.settings import Reconstruction

MOST_BYTES_IN_NETWORK = 384 * 2**20
SHARE_OF_FREE_MEMORY = 0.1
MOST_CHUNK_FRAMES = 64
LEAST_BATCH_FRAMES = 2
"""Of a single frame, :func:`~deep_storm.networks.base.in_company` makes two."""
MOST_REFINED_FRAMES = 16
"""Refinement takes longer: shorter chunks show progress more often."""


class Layout(NamedTuple):
    """How the work is cut: frames read together, tiles of a frame, frames in one network call."""

    chunk_frames: int
    batch_frames: int
    tiles: list[Tile]


def plan_layout(
    network: LocalizationNetwork,
    reader: Reader,
    shape: tuple[int, int, int],
    settings: Reconstruction,
) -> Layout:
    """Size chunk, batch and tiles from the free memory, or as set by hand."""
    import psutil

    count, height, width = shape
    free = psutil.virtual_memory().available
    budget = min(MOST_BYTES_IN_NETWORK, int(free * SHARE_OF_FREE_MEMORY))
    px_per_call = max(budget // reader.working_bytes_per_px, 1)
    px_per_frame = px_per_call // LEAST_BATCH_FRAMES
    tile_px = settings.tile_px or max(int(px_per_frame**0.5), 4 * network.halo_px)
    tiles = plan_tiles(height, width, tile_px, network.halo_px, network.alignment_px)
    largest = max(_area(tile) for tile in tiles)
    batch = max(LEAST_BATCH_FRAMES, min(px_per_call // largest, MOST_CHUNK_FRAMES))
    chunk = settings.chunk_frames or max(
        batch, min(MOST_CHUNK_FRAMES, budget // (16 * height * width))
    )
    if settings.refine and settings.chunk_frames is None:
        chunk = min(chunk, MOST_REFINED_FRAMES)
    chunk = min(chunk, max(1, count))
    return Layout(chunk, min(batch, chunk), tiles)


def _area(tile: Tile) -> int:
    rows, columns = tile.window
    return int((rows.stop - rows.start) * (columns.stop - columns.start))
