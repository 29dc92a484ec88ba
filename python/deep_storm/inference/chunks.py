"""A chunk of frames on its way to the network and through it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.cells import Answers, first_answers
from deep_storm.errors import AnswerError, StackError
from deep_storm.inference.layout import Layout
from deep_storm.inference.neighbours import Shown, read_alone, read_around, sides_seen
from deep_storm.inference.reading import Reader
from deep_storm.inference.readout import Awaited, Chunk
from deep_storm.inference.repair import repair
from deep_storm.inference.stages import StageClock
from deep_storm.inference.tiles import Tile
from deep_storm.io.stacks.identity import digests
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.model_card import ModelCard
from deep_storm.networks.company import PickingInference
from deep_storm.networks.replicas import Replicas

Float32 = npt.NDArray[np.float32]
Aside = Callable[[Callable[[], Any]], Callable[[], Any]]
MAX_WAITING = 2
"""Answers, all of them, that may be in memory beside the one that the network makes."""


def here(work: Callable[[], Any]) -> Callable[[], Any]:
    """Do the work at once; return what returns its result."""
    result = work()
    return lambda: result


PX_AT_A_TIME = 1 << 20
"""Pixels that are repaired and converted at a time."""


def load_chunk(
    stream: FrameStream, card: ModelCard, start: int, stop: int, frames_at_once: int = 1
) -> Chunk:
    """Read frames and convert them to photons.

    Very large frames are worked on one by one: what is needed on the way is needed for one only.

    Parameters
    ----------
    frames_at_once
        By the network; with more than 1, the frames around them are read, too.
    """
    neighbours = frames_at_once > 1
    read = read_around if neighbours else read_alone
    raw, before = read(stream, start, stop)
    count, height, width = raw.shape
    photons = np.empty(raw.shape, np.float32)
    dead = np.empty(count, dtype=bool)
    replaced = np.empty(count, np.int64)
    step = max(PX_AT_A_TIME // (height * width), 1)
    for some in (slice(k, min(k + step, count)) for k in range(0, count, step)):
        repaired = repair(raw[some])
        photons[some] = card.camera.photons(repaired.adu)
        photons[some][repaired.dead] = card.scales.background_photon
        dead[some], replaced[some] = repaired.dead, repaired.replaced
    of_frames = digests(raw)
    sides = None
    if neighbours:
        level_photon = photons.mean(axis=(1, 2), dtype=np.float64)
        sides = sides_seen(level_photon, of_frames, dead, card.scales)
    own = slice(before, before + stop - start)
    return Chunk(
        start,
        photons[own],
        Shown(photons, card.scales, before, sides),
        dead[own],
        replaced[own],
        of_frames[own],
        slice(0, stop - start),
    )


def load_with_sides(
    stream: FrameStream, card: ModelCard, start: int, stop: int, frames_at_once: int, beside: int
) -> Chunk:
    """Read frames as :func:`load_chunk`, with others of which the candidates are needed for them.

    Parameters
    ----------
    beside
        Their number on each side, if there are any and they can be read.

    Raises
    ------
    StackError
        Frames from ``start`` to ``stop`` cannot be read.
    """
    first, last = max(start - beside, 0), min(stop + beside, stream.shape[0])
    spans = ((first, last), (first, stop), (start, last), (start, stop))
    *wider, own = dict.fromkeys(spans)
    # The movie is damaged beside them, which is reported when the work gets there.
    for some in wider:
        with suppress(StackError):
            chunk = load_chunk(stream, card, *some, frames_at_once)
            return chunk._replace(own=slice(start - some[0], stop - some[0]))
    return load_chunk(stream, card, *own, frames_at_once)


def run_network(
    replicas: Replicas,
    reader: Reader,
    chunk: Chunk,
    layout: Layout,
    name: str,
    stages: StageClock,
    between: Callable[[], None] = lambda: None,
    aside: Aside = here,
) -> list[Awaited]:
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
    aside
        Has other threads do something, and returns what waits for its result.

    Returns
    -------
    For each batch of each tile its first frame in the chunk, and what waits for all that the
    reader keeps of it.

    Raises
    ------
    AnswerError
        When it is waited for: the network's answer is not a usable number.
    """
    parts: list[Awaited] = []
    starts = range(0, chunk.frame_count, layout.batch_frames)
    for tile, start in ((tile, start) for tile in layout.tiles for start in starts):
        if len(parts) >= MAX_WAITING:
            parts[-MAX_WAITING][1]()
        stop = min(start + layout.batch_frames, chunk.frame_count)
        frames = partial(chunk.shown.batch, start, stop, *tile.window)
        answers = replicas.submit(partial(_look, stages, frames))
        about = reader, tile, chunk.start + start, name
        parts.append((start, aside(partial(_pick, stages, answers, *about))))
        between()
    return parts


def _look(stages: StageClock, frames: Callable[[], Float32], infer: PickingInference) -> Answers:
    """Put a batch together and run the network on it."""
    with stages.measured("read"):
        batch = frames()
    with stages.measured("network"):
        return infer(batch)


def _pick(stages: StageClock, answers: Callable[[], Answers], *about: Any) -> Any:
    """Wait for answers and reduce them; ``about``: what :func:`_part` takes besides."""
    seen = answers()
    with stages.measured("pick"):
        return _part(seen, *about)


def _part(answers: Answers, reader: Reader, tile: Tile, first: int, name: str) -> Any:
    """Reduce the output for one tile of some frames; an error names the frame."""
    try:
        return reader.part(answers, tile)
    except AnswerError as error:
        for count in range(1, len(answers)):
            try:
                reader.part(first_answers(answers, count), tile)
            except AnswerError:
                break
        else:
            count = len(answers)
        received = f"{error.received} for frame {first + count} of {name}"
        raise AnswerError(received, error.expected, error.advice) from error
