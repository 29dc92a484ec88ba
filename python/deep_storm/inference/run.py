"""One reconstruction in progress: chunk by chunk, in this process or with workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.errors import Cancelled, DaskError, StackError
from deep_storm.extraction.candidates import by_frame
from deep_storm.inference.canvas import Canvas
from deep_storm.inference.drawing import Painter
from deep_storm.inference.fits import CheckedFrame
from deep_storm.inference.layout import Layout, chunks_at_a_time, spans
from deep_storm.inference.overlap import ONE_EACH, Overlap
from deep_storm.inference.processing import ChunkProcessor
from deep_storm.inference.reading import Reader
from deep_storm.inference.readout import Chunk
from deep_storm.inference.refining import Refinement
from deep_storm.inference.results import Found, Reconstructed
from deep_storm.inference.resuming import (
    Done,
    Resumed,
    compare_at_the_end,
    compare_content,
    read_state,
)
from deep_storm.inference.store import Store
from deep_storm.inference.tables import FoundRows
from deep_storm.inference.work_folder import WorkFolder
from deep_storm.interrupts import held_back, interruptible
from deep_storm.io.mapped import is_on_disk
from deep_storm.io.stacks.identity import chained, times_of
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.model import Model
from deep_storm.networks.replicas import Replicas
from deep_storm.progress import Progress, silent
from deep_storm.settings import Device, Reconstruction

Float32 = npt.NDArray[np.float32]


class Workers(Protocol):
    """Other processes that process chunks (see :mod:`deep_storm.inference.dask_workers`)."""

    def found(
        self, run: ReconstructionRun, spans: Iterator[tuple[int, int]], progress: Callable[[], None]
    ) -> Iterator[Found]:
        """Yield the results of spans of frames in their order; ``progress`` raises to cancel."""


class ReconstructionRun(ChunkProcessor):
    """A reconstruction in progress: its chunks in order, what they gave, and what is kept of it."""

    def __init__(
        self,
        stream: FrameStream,
        model: Model,
        reader: Reader,
        settings: Reconstruction,
        device: Device,
        store: Store,
        refinement: Refinement | None = None,
    ) -> None:
        super().__init__(stream, model, reader, settings, device, refinement)
        self.store = store
        self.samples: dict[int, CheckedFrame] = {}
        self.problem: StackError | DaskError | None = None
        self.dead: list[int] = []
        self.replaced = self.bright = 0
        self.seconds = 0.0
        self.content = ""
        self.unchecked: Resumed | None = None
        self.times = times_of(stream)
        self.threads = ONE_EACH
        self.compared = True  # false while the comparison at the end is unfinished
        self.settled = False

    def work(
        self, first: int, last: int, progress: Progress, workers: Workers | None = None
    ) -> int:
        """Process the frames; return the end of the frames done."""
        layout = self.planned()
        begin = first
        self.progress = progress
        height, width = (n * self.upsampling for n in self.stream.shape[1:])
        self.canvas = Canvas(height, width, self.store.folder)
        if isinstance(self.store, WorkFolder) and self.store.resumed is not None:
            begin, layout = self._go_on(*self.store.resumed, first)
        self.began = time.perf_counter() - self.seconds
        self.layout = layout
        self.done = self.seen = begin
        self.span = (first, last)
        try:
            if workers is not None:
                with Painter(self.stages) as self.painter:
                    for found in workers.found(self, self._spans(begin), self._tell):
                        with held_back():
                            self._keep(found)
                        self._tell()
            else:
                with interruptible():
                    self._work_here(begin)
            self._compare_whole(first)
            self._settle(last)
        except Cancelled:
            self.stream.stop()
        except KeyboardInterrupt:
            self.stream.stop()
            # A movie that nobody wants to grow any more is finished with its last few frames.
            waiting = self.stream.shape[0] - self.done
            if self.stream.grows and waiting < layout.chunk_frames + self._ahead:
                self.progress = silent
                with suppress(KeyboardInterrupt), interruptible():
                    self._work_here(self.done)
        except (StackError, DaskError) as error:
            if self.done == first:
                raise
            self.problem = error
        if not self.settled:
            self._settle(last)
        self.seconds = time.perf_counter() - self.began
        return self.done

    def _settle(self, last: int) -> None:
        """Keep the work for ``--resume``, or note that it is done.

        Of a stop before the first chunk nothing is kept: an empty image may have gigabytes.
        """
        with held_back():
            if self.done == self.span[0] and is_on_disk(self.canvas.pixels):
                pass
            elif self.done < self.stream.end(last) or not self.compared:
                self.store.checkpoint(self._state(), self.canvas.pixels, now=True)
            else:
                self.store.finish(self._state(), self.canvas.pixels)
            self.settled = True

    def _work_here(self, begin: int) -> None:
        """Read, infer and read out in threads of this process."""
        replicas = self.inference()
        if self.refinement is not None:
            self.refinement.refiner.begin()
        self._sample_before(begin, replicas)
        with Painter(self.stages) as self.painter, self._threads() as overlap:
            try:
                for chunk in overlap.chunks(self._spans(begin), self._tell):
                    infer = partial(self.infer, replicas, chunk, self._tell, overlap.aside)
                    parts = overlap.in_network(infer)
                    overlap.read_out(partial(self.read_out.found, chunk, parts), self._tell)
                    self.seen = chunk.end
                    self._tell()
                    self.threads = overlap.threads
                    del chunk, infer, parts  # large ones, before the next is read
                overlap.wait(self._tell)
            except (Cancelled, KeyboardInterrupt, SystemError):
                if self.refinement is not None:
                    self.refinement.refiner.stop()
                raise

    def _threads(self) -> Overlap[Chunk, Found]:
        """Return the threads; refinement uses all cores for the frames of few chunks."""
        px = self.stream.shape[1] * self.stream.shape[2]
        frames = self.layout.chunk_frames + 2 * self._ahead
        chunk_bytes = frames * px * (self.stream.dtype.itemsize + 8)
        chunks = None if self.refinement is None else chunks_at_a_time(self.layout.chunk_frames)
        return Overlap(self.load, self._keep, chunk_bytes, chunks)

    def _sample_before(self, begin: int, replicas: Replicas) -> None:
        """Take samples of the frames that an interrupted run had done."""
        for frame in [f for f in self.read_out.sampled if self.span[0] <= f < begin]:
            if frame not in self.samples and frame not in self.dead:
                chunk = self.load(frame, frame + 1)
                _, found = self.read_out.seen(chunk, self.infer(replicas, chunk))
                frames = by_frame(found, chunk.start, chunk.frame_count)
                self.samples |= self.read_out.samples(chunk, frames, chunk.own)

    def _tell(self) -> None:
        first, last = self.span
        self.seen = max(self.seen, self.done)
        self.progress(self.seen - first, max(self.stream.end(last), self.seen) - first, "frames")

    def _state(self) -> dict[str, Any]:
        """Return, in JSON's types, the state that the next chunk depends on."""
        return {
            "done": self.done,
            **self.layout.to_state(),
            "dead": self.dead,
            "replaced": self.replaced,
            "bright": self.bright,
            "seconds": time.perf_counter() - self.began,
            "network_seconds": self.network_seconds,
            "content": self.content,
            "files": self.times,
        }

    def _go_on(self, state: dict[str, Any], image: Float32, first: int) -> tuple[int, Layout]:
        """Resume an interrupted run with its division of the work; return the next frame.

        Raises
        ------
        OutputError
            The checkpoint makes no sense, or its frames were not those of this stack.
        """
        resumed = read_state(
            state,
            image,
            self.stream,
            self.canvas.pixels.shape,
            first,
            self.network.alignment_px,
            self.store.folder,
        )
        if resumed.times != self.times:
            compare_content(resumed, self.stream, first, self.store.folder, self.progress)
        else:
            self.unchecked = resumed  # until the end
        self.dead, self.replaced = resumed.dead, resumed.replaced
        self.bright = resumed.bright
        self.seconds, self.network_seconds = resumed.seconds, resumed.network_seconds
        self.content = resumed.content
        self.canvas.load(image)
        return resumed.done, resumed.layout

    def _compare_whole(self, first: int) -> None:
        """See at the end that the movie still is what was worked on."""
        if self.stream.grows:
            return
        self.compared = False
        done = Done(first, self.done, self.layout.chunk_frames, self.content, self.times)
        compare_at_the_end(done, self.unchecked, self.stream, self.store.folder, self.progress)
        self.compared = True

    def _spans(self, begin: int) -> Iterator[tuple[int, int]]:
        chunk_frames = self.layout.chunk_frames
        return spans(self.stream, begin, self.span[1], chunk_frames, self._ahead)

    @property
    def _ahead(self) -> int:
        """Frames after a chunk that are needed for it."""
        return self.model.frames_at_once // 2 + self.beside

    def _keep(self, found: Found) -> None:
        """Draw and store the results of a chunk."""
        if found.start != self.done:
            return  # a refinement was stopped within an earlier chunk: --resume begins there
        self.replaced += found.replaced
        self.bright += found.bright
        self.network_seconds += found.network_seconds
        self.dead += [found.start + int(k) for k in np.flatnonzero(found.dead)]
        self.samples |= found.samples
        self.painter.draw(found.drawing, self.canvas)
        with self.stages.measured("append"):
            self.store.append(found.candidates)
        self.content = chained(self.content, found.digests)
        self.done = found.start + len(found.dead)
        self.store.checkpoint(self._state(), self.canvas.pixels)

    def result(self, first: int, finished: int, last: int) -> Reconstructed:
        """Return the result of the run."""
        camera: Camera = self.model.card.camera
        _, height, width = self.stream.shape
        return Reconstructed(
            rows=FoundRows(self.store, self.read_out.card),
            image=self.canvas.pixels,
            pixel_size_nm=camera.pixel_size_nm / self.upsampling,
            shape=(finished - first, height, width),
            threshold=self.read_out.threshold,
            dead_frames=tuple(self.dead),
            replaced_pixels=self.replaced,
            bright_things=self.bright,
            content=self.content,
            seconds=self.seconds,
            network_seconds=self.network_seconds,
            precision=self.precision,
            complete=finished == self.stream.end(last) and self.problem is None and self.compared,
            problem=self.problem,
            samples=tuple(self.samples[f] for f in self.read_out.sampled if f in self.samples),
            threads=self.threads,
            stage_seconds=self.stages.seconds,
        )
