"""Localize the emitters of prepared frames with a prepared model, refined where that helps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deep_storm.errors import Cancelled
from deep_storm.inference.reconstruction import reconstruct_frames
from deep_storm.inference.tables import MovedRows
from deep_storm.inference.trial import MAX_EXCESS, excess_rows
from deep_storm.inputs.learnt import learnt_refinement
from deep_storm.inputs.models import ReadyModel
from deep_storm.inputs.movie import Movie
from deep_storm.interrupts import interruptible
from deep_storm.progress import Progress, silent
from deep_storm.psf.depth import tells_depth
from deep_storm.runs.result import Common, ReconstructResult
from deep_storm.runs.verdict import judged
from deep_storm.settings import Reconstruction
from deep_storm.words import WARNING

if TYPE_CHECKING:
    from deep_storm.inference.refining import Refinement
    from deep_storm.inference.results import Reconstructed
    from deep_storm.inference.work_folder import WorkFolder
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.model import Model

MAX_ROWS_AT_A_STOP = 400_000
"""Who presses Ctrl-C waits a second for this many rows, not for all of a long night."""
MAX_PIXELS_AT_A_STOP = 20_000_000
NO_DEPTH = (
    "The PSF encodes depth, but this model was not trained for it: z is measured by refinement "
    "(--refine), or by a model trained for this PSF (deep-storm train)"
)


def localized(
    frames: FrameStream,
    ready: ReadyModel,
    common: Common,
    movie: Movie | None = None,
    work: WorkFolder | None = None,
    progress: Progress = silent,
) -> ReconstructResult:
    """Localize the emitters of prepared frames with a prepared model; no results are written.

    Parameters
    ----------
    frames, ready
        Frames, corrected and without what is no measurement, and the model; its notes go into the
        result.
    common
        Settings, device and workers.
    movie
        What was found out about the frames before, for the verdict.
    work
        Where localizations are kept meanwhile; default: in memory.
    progress
        Called with the frames done.
    """
    model, settings = ready.model, common.settings
    refined, warned = _refinement(model, settings, frames)
    done = reconstruct_frames(
        frames, model, settings, common.device, progress, work, common.workers, refined
    )
    notes = (*ready.notes, *frames.notes, *warned)  # a movie that grows may have got more
    return replace(
        _result(_in_field(done, frames, model), ready, movie, notes, work),
        corner_nm=_corner_nm(frames, model),
        # Otherwise refined localizations are fits of single frames.
        shared_frames=model.frames_at_once > 1 and (refined is None or refined.beside),
        camera=model.card.camera,
    )


def _corner_nm(frames: FrameStream, model: Model) -> tuple[float, float]:
    """Return the position of the frames in the camera's field, (y, x)."""
    px_nm = model.card.camera.pixel_size_nm
    return frames.corner_px[0] * px_nm, frames.corner_px[1] * px_nm


def _in_field(done: Reconstructed, frames: FrameStream, model: Model) -> Reconstructed:
    """Move the localizations of part of the field to their position in the whole field."""
    if not any(frames.corner_px):
        return done
    return replace(done, rows=MovedRows(done.rows, _corner_nm(frames, model)))


def _refinement(
    model: Model, settings: Reconstruction, frames: FrameStream
) -> tuple[Refinement | None, tuple[str, ...]]:
    """Return the refinement, if it is asked for and would help, and notes on it.

    Where the PSF tells depth and the network does not state it, refinement is not left out.
    """
    depth = model.table is not None and tells_depth(model.table)
    depth = depth and model.card.scales.depth_reach_nm is None
    if not settings.refine:
        return None, (NO_DEPTH,) if depth and model.card.psf.spread_in_depth_nm > 0 else ()
    before = learnt_refinement(model, frames.noise)
    learnt, said = before.value, before.said("The confidence of refined localizations was")
    if not learnt.pays and not depth:
        return None, (
            f"{WARNING}refinement is left out: on simulated frames of this light it reaches a "
            f"Jaccard index of {learnt.jaccard:.2f}, the network alone "
            f"{learnt.network_jaccard:.2f}",
        )
    excess = None if frames.grows else excess_rows(frames, model, learnt)
    if excess is None or excess <= MAX_EXCESS:
        return learnt, said
    if depth:
        return learnt, (
            *said,
            f"{WARNING}refinement makes {100 * excess:.0f} % more localizations of these frames "
            "than of simulated ones: the PSF or the background is not as expected",
        )
    return None, (
        f"{WARNING}refinement is left out: it would make {100 * excess:.0f} % more localizations "
        "of these frames than of simulated ones, because the PSF or the background is not as "
        "expected. Give the PSF (--psf-file), or train on matched light",
    )


def _result(
    done: Reconstructed,
    ready: ReadyModel,
    movie: Movie | None,
    notes: tuple[str, ...],
    work: WorkFolder | None,
) -> ReconstructResult:
    """Return the result; after a stop, without anything that takes long."""
    stopped = not done.complete and done.problem is None
    if stopped and work is not None and _takes_long(done):
        if not work.checkpoint_file.is_file():
            raise Cancelled("before the first frame was done")
        return ReconstructResult(done, notes=notes, kept=work.folder)
    if stopped:
        return ReconstructResult(done, notes=notes)
    try:
        with interruptible():
            fits = judged(done, ready, movie)
    except KeyboardInterrupt:  # what is found stays
        if work is not None and _takes_long(done):
            raise
        return ReconstructResult(done, notes=notes, stopped=True)
    return ReconstructResult(done, notes=notes, fits=fits)


def _takes_long(done: Reconstructed) -> bool:
    """Whether writing the results would take longer than a user who stops a run wants to wait."""
    return done.rows.count > MAX_ROWS_AT_A_STOP or done.image.size > MAX_PIXELS_AT_A_STOP
