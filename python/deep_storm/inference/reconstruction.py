"""Turn a stack into localizations and a super-resolution image.

Chunk by chunk, frames are read, go through the network and are read out, all at the same time
(:mod:`deep_storm.inference.overlap`). Chunk, tile and batch are sized so that memory does not
depend on the length of the stack; the answer is the same whatever they are.
"""

from __future__ import annotations

from deep_storm.inference.fits import sampled_frames
from deep_storm.inference.reading import make_reader
from deep_storm.inference.refining import Refinement
from deep_storm.inference.results import Reconstructed
from deep_storm.inference.run import ReconstructionRun, Workers
from deep_storm.inference.store import MemoryStore, Store
from deep_storm.io.camera_files import check_camera
from deep_storm.io.stacks.frames import select_frames
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.model import Model
from deep_storm.networks.device import place
from deep_storm.progress import Progress, silent
from deep_storm.settings import Device, Reconstruction


def reconstruct_frames(
    stream: FrameStream,
    model: Model,
    settings: Reconstruction = Reconstruction(),
    device: Device = Device(),
    progress: Progress = silent,
    store: Store | None = None,
    workers: Workers | None = None,
    refinement: Refinement | None = None,
) -> Reconstructed:
    """Localize the emitters of every frame and sum up the super-resolution image.

    Parameters
    ----------
    stream
        Frames in ADU, taken by the camera that the model was trained for.
    model
        A trained model.
    settings, device
        Settings.
    progress
        Called after every chunk with the frames done. When it raises
        :class:`~deep_storm.errors.Cancelled` or ``KeyboardInterrupt``, what was done until then
        is returned with ``complete=False``; likewise when a frame in the middle cannot be read.
    store
        Where localizations are kept; default: in memory. A resumed work folder goes on where it
        was.
    workers
        Who works on the chunks; default: this process.
    refinement
        Of the model's candidates, for ``settings.refine``.

    Raises
    ------
    CameraError
        The model's camera cannot have taken this stack.
    StackError, SettingsError
        The stack cannot be read, or frames or upsampling do not suit it.
    DaskError
        There is no worker, or they cannot work.
    """
    check_camera(model.card.camera, stream)
    first, last = select_frames(stream, settings.frames)
    reader = make_reader(model, settings.upsampling)
    run = ReconstructionRun(
        stream, model, reader, settings, device, store or MemoryStore(), refinement
    )
    if settings.fits and not stream.grows:
        run.read_out.sampled = sampled_frames(first, last)
    with place(device):
        finished = run.work(first, last, progress, workers)
    return run.result(first, finished, last)
