"""Turn a stack into localizations and a super-resolution image.

Data flow, one chunk of frames at a time::

    read + repair + photons  →  network (tiles, batches)  →  candidates + image
       reading thread             this thread                 reading-out thread

The three overlap. Chunk, tile and batch are sized so that memory does not depend on the length of
the stack; the answer is the same whatever they are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import Cancelled, StackError
from deep_storm.inference.reading import Reader, make_reader
from deep_storm.inference.repair import repair
from deep_storm.inference.store import MemoryStore, Store, WorkFolder
from deep_storm.inference.tables import FoundRows, Rows
from deep_storm.inference.tiles import Tile, padded_size, plan_tiles
from deep_storm.io.camera_files import check_camera
from deep_storm.io.frames import select_frames
from deep_storm.io.stream import FrameStream
from deep_storm.model import Model
from deep_storm.networks.base import Inference, LocalizationNetwork
from deep_storm.networks.device import inference_dtype, place
from deep_storm.progress import Progress, silent
from deep_storm.settings import Device, Reconstruction

Float32 = npt.NDArray[np.float32]
MOST_BYTES_IN_NETWORK = 256 * 2**20
SHARE_OF_FREE_MEMORY = 0.1
MOST_CHUNK_FRAMES = 64


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
    problem: StackError | None = None

    @property
    def table(self) -> pd.DataFrame:
        """All localizations in memory (see :mod:`deep_storm.localizations`)."""
        return self.rows.table()


class Layout(NamedTuple):
    """How the work is cut: frames read together, tiles of a frame, frames in one network call."""

    chunk_frames: int
    batch_frames: int
    tiles: list[Tile]


class _Chunk(NamedTuple):
    start: int
    frames: Float32
    dead: npt.NDArray[np.bool_]
    replaced: int


def reconstruct_frames(
    stream: FrameStream,
    model: Model,
    reconstruction: Reconstruction | None = None,
    device: Device | None = None,
    progress: Progress = silent,
    store: Store | None = None,
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

    Raises
    ------
    CameraError
        The model's camera cannot have taken this stack.
    StackError, SettingsError
        The stack cannot be read, or frames or upsampling do not suit it.
    """
    settings = reconstruction if reconstruction is not None else Reconstruction()
    device = device if device is not None else Device()
    check_camera(model.card.camera, stream)
    first, last = select_frames(stream, settings.frames)
    reader = make_reader(model, settings.upsampling)
    run = _Run(stream, model, reader, settings, device, store or MemoryStore())
    with place(device):
        finished = run.work(first, last, progress)
    return run.result(first, finished, last)


