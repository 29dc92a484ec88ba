"""Collects the contents of reports: of a run just finished, of its record, of a model folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.errors import SettingsError, TableError
from deep_storm.io.tables.about import shares_frames
from deep_storm.postprocessing.bins import ROWS_PER_BIN
from deep_storm.postprocessing.drift import measure_drift
from deep_storm.quality.drift import DriftCurve
from deep_storm.quality.repeats import repeats_of
from deep_storm.quality.resolution import FINEST_PIXEL_NM, MIN_ROWS, table_resolution
from deep_storm.quality.stack_look import look_at
from deep_storm.quality.survey import survey
from deep_storm.quality.suspicions import TrainedFor
from deep_storm.report.page import write_page
from deep_storm.report.reconstruction import reconstruction_page, simulated_size
from deep_storm.report.record import ENDING, densest, first_frame
from deep_storm.report.run import Run
from deep_storm.report.training import training_page
from deep_storm.settings import DriftCorrection, Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.simulation.patches import PatchSimulator

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from deep_storm.camera import Camera
    from deep_storm.inference.results import Reconstructed
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.model_card import ModelCard
    from deep_storm.psf.table import PsfTable
    from deep_storm.quality.fits import ResidualPicture
    from deep_storm.quality.resolution import RingCorrelation
    from deep_storm.quality.stack_look import StackLook
    from deep_storm.quality.survey import Survey

    Frames = npt.NDArray[Any]

MAX_FRC_PX = 3072
EXAMPLES = 2
MAX_DRIFT_BINS = 10
MAX_DRIFT_ROWS = 500_000


def write_run_report(
    path: Path,
    done: Reconstructed,
    card: ModelCard,
    stream: FrameStream | None,
    record: Mapping[str, Mapping[str, Any]],
    table: PsfTable | None = None,
    residuals: ResidualPicture | None = None,
) -> None:
    """Write the report of a reconstruction.

    Parameters
    ----------
    path
        The file, ``NAME-report.html``.
    done
        Image and rows.
    card
        What the model that was used was trained for.
    stream
        The frames, if they can still be read.
    record
        The run record.
    table
        The model's PSF, where it is no Gaussian.
    residuals
        Where the frames differ from what the model explains.
    """
    first = first_frame(record)
    look = None if stream is None else look_at(stream, first, first + done.shape[0])
    trained = TrainedFor(
        card.psf, card.emitters, card.background, done.threshold, densest(card), table
    )
    name = path.name.removesuffix(ENDING)
    image = done.image, done.pixel_size_nm
    about = (first, done.shape[0])
    rows = done.rows
    run = gathered(
        name,
        record,
        rows.pieces(),
        rows.count,
        about,
        image,
        look,
        trained,
        card.camera,
        bool(shares_frames(record)),
    )
    run = replace(run, residuals=residuals)
    write_page(path, reconstruction_page(run))


def gathered(
    name: str,
    record: Mapping[str, Mapping[str, Any]],
    pieces: Iterable[pd.DataFrame],
    rows: int,
    frames: tuple[int, int | None],
    image: tuple[Frames | None, float],
    look: StackLook | None,
    trained: TrainedFor,
    camera: Camera | None,
    shared_frames: bool,
) -> Run:
    """Measure the contents of a report; memory does not grow with the number of rows."""
    found = survey(pieces, rows, *frames)
    return Run(
        name,
        record,
        found,
        trained,
        camera,
        *image,
        look,
        simulated_frames(trained, camera, look),
        resolution_of(found),
        drift_left(found.sample),
        repeats=repeats_of(found.beginning, shared_frames),
    )


def drift_left(sample: pd.DataFrame) -> DriftCurve | None:
    """Measure the drift of a table as ``correct-drift`` does; None where it cannot be measured.

    Few bins, and some hundred thousand rows, are enough to see whether there is any.
    """
    sample = sample.iloc[:: -(-len(sample) // MAX_DRIFT_ROWS) or 1]
    enough = len(sample) >= MAX_DRIFT_BINS * ROWS_PER_BIN
    settings = DriftCorrection(bins=MAX_DRIFT_BINS if enough else None)
    if not len(sample):
        return None
    try:
        measured = measure_drift(sample, settings).smoothed
    except TableError:
        return None
    return DriftCurve.of(measured.drift, measured.error_nm)


def resolution_of(found: Survey) -> RingCorrelation | None:
    """Measure the resolution of the sample; None where it cannot be measured."""
    sample = found.sample
    if len(sample) < MIN_ROWS or sample["frame"].nunique() < 2:
        return None
    edges_nm = [float(sample[c].max() - sample[c].min()) for c in ("x_nm", "y_nm")]
    if min(edges_nm) <= 0:
        return None
    pixel_nm = max(FINEST_PIXEL_NM, max(edges_nm) / MAX_FRC_PX)
    return table_resolution(sample, pixel_size_nm=pixel_nm)


def simulated_frames(
    trained: TrainedFor, camera: Camera | None, look: StackLook | None
) -> npt.NDArray[Any] | None:
    """Simulate frames as the model was trained on, as large as those beside them."""
    psf, emitters, background = trained.psf, trained.emitters, trained.background
    if camera is None or psf is None or emitters is None or background is None:
        return None
    if psf.psf_file and trained.table is None:
        return None  # what a Gaussian looks like says nothing about it
    height, width = simulated_size((64, 64) if look is None else look.shape)
    size = Simulation(frames=EXAMPLES, width_px=width, height_px=height)
    try:
        return simulate(camera, psf, emitters, background, size, table=trained.table).stack
    except SettingsError:
        return None  # the mask image of the training is not there any more


def write_training_report(
    path: Path,
    card: ModelCard,
    history: pd.DataFrame,
    name: str,
    real: Frames | None = None,
    overwrite: bool = False,
    table: PsfTable | None = None,
) -> None:
    """Write the report of a training.

    Parameters
    ----------
    path
        The file.
    card, history
        What there is to tell.
    name
        Of the model.
    real
        (n, y, x), frames of an imported simulation or of a movie.
    overwrite
        Whether an existing file may be replaced.
    table
        The model's PSF, where it is no Gaussian.
    """
    parts = (card.camera, card.psf, card.emitters, card.background)
    try:
        patches = PatchSimulator(*parts, patch_size_px=64, batch=4, seed=1, table=table)
        simulated = patches.batch_at(0).adu
    except SettingsError:
        simulated = None  # as in simulated_frames
    write_page(path, training_page(name, card, history, simulated, real), overwrite)
