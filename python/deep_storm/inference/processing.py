"""What is done to a chunk of frames: read, run through the network, read out."""

from __future__ import annotations

from collections.abc import Callable

from deep_storm.camera_maps import noise_photon
from deep_storm.inference.chunks import Aside, here, load_with_sides, run_network
from deep_storm.inference.layout import Layout, plan_layout
from deep_storm.inference.reading import Reader
from deep_storm.inference.readout import Awaited, Chunk, ReadOut
from deep_storm.inference.refining import Refinement
from deep_storm.inference.results import Found
from deep_storm.inference.stages import StageClock
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.model import Model
from deep_storm.networks.device import devices_of, is_gpu
from deep_storm.networks.precision import inference_dtype
from deep_storm.networks.replicas import Replicas, replicated
from deep_storm.settings import Device, Reconstruction

ENDLESS = 2**31


class ChunkProcessor:
    """Processes chunks of a stack with a model, in any order.

    Attributes
    ----------
    layout
        How the work is divided.
    network_seconds
        Time in the network until now.
    """

    layout: Layout

    def __init__(
        self,
        stream: FrameStream,
        model: Model,
        reader: Reader,
        settings: Reconstruction,
        device: Device,
        refinement: Refinement | None = None,
    ) -> None:
        self.stages = StageClock()
        self.stream = stream
        self.model = model
        self.reader = reader
        self.settings = settings
        self.device = device
        self.precision = inference_dtype(device)
        self.network = model.network
        self.upsampling = settings.upsampling or model.card.network.upsampling
        card = model.card if refinement is None else refinement.calibrated_card
        threshold = card.threshold if settings.threshold is None else settings.threshold
        self.refinement = refinement
        noise = noise_photon(card.camera, stream.noise)
        self.read_out = ReadOut(
            reader,
            card,
            threshold,
            stream.shape[1:],
            refinement,
            noise_photon=noise,
            stages=self.stages,
        )
        self.network_seconds = 0.0

    def planned(self) -> Layout:
        """Return how the work is divided."""
        frames = ENDLESS if self.stream.grows else self.stream.shape[0]
        shape = (frames, *self.stream.shape[1:])
        on_gpu = is_gpu(devices_of(self.device)[0])
        return plan_layout(self.network, self.reader, shape, self.settings, on_gpu)

    def inference(self) -> Replicas:
        """Return the compiled network, one for each device."""
        compiled, key = self.model.compiled, (self.precision, self.device.device)
        if key not in compiled:
            scales = self.model.card.scales
            network = self.model.keras_model
            compiled[key] = replicated(self.network, network, scales, self.precision, self.device)
        replicas: Replicas = compiled[key]
        return replicas

    @property
    def beside(self) -> int:
        """Frames on each side of a chunk of which the candidates are needed for it."""
        return 1 if self.refinement is not None and self.refinement.beside else 0

    def load(self, start: int, stop: int) -> Chunk:
        """Read the frames from start to stop, with those beside that are needed for them.

        Raises
        ------
        StackError
            Frames from ``start`` to ``stop`` cannot be read.
        """
        frames_at_once = self.model.frames_at_once
        with self.stages.measured("read"):
            return load_with_sides(
                self.stream, self.model.card, start, stop, frames_at_once, self.beside
            )

    def infer(
        self,
        replicas: Replicas,
        chunk: Chunk,
        between: Callable[[], None] = lambda: None,
        aside: Aside = here,
    ) -> list[Awaited]:
        """Run the network over a chunk; return what waits for the parts of its batches."""
        before = replicas.seconds
        name = self.stream.name
        parts = run_network(
            replicas, self.reader, chunk, self.layout, name, self.stages, between, aside
        )
        self.network_seconds += replicas.seconds - before
        return parts

    def find(self, replicas: Replicas, start: int, stop: int) -> Found:
        """Process the frames of a chunk for another process."""
        before = self.network_seconds
        chunk = self.load(start, stop)
        parts = self.infer(replicas, chunk)
        return self.read_out.found(chunk, parts)._replace(
            network_seconds=self.network_seconds - before
        )
