"""Z-stacks of beads, as they are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.camera_maps import photons_from
from deep_storm.errors import PsfError, StackError
from deep_storm.estimation.psf.bead_search import smooth_background
from deep_storm.estimation.psf.scenes import Window, read_variance
from deep_storm.estimation.sampling import check_values
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.words import counted

FloatArray = npt.NDArray[np.float64]

MIN_PLANES = 5
MAX_VALUES = 500_000_000


@dataclass(frozen=True)
class ZStack:
    """A z-stack.

    Attributes
    ----------
    photons
        Photoelectrons, float32 of shape (z, y, x), from the first plane to the deepest.
    raw
        The same in ADU.
    name
        What it is called in messages.
    variance
        Read-out variance of each pixel, photoelectrons², (y, x).
    excess
        Excess noise factor.
    mean
        Mean plane without its background, (y, x).
    background
        That background, smooth, (y, x).
    """

    photons: npt.NDArray[np.float32]
    raw: npt.NDArray[np.generic]
    name: str
    variance: FloatArray
    excess: float
    mean: FloatArray
    background: FloatArray


def read_stack(
    stream: FrameStream, span: tuple[int, int], camera: Camera, backwards: bool
) -> ZStack:
    """Read a z-stack.

    Parameters
    ----------
    stream
        Frames in ADU, a plane each.
    span
        First frame and the one after the last.
    camera
        The camera.
    backwards
        Whether the last frame is the first plane.

    Raises
    ------
    PsfError
        There are too few planes.
    StackError
        The stack cannot be read, or is too large.
    """
    first, stop = span
    planes, (_, height, width) = stop - first, stream.shape
    if planes < MIN_PLANES:
        raise PsfError(
            f"{stream.name} has {counted(planes, 'plane')}",
            f"a z-stack of beads with at least {MIN_PLANES} planes",
            "scan the objective or the stage through focus, one frame per plane",
        )
    if planes * height * width > MAX_VALUES:
        raise StackError(
            f"{stream.name} is {planes} frames of {width} × {height} px",
            f"at most {MAX_VALUES / 1e6:.0f} million pixels",
            "crop it around the beads, or give fewer frames (--frames)",
        )
    raw = stream.read(first, stop)
    check_values(raw, stream.name, first)
    photons = photons_from(raw, camera, None) * np.float32(camera.quantum_efficiency)
    window = (Window(0, 0, height, width),)
    variance = read_variance(window, camera, stream.noise)[0]
    if backwards:
        raw, photons = raw[::-1], photons[::-1]
    mean = photons.mean(axis=0, dtype=np.float64)
    background = smooth_background(mean)
    return ZStack(
        photons,
        raw,
        stream.name,
        variance,
        camera.excess_noise_factor,
        mean - background,
        background,
    )