class _Run:
    """One reconstruction under way."""

    def __init__(
        self,
        stream: FrameStream,
        model: Model,
        reader: Reader,
        settings: Reconstruction,
        device: Device,
        store: Store,
    ) -> None:
        self.store = store
        self.stream = stream
        self.model = model
        self.reader = reader
        self.settings = settings
        self.precision = inference_dtype(device)
        self.network = model.network
        self.upsampling = settings.upsampling or model.card.network.upsampling
        _, height, width = stream.shape
        self.image = np.zeros((height * self.upsampling, width * self.upsampling), np.float32)
        self.threshold = model.card.threshold if settings.threshold is None else settings.threshold
        self.problem: StackError | None = None
        self.dead: list[int] = []
        self.replaced = 0
        self.network_seconds = 0.0
        self.seconds = 0.0

    def work(self, first: int, last: int, progress: Progress) -> int:
        """Work through the frames; return the end of what was done."""
        layout = plan_layout(self.network, self.reader, self.stream.shape, self.settings)
        begin = first
        if isinstance(self.store, WorkFolder) and self.store.resumed is not None:
            begin, layout = self._go_on(*self.store.resumed)
        self.began = time.perf_counter() - self.seconds
        self.layout = layout
        infer = self.network.inference(
            self.model.keras_model, self.model.card.scales, self.precision
        )
        starts = range(begin, last, layout.chunk_frames)
        self.done = done = begin
        reading_out: Future[None] | None = None
        with ThreadPoolExecutor(1) as readers, ThreadPoolExecutor(1) as extractors:
            try:
                for chunk in self._chunks(starts, layout.chunk_frames, last, readers):
                    parts = self._infer(infer, chunk, layout)
                    if reading_out is not None:
                        reading_out.result()
                    reading_out = extractors.submit(self._read_out, chunk, parts)
                    done = chunk.start + len(chunk.frames)
                    progress(done - first, last - first, "frames")
            except (Cancelled, KeyboardInterrupt):
                readers.shutdown(wait=False, cancel_futures=True)
            except StackError as error:
                if done == first:
                    raise
                self.problem = error
            if reading_out is not None:
                reading_out.result()
        if done < last:
            self.store.checkpoint(self._state(), self.image, now=True)
        self.seconds = time.perf_counter() - self.began
        return done

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
        self.image = image
        self.dead, self.replaced = list(state["dead"]), state["replaced"]
        self.seconds, self.network_seconds = state["seconds"], state["network_seconds"]
        edges = [slice(*pair) for pair in state["tiles"]]
        tiles = [
            Tile((a, b), (c, d))
            for a, b, c, d in zip(edges[::4], edges[1::4], edges[2::4], edges[3::4], strict=True)
        ]
        return state["done"], Layout(state["chunk_frames"], state["batch_frames"], tiles)

    def _chunks(
        self, starts: range, chunk_frames: int, last: int, readers: ThreadPoolExecutor
    ) -> Iterator[_Chunk]:
        """Yield chunks; the next one is read while this one is worked on."""
        waiting: Future[_Chunk] | None = None
        for start in starts:
            coming = readers.submit(self._load, start, min(start + chunk_frames, last))
            if waiting is not None:
                yield waiting.result()
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
        return _Chunk(start, frames, repaired.dead, repaired.replaced)

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

    def _read_out(self, chunk: _Chunk, parts: list[list[Any]]) -> None:
        """Turn the parts of a chunk into candidates and image."""
        self.replaced += chunk.replaced
        for number, of_frame in enumerate(parts):
            frame = chunk.start + number
            if chunk.dead[number]:
                self.dead.append(frame)
                continue
            for part in of_frame:
                self.reader.draw(part, self.image)
            candidates = self.reader.candidates(of_frame, frame, self.stream.shape[1:])
            confidence = self.model.card.calibration.confidence_of(candidates.score)
            self.store.append(candidates.where(confidence >= self.threshold))
        self.done = chunk.start + len(parts)
        self.store.checkpoint(self._state(), self.image)

    def result(self, first: int, finished: int, last: int) -> Reconstructed:
        """Put together what was found."""
        camera: Camera = self.model.card.camera
        _, height, width = self.stream.shape
        return Reconstructed(
            rows=FoundRows(self.store, self.model.card),
            image=self.image,
            pixel_size_nm=camera.pixel_size_nm / self.upsampling,
            shape=(finished - first, height, width),
            threshold=self.threshold,
            dead_frames=tuple(self.dead),
            replaced_pixels=self.replaced,
            seconds=self.seconds,
            network_seconds=self.network_seconds,
            precision=self.precision,
            complete=finished == last,
            problem=self.problem,
        )


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
    tile_px = settings.tile_px or max(int(px_per_call**0.5), 4 * network.halo_px)
    tiles = plan_tiles(height, width, tile_px, network.halo_px, network.alignment_px)
    largest = max(_area(tile) for tile in tiles)
    batch = max(1, min(px_per_call // largest, MOST_CHUNK_FRAMES))
    chunk = settings.chunk_frames or max(
        batch, min(MOST_CHUNK_FRAMES, budget // (16 * height * width))
    )
    chunk = min(chunk, max(1, count))
    return Layout(chunk, min(batch, chunk), tiles)


def _area(tile: Tile) -> int:
    rows, columns = tile.window
    return int((rows.stop - rows.start) * (columns.stop - columns.start))
