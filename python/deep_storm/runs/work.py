"""Work in progress on one stack: its folder, its identity, and the image of a growing movie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera_maps import fingerprint
from deep_storm.errors import Cancelled, OutputError, SettingsError
from deep_storm.inference.resuming import OtherFramesError
from deep_storm.inference.work_folder import CHECKPOINT, WorkFolder
from deep_storm.interrupts import held_back, interruptible
from deep_storm.io.config import load_toml
from deep_storm.io.files import remove_leftovers
from deep_storm.io.images import write_image
from deep_storm.io.marks import LIVE, mark_of
from deep_storm.io.outputs import Outputs
from deep_storm.io.stacks.identity import identity_of
from deep_storm.networks.precision import inference_dtype
from deep_storm.packages import versions
from deep_storm.runs.files import LIVE_ENDING, WORK_ENDING, beside, outputs_of
from deep_storm.settings import Device, Reconstruction

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.model import Model


@contextmanager
def saying_what_is_kept(work: WorkFolder | None, outputs: Outputs) -> Iterator[None]:
    """Say where the work is kept, and what ``--resume`` does, if it ends early.

    Raises
    ------
    OutputError
        That of a failed write, with these words.
    Cancelled
        Ctrl-C was pressed, which is told with what there is. Without a work folder it stays a
        ``KeyboardInterrupt``.
    """
    try:
        with interruptible():
            yield
    except KeyboardInterrupt:
        there = f"the results are written, {outputs['table']} and beside it"
        if outputs.written and (work is None or work.finished):
            raise Cancelled(there) from None
        if work is None or not work.keep():
            raise
        there = there if outputs.written else f"the work is kept in {work.folder}"
        raise Cancelled(there, advice=_how_to_go_on(work)) from None
    except OutputError as error:
        if work is None or isinstance(error, OtherFramesError) or not work.keep():
            raise
        kept = f"the work is kept in {work.folder}: {_how_to_go_on(work)}"
        raise OutputError(error.received, error.expected, f"{error.advice}; {kept}") from error


def _how_to_go_on(work: WorkFolder) -> str:
    then = "writes the results" if work.finished else "continues"
    return f"the same command with --resume {then}"


def begin_work(
    folder: Path, identity: dict[str, Any], outputs: Outputs, resume: bool, overwrite: bool
) -> WorkFolder:
    """Start or resume work in a folder; leftovers of killed runs are removed."""
    finished = [outputs[name] for name in ("image", "table", "record")]
    if resume and not folder.exists() and all(path.exists() for path in finished):
        raise OutputError(
            f"{finished[0]} is finished, and there is no {folder.name} to continue from",
            "the work folder of an interrupted run",
            "leave it as it is, or start again with --overwrite",
        )
    work = WorkFolder.begin(folder, identity, resume, overwrite)
    _remove_leftovers(outputs)
    return work


def _remove_leftovers(outputs: Outputs) -> None:
    """Remove what killed runs left half-written; only for who holds the work folder."""
    for path in (*outputs.files.values(), beside(outputs, LIVE_ENDING)):
        remove_leftovers(path)


def leave_work(work: WorkFolder, outputs: Outputs) -> None:
    """Remove the work folder when its results are written; else keep it for ``--resume``."""
    with held_back():
        if outputs.written and work.finished:
            _remove_live(outputs)
            work.remove()
        else:
            work.release()
        _remove_leftovers(outputs)


def _remove_live(outputs: Outputs) -> None:
    """Remove the image of the growing movie, and nothing else with its name."""
    path = beside(outputs, LIVE_ENDING)
    if path.is_file() and mark_of(path) == LIVE:
        path.unlink()


def live_image(path: Path, model: Model, settings: Reconstruction) -> Callable[[Any], None]:
    """Return a function that writes the image of a growing movie now and then."""
    upsampling = settings.upsampling or model.card.network.upsampling
    pixel_size_nm = model.card.camera.pixel_size_nm / upsampling

    def show(pixels: npt.NDArray[np.float32]) -> None:
        write_image(path, pixels, pixel_size_nm, overwrite=True, mark=LIVE)

    return show


def done_before(name: Path) -> dict[str, Any] | None:
    """Return the results in the run record of an output, if all its files are complete."""
    outputs = outputs_of(f"{name}.tif", None, with_report=False)
    if not all(path.is_file() for path in outputs.files.values()):
        return None
    try:
        results = load_toml(outputs["record"]).get("results", {})
    except SettingsError:
        return None
    whole = isinstance(results, dict) and results.get("complete") is True
    return results if whole else None


def is_begun(name: Path) -> bool:
    """Whether an interrupted run left a checkpoint for an output."""
    return Path(f"{name}{WORK_ENDING}", CHECKPOINT).is_file()


def work_folder_of(outputs: Outputs, resume: bool) -> Path | None:
    """Return the folder for the work in progress: beside the results."""
    if outputs:
        return beside(outputs, WORK_ENDING)
    if resume:
        raise SettingsError(
            "resume without an output",
            "the output of the interrupted run",
            "give the same -o as in the interrupted command",
        )
    return None


def identity_of_run(
    frames: FrameStream, model: Model, settings: Reconstruction, device: Device
) -> dict[str, Any]:
    """Return what identifies a reconstruction: the contents of its inputs, not their names."""
    return {
        "stack": identity_of(frames),
        "camera_maps": fingerprint(frames.noise),
        "model": model.card.model_dump(mode="json", exclude={"checksum"}),
        "psf_table": "" if model.table is None else model.table.fingerprint(),
        "settings": settings.model_dump(mode="json"),
        "precision": inference_dtype(device),
        "version": versions(),
    }
