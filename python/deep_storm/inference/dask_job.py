"""The part of a reconstruction that runs on a Dask worker."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from threading import Lock
from typing import Any

from distributed import WorkerPlugin

from deep_storm.errors import DaskError, StackError
from deep_storm.inference.layout import Layout
from deep_storm.inference.processing import ChunkProcessor
from deep_storm.inference.reading import make_reader
from deep_storm.inference.refining import Refinement
from deep_storm.inference.results import Found
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.model import Model, Weights
from deep_storm.model_card import ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.device import place
from deep_storm.networks.replicas import Replicas
from deep_storm.settings import Device, Reconstruction


@dataclass(frozen=True)
class Assignment:
    """Everything that a worker needs to know."""

    stream: FrameStream
    card: ModelCard
    weights: Weights
    settings: Reconstruction
    precision: str
    layout: Layout
    refinement: Refinement | None
    sampled: list[int]


class JobPlugin(WorkerPlugin):
    """Sends a job to every worker, including those that join later."""

    def __init__(self, key: str, job: bytes) -> None:
        self.name = f"deep-storm-{key}"
        self.key = key
        self.job = job

    def setup(self, worker: Any) -> None:
        """Store the job; the model is made with the first chunk."""
        del worker
        _jobs[self.key] = self.job

    def teardown(self, worker: Any) -> None:
        """Drop the job."""
        del worker
        _jobs.pop(self.key, None)
        made = _made.pop(self.key, None)
        if made is not None:
            made[0].stream.close()


_jobs: dict[str, bytes] = {}
_made: dict[str, tuple[ChunkProcessor, Replicas]] = {}
_one_at_a_time = Lock()


def work_on(key: str, start: int, stop: int) -> Found:
    """Process the frames of a chunk; runs on a worker."""
    with _one_at_a_time:
        if key not in _made:
            _made[key] = _make(_opened(_jobs[key]))
        run, replicas = _made[key]
        with place(Device(precision="float32")):
            return run.find(replicas, start, stop)


def _opened(job: bytes) -> Assignment:
    """Unpack a job, which opens the stack on this machine."""
    try:
        unpacked: Assignment = pickle.loads(job)
    except StackError as error:
        raise DaskError(
            f"a worker cannot open the stack: {error.received}",
            "a path at which all workers see the same file",
            "put the stack on a shared disk and give its path there",
        ) from error
    return unpacked


def _make(job: Assignment) -> tuple[ChunkProcessor, Replicas]:
    """Build the network of a job."""
    device = Device.parse({"precision": job.precision})
    with place(device):
        model = Model(job.card, make_network(job.card.network).build(drawn=False))
        model.keras_model.set_weights(job.weights)
        reader = make_reader(model, job.settings.upsampling)
        run = ChunkProcessor(job.stream, model, reader, job.settings, device, job.refinement)
        run.layout = job.layout
        run.read_out.sampled = job.sampled
        return run, run.inference()
