"""Turn a stack into localizations and a super-resolution image.

Data flow, one chunk of frames at a time::

    read + repair + photons  →  network (tiles, batches)  →  candidates + image
       reading thread             this thread                 reading-out thread

The three overlap. Chunk, tile and batch are sized so that memory does not depend on the length of
the stack; the answer is the same whatever they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import Cancelled, ClusterError, StackError
from deep_storm.extraction.candidates import Candidates, concatenated
from deep_storm.inference.canvas import Canvas
from deep_storm.inference.fits import Sample, cut_sample, sampled_frames
from deep_storm.inference.layout import Layout, plan_layout
from deep_storm.inference.reading import Reader, make_reader
from deep_storm.inference.refining import Refinement, draw_refined, side_by_side
from deep_storm.inference.repair import repair
from deep_storm.inference.store import MemoryStore, Store, WorkFolder
from deep_storm.inference.tables import FoundRows, Rows
from deep_storm.inference.tiles import Tile, padded_size
from deep_storm.io.camera_files import check_camera
from deep_storm.io.frames import select_frames
from deep_storm.io.stream import FrameStream
from deep_storm.model import Model
from deep_storm.networks.base import Inference
from deep_storm.networks.device import inference_dtype, place
from deep_storm.progress import Progress, silent
from deep_storm.settings import Device, Reconstruction

Float32 = npt.NDArray[np.float32]
ENDLESS = 2**31
POLL_SECONDS = 0.2
"""How often a long refinement asks whether it shall go on."""


@contextmanager
def _interruptible() -> Iterator[None]:
    """Give Ctrl-C its name back: one that comes into a compiled function ends it otherwise."""
    try:
        yield
    except SystemError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise


@dataclass(frozen=True)
class Reconstructed:
    """What a reconstruction gives.

    Attributes
    ----------
    rows
        Localizations above the threshold, by frame: counted, in pieces, or as one :attr:`table`.
    image
        Super-resolution image, float32 ``(y, x)``, in emitters per super-resolution pixel.
    pixel_size_nm
        Of the image.
    shape
        Frames used, height, width of the stack.
    threshold
        Confidence that localizations needed.
    dead_frames
        0-based frames without any measurement.
    replaced_pixels
        Invalid or saturated pixels that were filled from their neighbours.
    seconds
        Whole time, and time in the network.
    complete
        False when the work was stopped early; then ``shape`` counts the frames done.
    problem
        The error that stopped the work, such as a file that is cut off in the middle.
    samples
        Of some frames, to see whether they fit the model.
    """

    rows: Rows
    image: Float32
    pixel_size_nm: float
    shape: tuple[int, int, int]
    threshold: float
    dead_frames: tuple[int, ...]
    replaced_pixels: int
    seconds: float
    network_seconds: float
    precision: str
    complete: bool = True
    problem: StackError | ClusterError | None = None
    samples: tuple[Sample, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """All localizations in memory (see :mod:`deep_storm.localizations`)."""
        return self.rows.table()


class _Chunk(NamedTuple):
    start: int
    photons: Float32
    frames: Float32
    dead: npt.NDArray[np.bool_]
    replaced: int


class Found(NamedTuple):
    """What a chunk gave: per frame, the parts to draw and the candidates above the threshold.

    Of refined frames all candidates are drawn instead of the parts. ``samples`` are by frame.
    """

    start: int
    dead: npt.NDArray[np.bool_]
    replaced: int
    parts: list[list[Any]]
    candidates: list[Candidates]
    network_seconds: float
    refined: list[Candidates]
    samples: dict[int, Sample]


class Crew(Protocol):
    """Other processes that work on chunks (see :mod:`deep_storm.inference.cluster`)."""

    def found(
        self, run: ReconstructionRun, spans: Iterator[tuple[int, int]], progress: Callable[[], None]
    ) -> Iterator[Found]:
        """Yield what the spans of frames gave, in their order; ``progress`` raises to cancel."""


def reconstruct_frames(
    stream: FrameStream,
    model: Model,
    reconstruction: Reconstruction | None = None,
    device: Device | None = None,
    progress: Progress = silent,
    store: Store | None = None,
    crew: Crew | None = None,
    refinement: Refinement | None = None,
) -> Reconstructed:
    """Localize the emitters of every frame and sum up the super-resolution image.

    Parameters
    ----------
    stream
        Frames in ADU, taken by the camera that the model was trained for.
    model
        A trained model.
    reconstruction, device
        Settings.
    progress
        Called after every chunk with the frames done. When it raises
        :class:`~deep_storm.errors.Cancelled` or ``KeyboardInterrupt``, what was done until then
        is returned with ``complete=False``; likewise when a frame in the middle cannot be read.
    store
        Where localizations are kept; default: in memory. A resumed work folder goes on where it
        was.
    crew
        Who works on the chunks; default: this process.
    refinement
        Of the model's candidates, for ``reconstruction.refine``.

    Raises
    ------
    CameraError
        The model's camera cannot have taken this stack.
    StackError, SettingsError
        The stack cannot be read, or frames or upsampling do not suit it.
    ClusterError
        There is no worker, or they cannot work.
    """
    settings = reconstruction if reconstruction is not None else Reconstruction()
    device = device if device is not None else Device()
    check_camera(model.card.camera, stream)
    first, last = select_frames(stream, settings.frames)
    reader = make_reader(model, settings.upsampling)
    run = ReconstructionRun(
        stream, model, reader, settings, device, store or MemoryStore(), refinement
    )
    if settings.fits and not stream.grows:
        run.sampled = sampled_frames(first, last)
    with place(device):
        finished = run.work(first, last, progress, crew)
    return run.result(first, finished, last)


class ReconstructionRun:
    """One reconstruction under way."""

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
        self.refinement = refinement
        self.card = model.card if refinement is None else refinement.told_card
        self.sampled: list[int] = []
        self.samples: dict[int, Sample] = {}
        self.store = store
        self.stream = stream
        self.model = model
        self.reader = reader
        self.settings = settings
        self.precision = inference_dtype(device)
        self.network = model.network
        self.upsampling = settings.upsampling or model.card.network.upsampling
        self.threshold = self.card.threshold if settings.threshold is None else settings.threshold
        self.problem: StackError | ClusterError | None = None
        self.dead: list[int] = []
        self.replaced = 0
        self.network_seconds = 0.0
        self.seconds = 0.0

    def work(self, first: int, last: int, progress: Progress, crew: Crew | None = None) -> int:
        """Work through the frames; return the end of what was done."""
        frames = ENDLESS if self.stream.grows else self.stream.shape[0]
        shape = (frames, *self.stream.shape[1:])
        layout = plan_layout(self.network, self.reader, shape, self.settings)
        begin = first
        height, width = (n * self.upsampling for n in self.stream.shape[1:])
        self.canvas = Canvas(height, width, self.store.folder)
        if isinstance(self.store, WorkFolder) and self.store.resumed is not None:
            begin, layout = self._go_on(*self.store.resumed)
        self.began = time.perf_counter() - self.seconds
        self.layout = layout
        self.done = self.seen = begin
        self.span = (first, last)
        self.progress = progress
        with ExitStack() as opened:
            try:
                if crew is not None:
                    for found in crew.found(self, self._spans(begin), self._tell):
                        self._keep(found)
                        self._tell()
                else:
                    with _interruptible():
                        self._work_here(begin, opened)
            except Cancelled:
                self.stream.stop()
            except KeyboardInterrupt:
                self.stream.stop()
                # A movie that nobody wants to grow any more is finished with its last few frames.
                if self.stream.grows and self.stream.shape[0] - self.done < layout.chunk_frames:
                    with suppress(Cancelled, KeyboardInterrupt):
                        self._work_here(self.done, opened)
            except (StackError, ClusterError) as error:
                if self.done == first:
                    raise
                self.problem = error
        if self.done < self.stream.end(last):
            self.store.checkpoint(self._state(), self.canvas.pixels, now=True)
        self.seconds = time.perf_counter() - self.began
        return self.done

    def _work_here(self, begin: int, opened: ExitStack) -> None:
        """Read, infer and read out in three threads of this process."""
        infer = self.inference()
        if self.refinement is not None:
            self.refinement.refiner.begin()
        self._sample_before(begin, infer)
        readers = opened.enter_context(ThreadPoolExecutor(1))
        extractors = opened.enter_context(ThreadPoolExecutor(1))
        reading_out: Future[None] | None = None
        try:
            for chunk in self._chunks(begin, readers):
                parts = self._infer(infer, chunk, self.layout)
                self._wait_for(reading_out)
                reading_out = extractors.submit(self._read_out, chunk, parts)
                self.seen = chunk.start + len(chunk.frames)
                self._tell()
            self._wait_for(reading_out)
        except (Cancelled, KeyboardInterrupt):
            if self.refinement is not None:
                self.refinement.refiner.stop()
            raise
        finally:
            readers.shutdown(wait=False, cancel_futures=True)
            if reading_out is not None:
                reading_out.result()

    def _wait_for(self, reading_out: Future[None] | None) -> None:
        """Wait until a chunk is read out; a refinement asks meanwhile whether to go on."""
        if reading_out is None:
            return
        while self.refinement is not None and not wait([reading_out], POLL_SECONDS).done:
            self._tell()
        reading_out.result()

    def _sample_before(self, begin: int, infer: Inference) -> None:
        """Sample the frames that an interrupted run had done."""
        for frame in [f for f in self.sampled if self.span[0] <= f < begin]:
            if frame not in self.samples and frame not in self.dead:
                chunk = self._load(frame, frame + 1)
                found = self._candidates(chunk, self._infer(infer, chunk, self.layout)[0], 0)
                self.samples |= self._sampled(chunk, [found])

    def inference(self) -> Inference:
        """Return the compiled network."""
        return self.network.inference(
            self.model.keras_model, self.model.card.scales, self.precision
        )

    def _tell(self) -> None:
        first, last = self.span
        self.seen = max(self.seen, self.done)
        self.progress(self.seen - first, max(self.stream.end(last), self.seen) - first, "frames")

    def _state(self) -> dict[str, Any]:
        """Return, in JSON's types, what the next chunk depends on."""
        return {
            "done": self.done,
            "chunk_frames": self.layout.chunk_frames,
            "batch_frames": self.layout.batch_frames,
            "tiles": [[s.start, s.stop] for t in self.layout.tiles for p in t for s in p],
            "dead": self.dead,
            "replaced": self.replaced,
            "seconds": time.perf_counter() - self.began,
            "network_seconds": self.network_seconds,
        }

    def _go_on(self, state: dict[str, Any], image: Float32) -> tuple[int, Layout]:
        """Take up the work of an interrupted run, cut as it was; return the next frame."""
        self.canvas.load(image)
        self.dead, self.replaced = list(state["dead"]), state["replaced"]
        self.seconds, self.network_seconds = state["seconds"], state["network_seconds"]
        edges = [slice(*pair) for pair in state["tiles"]]
        tiles = [
            Tile((a, b), (c, d))
            for a, b, c, d in zip(edges[::4], edges[1::4], edges[2::4], edges[3::4], strict=True)
        ]
        return state["done"], Layout(state["chunk_frames"], state["batch_frames"], tiles)

    def _spans(self, begin: int) -> Iterator[tuple[int, int]]:
        """Yield the frames of each chunk; of a movie that still grows, as soon as they are there.

        A span without frames says that there is nothing yet.
        """
        last = self.span[1]
        while True:
            wanted = begin + self.layout.chunk_frames
            there, ended = self.stream.available(wanted)
            stop = min(wanted, self.stream.end(last), there)
            if stop == wanted or ended:
                if stop <= begin:
                    return
                yield begin, stop
                begin = stop
            else:
                yield begin, begin

    def _chunks(self, begin: int, readers: ThreadPoolExecutor) -> Iterator[_Chunk]:
        """Yield chunks; the next one is read while this one is worked on."""
        waiting: Future[_Chunk] | None = None
        for start, stop in self._spans(begin):
            coming = readers.submit(self._load, start, stop) if stop > start else None
            if waiting is not None:
                yield waiting.result()
            if coming is None:
                self._tell()
            waiting = coming
        if waiting is not None:
            yield waiting.result()

    def _load(self, start: int, stop: int) -> _Chunk:
        """Read frames and bring them to the network's scale, padded to its alignment."""
        repaired = repair(self.stream.read(start, stop))
        photons = self.model.card.camera.photons(repaired.adu)
        photons[repaired.dead] = self.model.card.scales.background_photon
        frames = self.model.card.scales.network_input(photons)
        height, width = (padded_size(n, self.network.alignment_px) for n in photons.shape[1:])
        more = ((0, 0), (0, height - photons.shape[1]), (0, width - photons.shape[2]), (0, 0))
        if any(sum(pair) for pair in more):
            frames = np.pad(frames, more, mode="edge")
        return _Chunk(start, photons, frames, repaired.dead, repaired.replaced)

    def _infer(self, infer: Inference, chunk: _Chunk, layout: Layout) -> list[list[Any]]:
        """Run the network over all tiles; return the parts of every frame."""
        parts: list[list[Any]] = [[] for _ in chunk.frames]
        for tile in layout.tiles:
            rows, columns = tile.window
            for start in range(0, len(chunk.frames), layout.batch_frames):
                batch = chunk.frames[start : start + layout.batch_frames, rows, columns]
                began = time.perf_counter()
                answer = infer(np.ascontiguousarray(batch))
                self.network_seconds += time.perf_counter() - began
                for number, one in enumerate(answer, start):
                    parts[number].append(self.reader.part(one, tile))
        return parts

    def find(self, infer: Inference, start: int, stop: int) -> Found:
        """Work on the frames of a chunk, for someone else to keep."""
        before = self.network_seconds
        chunk = self._load(start, stop)
        parts = self._infer(infer, chunk, self.layout)
        return self._found(chunk, parts)._replace(network_seconds=self.network_seconds - before)

    def _read_out(self, chunk: _Chunk, parts: list[list[Any]]) -> None:
        self._keep(self._found(chunk, parts))

    def _found(self, chunk: _Chunk, parts: list[list[Any]]) -> Found:
        """Turn the parts of a chunk into candidates above the threshold."""
        for number in np.flatnonzero(chunk.dead):
            parts[number].clear()
        numbers = range(len(parts))
        if self.refinement is None:
            every = [self._candidates(chunk, parts[number], number) for number in numbers]
            samples, refined = self._sampled(chunk, every), []
        else:
            pairs = side_by_side(
                lambda number: self._refined(chunk, parts[number], number), numbers
            )
            # After a stop, only what comes before the first unfinished frame counts.
            whole = next((n for n, pair in enumerate(pairs) if pair is None), len(pairs))
            samples = self._sampled(chunk, [before for before, _ in pairs[:whole]])
            refined = every = [after for _, after in pairs[:whole]]
        kept = [c.where(self._confidence(c) >= self.threshold) for c in every]
        count = len(every)
        return Found(
            chunk.start,
            chunk.dead[:count],
            chunk.replaced,
            parts[:count],
            kept,
            0.0,
            refined,
            samples,
        )

    def _candidates(self, chunk: _Chunk, parts: list[Any], number: int) -> Candidates:
        """Return the network's candidates of one frame; none on a dead one."""
        if chunk.dead[number]:
            return concatenated([])
        return self.reader.candidates(parts, chunk.start + number, self.stream.shape[1:])

    def _refined(
        self, chunk: _Chunk, parts: list[Any], number: int
    ) -> tuple[Candidates, Candidates] | None:
        """Return candidates of one frame before and after refinement; None after a stop."""
        before = self._candidates(chunk, parts, number)
        if self.refinement is None or chunk.dead[number]:
            return before, before
        after = self.refinement.candidates(chunk.photons[number], before, chunk.start + number)
        return None if self.refinement.refiner.stopped else (before, after)

    def _sampled(self, chunk: _Chunk, candidates: list[Candidates]) -> dict[int, Sample]:
        """Cut samples out of those frames of a chunk that shall be looked at."""
        return {
            chunk.start + k: cut_sample(
                chunk.photons[k], candidates[k], self.sampled.index(chunk.start + k)
            )
            for k in range(len(candidates))
            if chunk.start + k in self.sampled and not chunk.dead[k]
        }

    def _confidence(self, candidates: Candidates) -> npt.NDArray[np.float64]:
        return self.card.calibration.confidence_of(candidates.score)

    def _keep(self, found: Found) -> None:
        """Draw what was found, and keep its candidates."""
        self.replaced += found.replaced
        self.network_seconds += found.network_seconds
        self.dead += [found.start + int(k) for k in np.flatnonzero(found.dead)]
        self.samples |= found.samples
        for top, band in self.canvas.bands():
            if self.refinement is not None:
                for one in found.refined:
                    draw_refined(one, self._confidence(one), self.upsampling, band, top)
                continue
            for of_frame in found.parts:
                for part in of_frame:
                    self.reader.draw(part, band, top)
        for candidates in found.candidates:
            self.store.append(candidates)
        self.done = found.start + len(found.parts)
        self.store.checkpoint(self._state(), self.canvas.pixels)

    def result(self, first: int, finished: int, last: int) -> Reconstructed:
        """Put together what was found."""
        camera: Camera = self.model.card.camera
        _, height, width = self.stream.shape
        return Reconstructed(
            rows=FoundRows(self.store, self.card),
            image=self.canvas.pixels,
            pixel_size_nm=camera.pixel_size_nm / self.upsampling,
            shape=(finished - first, height, width),
            threshold=self.threshold,
            dead_frames=tuple(self.dead),
            replaced_pixels=self.replaced,
            seconds=self.seconds,
            network_seconds=self.network_seconds,
            precision=self.precision,
            complete=finished == self.stream.end(last) and self.problem is None,
            problem=self.problem,
            samples=tuple(self.samples[f] for f in self.sampled if f in self.samples),
        )
