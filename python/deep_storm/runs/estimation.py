"""Estimates and their files: settings of a matched simulation, a picture, and the measured PSF."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deep_storm.errors import SettingsError
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.estimation.pupil.fit import fit_pupil
from deep_storm.estimation.pupil.result import FittedPupil
from deep_storm.estimation.result import Estimate
from deep_storm.estimation.zstack.result import CalibratedPsf
from deep_storm.io.config import write_config
from deep_storm.io.outputs import Outputs
from deep_storm.io.psf_files import write_psf
from deep_storm.io.psf_sources import read_theory
from deep_storm.io.stacks.frames import select_frames
from deep_storm.progress import Progress
from deep_storm.report.depth import calibration_figure
from deep_storm.report.figures import save_figure
from deep_storm.report.measuring import estimate_figure
from deep_storm.report.psf import psf_figure
from deep_storm.report.pupil import pupil_figure
from deep_storm.settings import PsfMeasurement, Simulation, TheoryPsf
from deep_storm.simulation.frames import simulate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deep_storm.inputs.movie import Movie
    from deep_storm.psf.table import PsfTable

    Frames = npt.NDArray[np.generic]

PSF_ENDINGS = {"psf": ".toml", "values": ".npz", "psf_picture": ".png"}
ESTIMATE_ENDINGS = {
    "settings": ".toml",
    "picture": ".png",
    **{name: f"-psf{ending}" for name, ending in PSF_ENDINGS.items()},
}
"""Of an estimate; the PSF is written where it is no Gaussian."""


def roughly_known(file: str | None, more: bool) -> TheoryPsf | None:
    """Read the PSF that a movie shall be fitted with, as far as theory knows it.

    Parameters
    ----------
    file
        Where it is; None where none is given.
    more
        Whether images of beads or a table were given beside it.

    Raises
    ------
    SettingsError, PsfError
        It cannot be read, is no theory, or more was given.
    """
    if file is None:
        return None
    if more:
        raise SettingsError(
            "a roughly known PSF with beads or a localization table",
            "only a movie of molecules at unknown depths",
            "leave out --beads and --localizations; for z-stacks of beads use calibrate-psf",
        )
    return read_theory(file)


def fitted_pupil(
    movie: Movie, theory: TheoryPsf, settings: PsfMeasurement, progress: Progress
) -> FittedPupil:
    """Fit the aberrations of a roughly known PSF to a movie.

    Raises
    ------
    PsfError, SettingsError
        The movie does not tell them, or the frames to use do not exist.
    """
    first, end = select_frames(movie.frames, settings.frames)
    span, noise = range(first, end), movie.frames.noise
    found = fit_pupil(movie.frames, movie.camera, theory, span, noise, progress)
    return replace(found, notes=(*movie.notes, *found.notes))


def write_found_psf(
    found: MeasuredPsf | CalibratedPsf | FittedPupil,
    outputs: Outputs,
    table: PsfTable | None = None,
) -> None:
    """Write a PSF that was measured or calibrated: its table and a figure.

    Parameters
    ----------
    found
        What was measured.
    outputs
        Files as in :data:`PSF_ENDINGS`.
    table
        The PSF to be written; default: the measured one.

    Raises
    ------
    OutputError
        A file exists already or cannot be written.
    """
    if isinstance(found, FittedPupil):
        figure = pupil_figure(found)
    elif isinstance(found, MeasuredPsf):
        figure = psf_figure(found)
    else:
        figure = calibration_figure(found)
    with outputs.writing("psf_picture") as path:
        save_figure(figure, path, outputs.overwrite)
    with outputs.writing("values"), outputs.writing("psf") as path:
        write_psf(path, found.table if table is None else table, outputs.overwrite)


def write_estimate(found: Estimate, frames: Frames | None, outputs: Outputs) -> Estimate:
    """Write an estimate; its settings name the PSF file beside them.

    Parameters
    ----------
    found
        The estimate.
    frames
        Frames of the stack to draw beside simulated ones, (t, y, x); None without a stack.
    outputs
        Files as in :data:`ESTIMATE_ENDINGS`.

    Returns
    -------
    The estimate; its settings name the PSF by its whole path.

    Raises
    ------
    OutputError
        A file exists already or cannot be written.
    """
    if found.shape is not None and found.psf_table is not None:
        write_found_psf(found.shape, outputs, found.psf_table)
        file = outputs["psf"]
        named = found.psf.model_copy(update={"psf_file": file.name})
        beside = replace(found, psf=named)
        found = replace(found, psf=named.model_copy(update={"psf_file": str(file.resolve())}))
    else:
        beside = found
    figure = estimate_figure(found, frames, _simulated(found, frames))
    with outputs.writing("picture") as path:
        save_figure(figure, path, outputs.overwrite)
    with outputs.writing("settings") as path:
        write_config(path, beside.sections(), outputs.overwrite)
    return found


def _simulated(found: Estimate, frames: Frames | None) -> Frames | None:
    """Simulate as many frames of the same size, with the estimated settings."""
    if frames is None:
        return None
    count, height, width = frames.shape
    size = Simulation(frames=count, width_px=width, height_px=height)
    parts = (found.camera, found.psf, found.emitters, found.background)
    return simulate(*parts, size, table=found.psf_table).stack
