"""Readout of a chunk of frames: from the network's output to candidates and samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.extraction.candidates import Candidates, by_frame, concatenated
from deep_storm.inference.bright import with_bright_things
from deep_storm.inference.drawing import Drawing, drawn_refined
from deep_storm.inference.fits import CheckedFrame, cut_sample
from deep_storm.inference.neighbours import Shown
from deep_storm.inference.reading import Reader
from deep_storm.inference.refining import Refinement, Sides, map_frames
from deep_storm.inference.results import Found
from deep_storm.inference.stages import StageClock
from deep_storm.model_card import ModelCard
from deep_storm.refinement.refiner import Noise

Float32 = npt.NDArray[np.float32]
Awaited = tuple[int, Callable[[], Any]]
"""First frame in its chunk of some frames, and what waits for what the reader keeps of them."""


class Chunk(NamedTuple):
    """Frames on their way through the network.

    Attributes
    ----------
    start
        Number of the first of them.
    photons
        ``(t, y, x)``.
    shown
        As the network takes them.
    dead, replaced
        ``(t,)``: whether nothing was measured, and the pixels that were replaced.
    digests
        Checksums of them as read.
    own
        Those of which the results are wanted; the others stand beside them.
    """

    start: int
    photons: Float32
    shown: Shown
    dead: npt.NDArray[np.bool_]
    replaced: npt.NDArray[np.int64]
    digests: list[bytes]
    own: slice

    @property
    def frame_count(self) -> int:
        """Number of frames, those beside included."""
        return len(self.dead)

    @property
    def first(self) -> int:
        """Number of the first frame of which the results are wanted."""
        return self.start + int(self.own.start)

    @property
    def end(self) -> int:
        """Number of the frame after the last of these."""
        return self.start + int(self.own.stop)

    def sides(self, number: int, found: list[Candidates]) -> Sides:
        """Return what was found in the frames before and after one, where it sees these."""
        before = after = None
        if self.shown.sides is not None:
            seen = self.shown.sides[self.shown.before + number]
            before = found[number - 1] if seen[0] and number > 0 else None
            after = found[number + 1] if seen[1] and number + 1 < len(found) else None
        return before, after


@dataclass
class ReadOut:
    """Reads chunks of one stack out.

    Attributes
    ----------
    reader
        Of the network.
    card
        Its model's; with a refinement, the one that refined candidates need.
    threshold
        Confidence that a localization needs.
    shape_px
        Height and width of a frame.
    refinement
        Of the candidates, if there is one.
    sampled
        Frames that samples are cut out of.
    noise_photon
        ``(y, x)``: read-out noise of each pixel, where they differ.
    stages
        Processor time is counted there.
    """

    reader: Reader
    card: ModelCard
    threshold: float
    shape_px: tuple[int, int]
    refinement: Refinement | None = None
    sampled: list[int] = field(default_factory=list)
    noise_photon: Noise = None
    stages: StageClock = field(default_factory=StageClock)

    def found(self, chunk: Chunk, parts: list[Awaited]) -> Found:
        """Turn the parts of a chunk into candidates above the threshold."""
        whole, every = self.seen(chunk, parts)
        frames = by_frame(every, chunk.start, chunk.frame_count) if self._by_frame(chunk) else []
        own = chunk.own
        if self.refinement is not None:
            numbers = range(own.start, own.stop)
            refined = map_frames(partial(self._refined, chunk, frames), numbers)
            # After a stop, only what comes before the first unfinished frame counts.
            count = next((n for n, one in enumerate(refined) if one is None), len(refined))
            own = slice(own.start, own.start + count)
            every = concatenated([one for one in refined[:count] if one is not None])
        with self.stages.measured("gather"):
            samples = self.samples(chunk, frames, own)
            every, bright = with_bright_things(
                chunk.photons[own], chunk.dead[own], every, chunk.first, self.card
            )
            confidence = self.card.calibration.confidence_of(every.score)
            kept = every.where(confidence >= self.threshold)
            if self.refinement is None:
                drawing: Drawing = self.reader.drawing(whole)
            else:
                drawing = drawn_refined(every, confidence, self.reader.upsampling)
        return Found(
            chunk.first,
            chunk.dead[own],
            int(chunk.replaced[chunk.own].sum()),
            drawing,
            kept,
            0.0,
            samples,
            chunk.digests[own],
            bright,
        )

    def seen(self, chunk: Chunk, parts: list[Awaited]) -> tuple[Any, Candidates]:
        """Return what the reader keeps of a chunk, and the network's candidates; waits for both."""
        with self.stages.measured("gather"):  # waiting takes no processor time
            whole = self.reader.joined([(first, part()) for first, part in parts], chunk.dead)
            return whole, self.reader.candidates(whole, chunk.start, self.shape_px)

    def _by_frame(self, chunk: Chunk) -> bool:
        """Whether the candidates of single frames are needed."""
        numbers = range(chunk.first, chunk.end)
        return self.refinement is not None or any(frame in numbers for frame in self.sampled)

    def _refined(self, chunk: Chunk, found: list[Candidates], number: int) -> Candidates | None:
        """Return refined candidates of one frame; None after a stop."""
        if self.refinement is None or chunk.dead[number]:
            return found[number]
        with self.stages.measured("refine"):
            after = self.refinement.candidates(
                chunk.photons[number],
                found[number],
                chunk.start + number,
                self.noise_photon,
                chunk.sides(number, found),
            )
        return None if self.refinement.refiner.stopped else after

    def samples(
        self, chunk: Chunk, candidates: list[Candidates], own: slice
    ) -> dict[int, CheckedFrame]:
        """Cut samples out of the frames of a chunk that belong to the sample.

        Parameters
        ----------
        candidates
            Of all frames of the chunk, frame by frame.
        own
            The frames that may belong to it.
        """
        return {
            chunk.start + k: cut_sample(
                chunk.photons[k],
                candidates[k],
                self.sampled.index(chunk.start + k),
                self.noise_photon,
            )._replace(frame=chunk.start + k)
            for k in range(own.start, min(own.stop, len(candidates)))
            if chunk.start + k in self.sampled and not chunk.dead[k]
        }
