"""Where the processor time of a reconstruction goes, stage by stage.

Times are those that threads were on a core, so that other work on the machine changes them little.
The network computes in threads of TensorFlow's own: it gets what the whole process took and no
other stage did. The table's numbers are formatted by several threads and written by one. With
*stored answers* the network computes nothing: it is asked about a few frames beforehand, the movie
repeats these, and the answers are given again.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.inference.reconstruction import reconstruct_frames
from deep_storm.inference.refining import Refinement
from deep_storm.inference.work_folder import WorkFolder
from deep_storm.io.images import write_image
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.io.tables.writer import write_pieces
from deep_storm.machine.stage_table import StageTable
from deep_storm.model import Model
from deep_storm.networks.base import Float32
from deep_storm.networks.company import Inference
from deep_storm.networks.device import place
from deep_storm.networks.precision import inference_dtype
from deep_storm.networks.replicas import Replicas
from deep_storm.settings import Device, Reconstruction, Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.training.refining import learn_refinement

SIZE_PX = 64
DIFFERENT = 64
"""Frames that a movie repeats."""
LONG, SHORT, REFINED = 4096, 512, 64
"""Frames of the movies: with stored answers, with the network, refined."""
AT_A_TIME = 16
ORDER = ("read", "network", "pick", "gather", "refine", "draw", "append", "rest", "format", "write")


def replayed(model: Model) -> tuple[StageTable, ...]:
    """Measure the stages of a movie with stored answers."""
    movie = movie_for(model, LONG)
    with tempfile.TemporaryDirectory() as folder:
        return (measured("stored answers", movie, model, Device(), Path(folder), stored=True),)


def with_network(model: Model, device: Device = Device()) -> tuple[StageTable, ...]:
    """Measure the stages of a movie with the network, and refined."""
    with tempfile.TemporaryDirectory() as folder:
        plain = measured("native", movie_for(model, SHORT), model, device, Path(folder))
        refinement = learn_refinement(model)
        movie = movie_for(model, REFINED)
        refined = measured("refined", movie, model, device, Path(folder), refinement)
    return plain, refined


def movie_for(model: Model, frames: int) -> Repeated:
    """Return a movie of what a model expects that repeats a few frames of 64 × 64 px."""
    card = model.card
    size = Simulation(frames=min(DIFFERENT, frames), width_px=SIZE_PX, height_px=SIZE_PX)
    simulated = simulate(card.camera, card.psf, card.emitters, card.background, size)
    return Repeated(simulated.stack, frames)


class Repeated(FrameStream):
    """A movie that repeats a few frames ``(t, y, x)``."""

    pixel_size_nm = None

    def __init__(self, frames: npt.NDArray[Any], count: int) -> None:
        self._frames = frames
        self.different = len(frames)
        self.shape = (count, *frames.shape[1:])
        self.dtype = frames.dtype
        self.name = f"{count} frames"

    def _read(self, start: int, stop: int) -> npt.NDArray[Any]:
        return np.asarray(self._frames[np.arange(start, stop) % len(self._frames)])


class StoredAnswers:
    """A network's answers to a few frames that a movie repeats, given again in no time.

    Parameters
    ----------
    infer
        The network.
    frames
        ``(t, y, x, 3)``, or as many as it sees. Batches hold frames that follow one another in
        them, and at most all. Those beside a frame are not looked at.
    """

    def __init__(self, infer: Inference, frames: Float32) -> None:
        pieces = [infer(frames[k : k + AT_A_TIME]) for k in range(0, len(frames), AT_A_TIME)]
        self._answers = np.concatenate(pieces * 2)
        self._place = {frame[..., 0].tobytes(): k for k, frame in enumerate(frames)}

    def __call__(self, frames: Float32) -> Float32:
        """Answer a batch ``(n, y, x, 3)``."""
        first = self._place[frames[0, ..., 0].tobytes()]
        return self._answers[first : first + len(frames)]


def measured(
    what: str,
    movie: Repeated,
    model: Model,
    device: Device,
    folder: Path,
    refinement: Refinement | None = None,
    stored: bool = False,
) -> StageTable:
    """Reconstruct a movie to table and image on disk and return what each stage took.

    Parameters
    ----------
    what
        Name of the reconstruction.
    movie, model, device, refinement
        As for :func:`~deep_storm.inference.reconstruction.reconstruct_frames`.
    folder
        For files that the caller removes.
    stored
        Whether the network's answers are given from memory.
    """
    settings = Reconstruction(refine=refinement is not None)
    few = settings.model_copy(update={"frames": f"1:{min(movie.different, movie.shape[0])}"})
    if stored:
        model = _with_stored_answers(model, movie, device)
    reconstruct_frames(movie, model, few, device, refinement=refinement)
    work = WorkFolder.begin(folder / f"{what}.running", {"benchmark": what}, overwrite=True)
    try:
        began = time.process_time()
        done = reconstruct_frames(movie, model, settings, device, store=work, refinement=refinement)
        ended, alone = time.process_time(), time.thread_time()
        write_image(folder / "stages.tif", done.image, done.pixel_size_nm, overwrite=True)
        write_pieces(folder / "stages.csv", done.rows.pieces(), overwrite=True)
        alone = time.thread_time() - alone
        writing = time.process_time() - ended
    finally:
        work.release()
    seconds: dict[str, float] = {**done.stage_seconds, "network": 0.0}
    seconds["rest" if stored else "network"] = ended - began - sum(seconds.values())
    seconds |= {"format": writing - alone, "write": alone}
    if stored:
        del seconds["network"]
    count = movie.shape[0]
    milliseconds = {name: 1000.0 * seconds[name] / count for name in ORDER if name in seconds}
    return StageTable(what, movie.shape[2], count, done.rows.count, milliseconds)


def _with_stored_answers(model: Model, movie: Repeated, device: Device) -> Model:
    """Return a model that knows its network's answers to the frames that a movie repeats."""
    card = model.card
    with place(device):
        precision = inference_dtype(device)
        infer = model.network.inference(model.keras_model, card.scales, precision)
        photons = card.camera.photons(movie.read(0, min(movie.different, movie.shape[0])))
        after = np.roll(photons, -1, axis=0)
        beside = np.stack([np.roll(photons, 1, axis=0), after], axis=-1)
        frames = card.scales.network_input(photons, beside)
        answers = Replicas([StoredAnswers(infer, frames)])
    return replace(model, compiled={(precision, device.device): answers})
