"""Readout of a chunk of frames: from the network's output to candidates and samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.extraction.candidates import Candidates, concatenated
from deep_storm.inference.bright import with_bright
from deep_storm.inference.fits import CheckedFrame, cut_sample
from deep_storm.inference.reading import Reader
from deep_storm.inference.refining import Refinement, draw_refined, map_frames
from deep_storm.inference.results import Found
from deep_storm.inference.stages import StageClock
from deep_storm.model_card import ModelCard
from deep_storm.refinement.refiner import Noise

Float32 = npt.NDArray[np.float32]


class Chunk(NamedTuple):
    """Frames ``(t, y, x)`` in photons, as the network takes them, and checksums of them as read."""

    start: int
    photons: Float32
    frames: Float32
    dead: npt.NDArray[np.bool_]
    replaced: int
    digests: list[bytes]


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

    def found(self, chunk: Chunk, parts: list[list[Any]]) -> Found:
        """Turn the parts of a chunk into candidates above the threshold."""
        for number in np.flatnonzero(chunk.dead):
            parts[number].clear()
        numbers = range(len(parts))
        if self.refinement is None:
            with self.stages.measured("gather"):
                every = [self.candidates(chunk, parts[number], number) for number in numbers]
                samples = self.samples(chunk, every)
        else:
            pairs = map_frames(lambda number: self._refined(chunk, parts[number], number), numbers)
            # After a stop, only what comes before the first unfinished frame counts.
            whole = next((n for n, pair in enumerate(pairs) if pair is None), len(pairs))
            samples = self.samples(chunk, [before for before, _ in pairs[:whole]])
            every = [after for _, after in pairs[:whole]]
        with self.stages.measured("gather"):
            return self._sorted_out(chunk, parts, every, samples)

    def _sorted_out(
        self,
        chunk: Chunk,
        parts: list[list[Any]],
        every: list[Candidates],
        samples: dict[int, CheckedFrame],
    ) -> Found:
        """Return what is kept of a chunk whose first frames have these candidates."""
        count, bright = len(every), 0
        for k, candidates in enumerate(every):
            every[k], things = self._with_bright(chunk, candidates, k)
            bright += things
        kept = [c.where(self.confidence(c) >= self.threshold) for c in every]
        return Found(
            chunk.start,
            chunk.dead[:count],
            chunk.replaced,
            parts[:count],
            kept,
            0.0,
            [] if self.refinement is None else every,
            samples,
            chunk.digests[:count],
            bright,
        )

    def _with_bright(
        self, chunk: Chunk, candidates: Candidates, number: int
    ) -> tuple[Candidates, int]:
        """Add a candidate for each very bright object; return also the number of them."""
        if chunk.dead[number]:
            return candidates, 0
        return with_bright(chunk.photons[number], candidates, chunk.start + number, self.card)

    def candidates(self, chunk: Chunk, parts: list[Any], number: int) -> Candidates:
        """Return the network's candidates of one frame; none on a dead one."""
        if chunk.dead[number]:
            return concatenated([])
        return self.reader.candidates(parts, chunk.start + number, self.shape_px)

    def _refined(
        self, chunk: Chunk, parts: list[Any], number: int
    ) -> tuple[Candidates, Candidates] | None:
        """Return candidates of one frame before and after refinement; None after a stop."""
        with self.stages.measured("gather"):
            before = self.candidates(chunk, parts, number)
        if self.refinement is None or chunk.dead[number]:
            return before, before
        with self.stages.measured("refine"):
            after = self.refinement.candidates(
                chunk.photons[number], before, chunk.start + number, self.noise_photon
            )
        return None if self.refinement.refiner.stopped else (before, after)

    def samples(self, chunk: Chunk, candidates: list[Candidates]) -> dict[int, CheckedFrame]:
        """Cut samples out of the frames of a chunk that belong to the sample."""
        return {
            chunk.start + k: cut_sample(
                chunk.photons[k],
                candidates[k],
                self.sampled.index(chunk.start + k),
                self.noise_photon,
            )._replace(frame=chunk.start + k)
            for k in range(len(candidates))
            if chunk.start + k in self.sampled and not chunk.dead[k]
        }

    def confidence(self, candidates: Candidates) -> npt.NDArray[np.float64]:
        """Return the probability that each candidate is an emitter, 0–1."""
        return self.card.calibration.confidence_of(candidates.score)

    def draw(self, found: Found, upsampling: int, band: Float32, top: int) -> None:
        """Add a chunk to a band of the super-resolution image that begins at row ``top``."""
        if self.refinement is not None:
            for one in found.refined:
                draw_refined(one, self.confidence(one), upsampling, band, top)
            return
        for of_frame in found.parts:
            for part in of_frame:
                self.reader.draw(part, band, top)
