"""A matched simulation estimated blindly from a stack and its camera.

``estimate_stack`` is the whole measurement; what it returns holds the settings of a simulation
whose frames look like these, and every number with its error, its spread and its warnings.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, check_maps
from deep_storm.errors import CameraError, StackError
from deep_storm.estimation.assembly import assembled
from deep_storm.estimation.blind.crowd import Crowd, measure_crowd
from deep_storm.estimation.isolated import IsolatedFits, fit_isolated
from deep_storm.estimation.plausibility import check_plausible
from deep_storm.estimation.result import Estimate
from deep_storm.estimation.sampling import Sample, draw_sample
from deep_storm.estimation.screening.examination import Examination
from deep_storm.estimation.sparse import START_SIGMA_PX, as_crowd, is_unsure, measure_sparse
from deep_storm.io.stacks.corrected import CorrectedFrames
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.words import counted

NO_MOLECULES, FEW_MOLECULES = 4, 80
"""Fewer than these may tell nothing; noise alone looks like a few."""


def estimate_stack(
    frames: FrameStream | str | os.PathLike[str] | npt.NDArray[np.generic],
    camera: Camera,
    maps: CameraMaps | None = None,
    *,
    examination: Examination | None = None,
    progress: Progress = silent,
) -> Estimate:
    """Find the settings of a simulation that matches a stack, from its frames alone.

    Nothing needs to be detected: photons and density follow from the statistics of the pixel
    values (:mod:`deep_storm.estimation.blind.scattering`), on crowded frames and on structures as
    well as on sparse ones. At most some ten million pixel values are looked at.

    Parameters
    ----------
    frames
        Raw camera frames in ADU, (t, y, x): an array, a file or a stream.
    camera
        Their camera. Its baseline and photons per ADU must be right.
    maps
        What differs from pixel to pixel (sCMOS), (y, x) each.
    examination
        Which frames and pixels hold no measurement; default: the stack is examined.
    progress
        Called while frames are read and evaluated; cancels by raising.

    Returns
    -------
    Estimate
        Settings ``psf``, ``emitters`` and ``background``, and the numbers that they come from.

    Raises
    ------
    StackError
        Fewer than ten frames, constant frames, values that are not numbers, or nothing blinks.
    CameraError
        The maps do not have the frames' size.
    """
    stream = open_frames(frames)
    check_maps(maps, *stream.shape[1:])
    if maps is not None:
        stream = CorrectedFrames(stream, camera, maps)
    sample = draw_sample(stream, camera, progress=progress, examination=examination)
    read_variance = _read_variance(camera, maps)
    try:
        crowd, fits = _molecules(stream, camera, sample, read_variance)
        found = assembled(stream, camera, sample, crowd, fits)
        check_plausible(camera, found.psf, found.emitters, found.background, stream.name)
    except (CameraError, StackError) as error:
        raise _too_few(stream, camera, sample, read_variance) or error from error
    return found


def _too_few(
    stream: FrameStream, camera: Camera, sample: Sample, read_variance: float
) -> StackError | None:
    """Return the error of a movie with too few molecules for meaningful numbers."""
    em = camera.em_gain is not None
    seen = fit_isolated(sample.blocks, START_SIGMA_PX, read_variance, em).peaks
    if not NO_MOLECULES < seen < FEW_MOLECULES:
        return None
    return StackError(
        f"about {counted(seen, 'molecule')} in {counted(sample.frames, 'frame')} of {stream.name} "
        "are too few to measure what they look like",
        f"{FEW_MOLECULES} or more",
        "give more frames, or PSF, photons, background and density yourself (--sigma-nm, "
        "--intensity-photon, --background-photon, --density-per-um2)",
    )


def _molecules(
    stream: FrameStream, camera: Camera, sample: Sample, read_variance: float
) -> tuple[Crowd, IsolatedFits]:
    """Measure molecules by the statistics of all pixels, or by fits of isolated ones."""
    em = camera.em_gain is not None
    try:
        crowd = measure_crowd(sample, camera, read_variance, stream.name)
    except StackError:
        found = measure_sparse(sample, read_variance, em)
        if found is None:
            raise
        return as_crowd(found[0], None), found[1]
    if is_unsure(crowd.fit):
        found = measure_sparse(sample, read_variance, em)
        if found is not None:
            return as_crowd(found[0], crowd), found[1]
    return crowd, fit_isolated(sample.blocks, crowd.fit.light.sigma_px, read_variance, em)


def _read_variance(camera: Camera, maps: CameraMaps | None) -> float:
    """Return read-out and rounding variance of a pixel in photoelectrons²."""
    noise = camera.read_noise_adu
    if maps is not None and maps.read_noise_adu is not None:
        noise = float(np.sqrt(np.mean(np.square(maps.read_noise_adu, dtype=np.float64))))
    electrons = camera.photons_per_count * camera.quantum_efficiency
    return (noise**2 + 1.0 / 12.0) * electrons**2
