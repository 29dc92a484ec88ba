"""A chunk of frames on its way to the network and through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.errors import AnswerError
from deep_storm.inference.layout import Layout
from deep_storm.inference.reading import Reader
from deep_storm.inference.readout import Chunk
from deep_storm.inference.repair import repair
from deep_storm.inference.stages import StageClock
from deep_storm.inference.tiles import Tile, padded_size
from deep_storm.io.stacks.identity import digests
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.model_card import ModelCard
from deep_storm.networks.base import Inference
from deep_storm.networks.replicas import Replicas

Float32 = npt.NDArray[np.float32]


def load_chunk(
    stream: FrameStream, card: ModelCard, start: int, stop: int, alignment_px: int
) -> Chunk:
    """Read frames and bring them to the network's scale, padded to its alignment."""
    raw = stream.read(start, stop)
    repaired = repair(raw)
    photons = card.camera.photons(repaired.adu)
    photons[repaired.dead] = card.scales.background_photon
    frames = card.scales.network_input(photons)
    height, width = (padded_size(n, alignment_px) for n in photons.shape[1:])
    more = ((0, 0), (0, height - photons.shape[1]), (0, width - photons.shape[2]), (0, 0))
    if any(sum(pair) for pair in more):
        frames = np.pad(frames, more, mode="edge")
    return Chunk(start, photons, frames, repaired.dead, repaired.replaced, digests(raw))


def run_network(
    replicas: Replicas,
    reader: Reader,
    chunk: Chunk,
    layout: Layout,
    name: str,
    stages: StageClock,
    between: Callable[[], None] = lambda: None,
) -> list[list[Any]]:
    """Run the network over all tiles of all frames.

    Parameters
    ----------
    replicas
        The network on each device.
    reader
        Reduces an answer to what is kept of it.
    chunk, layout
        The frames, and how they are cut into tiles and batches.
    name
        Of the stack, for errors.
    stages
        Processor time is counted there.
    between
        Called between two batches; raises to cancel.

    Returns
    -------
    For each frame, what the reader keeps of each tile.

    Raises
    ------
    AnswerError
        The network's answer is not a usable number.
    """

    def look(infer: Inference, batch: tuple[Tile, int]) -> list[Any]:
        tile, start = batch
        rows, columns = tile.window
        frames = chunk.frames[start : start + layout.batch_frames, rows, columns]
        with stages.measured("network"):
            answers = infer(np.ascontiguousarray(frames))
        with stages.measured("pick"):
            return [
                _part(reader, answer, tile, f"frame {chunk.start + k + 1} of {name}")
                for k, answer in enumerate(answers, start)
            ]

    parts: list[list[Any]] = [[] for _ in chunk.frames]
    starts = range(0, len(chunk.frames), layout.batch_frames)
    batches = [(tile, start) for tile in layout.tiles for start in starts]
    for (_, start), found in zip(batches, replicas.over(look, batches), strict=True):
        for number, part in enumerate(found, start):
            parts[number].append(part)
        between()
    return parts


def _part(reader: Reader, answer: Float32, tile: Tile, frame: str) -> Any:
    """Reduce the output for one tile of a frame; an error names the frame."""
    try:
        return reader.part(answer, tile)
    except AnswerError as error:
        received = f"{error.received} for {frame}"
        raise AnswerError(received, error.expected, error.advice) from error
