"""The files of an estimate: settings of a matched simulation, a picture, and the measured PSF."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.estimation.result import Estimate
from deep_storm.estimation.zstack.result import CalibratedPsf
from deep_storm.io.config import write_config
from deep_storm.io.outputs import Outputs
from deep_storm.io.psf_files import write_psf
from deep_storm.report.depth import calibration_figure
from deep_storm.report.figures import save_figure
from deep_storm.report.measuring import estimate_figure
from deep_storm.report.psf import psf_figure
from deep_storm.settings import Simulation
from deep_storm.simulation.frames import simulate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deep_storm.psf.table import PsfTable

    Frames = npt.NDArray[np.generic]

PSF_ENDINGS = {"psf": ".toml", "values": ".npz", "psf_picture": ".png"}
ESTIMATE_ENDINGS = {
    "settings": ".toml",
    "picture": ".png",
    **{name: f"-psf{ending}" for name, ending in PSF_ENDINGS.items()},
}
"""Of an estimate; the PSF is written where it is no Gaussian."""


def write_found_psf(
    found: MeasuredPsf | CalibratedPsf, outputs: Outputs, table: PsfTable | None = None
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
    figure = psf_figure(found) if isinstance(found, MeasuredPsf) else calibration_figure(found)
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
