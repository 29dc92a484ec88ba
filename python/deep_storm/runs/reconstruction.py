"""Reconstruction of any input: one stack, several, or a growing movie."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from deep_storm.errors import SettingsError
from deep_storm.inference.run import Workers
from deep_storm.inputs.models import load_model
from deep_storm.packages import install_command
from deep_storm.progress import Progress
from deep_storm.runs.files import outputs_of
from deep_storm.runs.result import Common, ReconstructResult, StackSource
from deep_storm.runs.stack import reconstruct_stack
from deep_storm.runs.sweep import SweepResult, stacks_of, sweep
from deep_storm.runs.watch import open_watched
from deep_storm.runs.work import done_before, is_begun
from deep_storm.settings import Watching


def run_reconstruction(
    stack: StackSource | Sequence[Path | str] | None,
    output: Path | str | None,
    common: Common,
    *,
    dask: str | None,
    watch: Path | str | None,
    watching: Watching,
    resume: bool,
    overwrite: bool,
    progress: Progress,
) -> ReconstructResult | SweepResult:
    """Reconstruct the input; parameters and errors as for the verb ``reconstruct``."""
    with _workers(dask) as workers:
        common = replace(common, workers=workers)
        if watch is not None:
            outputs = outputs_of(
                output,
                watch,
                with_report=common.with_report,
                grows=True,
                overwrite=overwrite or resume,
            )
            with open_watched(Path(watch), stack, outputs, common, watching, progress) as movie:
                image = outputs["image"]
                return reconstruct_stack(movie, image, common, resume, overwrite, progress)
        stacks = stacks_of(stack)
        if stacks is None:
            return reconstruct_stack(_single(stack), output, common, resume, overwrite, progress)
        common = replace(common, model=load_model(common.model, common.device))

        def one(path: Path, name: Path, progress: Progress) -> ReconstructResult:
            image = Path(f"{name}.tif")  # a folder may have the name
            go_on = resume and is_begun(name)
            return reconstruct_stack(path, image, common, go_on, overwrite, progress)

        def before(name: Path) -> dict[str, Any] | None:
            return done_before(name) if resume else None

        return sweep(stacks, output, one, before, progress)


def _single(stack: object) -> StackSource:
    """Return the one stack that was given.

    Raises
    ------
    SettingsError
        None was.
    """
    if stack is None or (isinstance(stack, (list, tuple)) and not stack):
        raise SettingsError(
            "reconstruct without a stack", "a stack of frames (TIFF), or --watch", "give one"
        )
    one: StackSource = stack[0] if isinstance(stack, (list, tuple)) else stack  # type: ignore[assignment]
    return one


def _workers(dask: str | None) -> AbstractContextManager[Workers | None]:
    """Return the Dask workers, if any were asked for.

    Raises
    ------
    SettingsError
        The address is none, or Dask is not installed.
    """
    if dask is None:
        return nullcontext()
    try:
        from deep_storm.inference.dask_workers import DaskWorkers  # distributed
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"--dask without Dask ({error})",
            "the extra dask",
            f"install it: {install_command('dask')}",
        ) from error
    return DaskWorkers(dask)
