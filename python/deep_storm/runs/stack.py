"""Reconstruct one stack: from its files to the result, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from deep_storm.errors import StackError
from deep_storm.inference.tables import TableRows, WrittenRows
from deep_storm.inputs.camera_maps import corrected_for
from deep_storm.inputs.models import camera_for, load_model, ready_model
from deep_storm.inputs.movie import Movie, examined_movie
from deep_storm.interrupts import interruptible
from deep_storm.io.guard import reading
from deep_storm.io.outputs import Outputs
from deep_storm.io.stacks.frames import open_frames, select_frames
from deep_storm.io.stacks.open_file import is_away
from deep_storm.progress import Progress, silent
from deep_storm.runs.files import outputs_of, write_result
from deep_storm.runs.localizing import localized
from deep_storm.runs.result import Common, PartlyReadError, ReconstructResult, StackSource
from deep_storm.runs.work import (
    begin_work,
    identity_of_run,
    leave_work,
    live_image,
    saying_what_is_kept,
    work_folder_of,
)
from deep_storm.settings import Reconstruction
from deep_storm.words import counted

if TYPE_CHECKING:
    from deep_storm.errors import DaskError
    from deep_storm.inference.tables import Rows
    from deep_storm.inference.work_folder import WorkFolder
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.model import Model

Hold: TypeAlias = "Callable[[Callable[[], tuple[Path, ...]]], None]"
"""Takes what writes an unfinished result, to be called or not."""
Write: TypeAlias = "Callable[[ReconstructResult, FrameStream | None], ReconstructResult]"

MAX_ROWS_IN_MEMORY = 4_000_000


def reconstruct_stack(
    stack: StackSource,
    output: Path | str | None,
    common: Common,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
    hold: Hold | None = None,
) -> ReconstructResult:
    """Reconstruct a single stack; parameters and errors as for the verb ``reconstruct``.

    ``hold`` is for who wants to be asked before anything unfinished is written: it is handed what
    writes it, and the result names no files. Nothing is kept in a work folder then.
    """
    outputs = outputs_of(
        output,
        stack,
        with_report=common.with_report,
        grows=getattr(stack, "grows", False),
        overwrite=overwrite or resume,
    )
    outputs.check()
    work_folder = work_folder_of(outputs, resume) if hold is None else None
    with _opened(stack, common.settings) as stream, ExitStack() as at_the_end:
        outputs.check()  # a stack may lie in more files than the one that was named
        loaded = load_model(common.model, common.device)
        movie, said = _looked_at(stream, loaded, common, progress)
        ready = ready_model(
            loaded,
            common.expected,
            movie,
            measure_psf=True,
            progress=progress,
            device=common.device,
        )
        model, notes = ready.model, ready.notes
        work: WorkFolder | None = None
        if work_folder is not None:
            work = _begun(work_folder, movie.frames, model, common, outputs, resume, overwrite)
            at_the_end.callback(leave_work, work, outputs)
            if resume and work.resumed is None:
                notes = (*notes, "There was no checkpoint to continue from: started at frame 1")
        with saying_what_is_kept(work, outputs):
            ready = ready._replace(notes=(*notes, *said))
            result = localized(movie.frames, ready, common, movie, work, progress)
            write = partial(_written, outputs=outputs, model=model, stack=stack, common=common)
            if hold is None:
                result = write(result, movie.frames)
            else:
                result = _written_or_held(result, write, hold)
            if work is not None:
                leave_work(work, outputs)
    problem = result.reconstructed.problem
    if problem is not None:
        raise _with_what_is_there(problem, result, outputs, work)
    return result


def _begun(
    folder: Path,
    frames: FrameStream,
    model: Model,
    common: Common,
    outputs: Outputs,
    resume: bool,
    overwrite: bool,
) -> WorkFolder:
    """Begin the work on a stack, or go on with it; a growing one shows its image meanwhile."""
    identity = identity_of_run(frames, model, common.settings, common.device)
    work = begin_work(folder, identity, outputs, resume, overwrite)
    if frames.grows:
        work.watcher = live_image(outputs["live"], model, common.settings)
    return work


def _looked_at(
    stream: FrameStream, model: Model, common: Common, progress: Progress
) -> tuple[Movie, tuple[str, ...]]:
    """Examine a stack before anything else is done with it; return also notes for the user."""
    camera = camera_for(model, common.expected)
    frames, said = corrected_for(stream, model, camera, common.camera_maps)
    chosen = None if stream.grows else select_frames(stream, common.settings.frames)
    movie = examined_movie(frames, camera, common.trust_camera, progress, chosen)
    return movie, (*movie.notes, *said)


@contextmanager
def _opened(stack: StackSource, settings: Reconstruction) -> Iterator[FrameStream]:
    """Open a stack and protect its files; a truncated one may still contain the chosen frames."""
    stream = open_frames(stack, partly=True, tell=False)
    try:
        if not stream.grows:
            select_frames(stream, settings.frames)
        with reading(("stack", file) for file in stream.files):
            yield stream
    finally:
        if stream is not stack:  # a stream that was handed in belongs to the caller
            stream.close()


def _written_or_held(result: ReconstructResult, write: Write, hold: Hold) -> ReconstructResult:
    """Write a finished result, and pass on a function that writes an unfinished one.

    The report is made without frames: whoever lent them may not have them any more. Who stops while
    it is written is asked, too.
    """
    if result.complete:
        try:
            with interruptible():
                return write(result, None)
        except KeyboardInterrupt:
            result = replace(result, stopped=True)
    hold(lambda: write(result, None).written)
    return result


def _written(
    result: ReconstructResult,
    frames: FrameStream | None,
    outputs: Outputs,
    model: Model,
    stack: StackSource,
    common: Common,
) -> ReconstructResult:
    """Write the files, if any; then the rows do not need the work folder any more."""
    if not outputs or result.kept is not None:
        return result
    write_result(result, outputs, model, stack, common, frames)
    done = result.reconstructed
    kept = replace(done, rows=_kept(done.rows, outputs["table"]))
    return replace(result, reconstructed=kept, written=outputs.written)


def _kept(rows: Rows, table: Path) -> Rows:
    """Read the rows before the work folder is removed; very many stay in their file."""
    if rows.count > MAX_ROWS_IN_MEMORY:
        return WrittenRows(table, rows.count)
    return TableRows(rows.table())


def _with_what_is_there(
    problem: StackError | DaskError,
    result: ReconstructResult,
    outputs: Outputs,
    work: WorkFolder | None,
) -> StackError | DaskError:
    """Add to the error what was saved and how to go on, and to a stack's the result itself."""
    advice = [problem.advice] if problem.advice else []
    if result.written:
        frames = result.reconstructed.shape[0]
        advice.append(f"what the {counted(frames, 'frame')} before gave is in {outputs['table']}")
    mended_elsewhere = not isinstance(problem, StackError) or is_away(problem.__cause__)
    if mended_elsewhere and work is not None and work.checkpoint_file.is_file():
        advice.append("the same command with --resume continues from there")
    if isinstance(problem, StackError):
        return PartlyReadError(problem, "; ".join(advice), result)
    return type(problem)(problem.received, problem.expected, "; ".join(advice))
