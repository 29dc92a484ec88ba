"""Reconstruction while the microscope is still writing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deep_storm.errors import OutputError, SettingsError
from deep_storm.inputs.models import load_model
from deep_storm.io.guard import file_key
from deep_storm.io.outputs import TIFF_ENDINGS, Outputs
from deep_storm.io.stacks.watched import WatchedFrames
from deep_storm.progress import Progress
from deep_storm.settings import Watching

if TYPE_CHECKING:
    from deep_storm.runs.result import Common


def open_watched(
    path: Path,
    stack: object,
    outputs: Outputs,
    common: Common,
    watching: Watching,
    progress: Progress,
) -> WatchedFrames:
    """Wait for the first frame of a movie that is being written.

    Raises
    ------
    SettingsError
        Something was asked for that a movie without an end does not have.
    OutputError
        A file exists already, cannot be written, or lies where it would be taken for a frame.
    StackError
        No frame came.
    """
    if stack is not None:
        raise _not_together("a stack", "the folder alone", "leave one of them out")
    if not outputs:
        raise _not_together("no output", "a name for the results", "give -o")
    outputs.check()
    _check_outside(outputs, path)
    if common.settings.frames is not None:
        raise _not_together("--frames", "all frames", "leave --frames out")
    if common.workers is not None:
        raise _not_together("--dask", "one of them", "leave --dask out while watching")
    missing = [name for name, value in vars(common.expected).items() if value is None]
    if missing and load_model(common.model, common.device).card.general:
        raise _not_together(
            f"the general model but no {', '.join(missing)}",
            "all its settings, because there is too little of the movie yet to estimate them",
            "give --camera and --config matched.toml, or a model that was trained for it",
        )

    def waiting() -> None:
        progress(0, 1, f"waiting for the first frame in {path}")

    return WatchedFrames(path, watching.quiet_seconds, watching.end_marker, waiting)


def _check_outside(outputs: Outputs, watched: Path) -> None:
    """Refuse images in the watched folder: they would be taken for frames."""
    key = file_key(watched)
    for path in outputs.files.values():
        if path.suffix.lower() in TIFF_ENDINGS and file_key(path.parent) == key:
            raise OutputError(
                f"the output {path} lies in the watched folder",
                "another folder: every TIFF in this one is read as frames",
                f"choose a name elsewhere, such as {watched.parent / 'results' / path.stem}",
            )


def _not_together(received: str, expected: str, advice: str) -> SettingsError:
    return SettingsError(f"--watch with {received}", expected, advice)
