"""``reconstruct``: a stack and a model → super-resolution image, table and run record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.progress import Progress, silent
from deep_storm.settings import Background, Device, Emitters, Psf, Reconstruction
from deep_storm.verbs.maps import CAMERA_MAPS, MapsSource, corrected_for
from deep_storm.verbs.models import Expected, load_model, ready_model
from deep_storm.verbs.registry import Argument, verb
from deep_storm.verbs.reporting import ENDING, densest, write_run_report

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from deep_storm.errors import StackError
    from deep_storm.inference.reconstruction import Reconstructed
    from deep_storm.inference.store import WorkFolder
    from deep_storm.inference.tables import Rows
    from deep_storm.io.stream import FrameStream
    from deep_storm.model import Model


@dataclass(frozen=True)
class ReconstructResult:
    """Image and table of a stack."""

    reconstructed: Reconstructed
    written: tuple[Path, ...]
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of localizations."""
        return self.reconstructed.rows.count

    @property
    def table(self) -> pd.DataFrame:
        """The localizations."""
        return self.reconstructed.table

    @property
    def image(self) -> npt.NDArray[np.float32]:
        """The super-resolution image (y, x), emitters per super-resolution pixel."""
        return self.reconstructed.image

    @property
    def complete(self) -> bool:
        """Whether all frames were done; False when the work was stopped early."""
        return self.reconstructed.complete

    @property
    def frames_per_second(self) -> float:
        """Speed from reading to table and image, files not included."""
        return self.reconstructed.shape[0] / max(self.reconstructed.seconds, 1e-9)

    def summary(self) -> str:
        """Return what was found, how fast, and what is suspicious."""
        done = self.reconstructed
        frames, height, width = done.shape
        per_frame = self.count / max(frames, 1)
        lines = [
            f"{self.count} localizations in {frames} frames of {width} × {height} px "
            f"({per_frame:.1f} a frame, threshold {done.threshold:g})",
            f"{done.seconds:.1f} s, {self.frames_per_second:.1f} frames per second "
            f"({done.precision})",
            *self.notes,
        ]
        if done.dead_frames:
            lines.append(
                f"{len(done.dead_frames)} frames hold no measurement (all pixels equal or "
                f"invalid), the first is frame {done.dead_frames[0] + 1}"
            )
        if done.replaced_pixels:
            lines.append(
                f"{done.replaced_pixels} invalid or saturated pixels were filled from their "
                "neighbours"
            )
        if not done.complete:
            lines.append(
                f"Stopped early: this is what {frames} frames gave. "
                "The same command with --resume goes on, with --overwrite it begins again."
                if self.written
                else f"Stopped early: this is what {frames} frames gave."
            )
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return counts, speed and what was suspicious."""
        done = self.reconstructed
        return {
            "frames": done.shape[0],
            "localizations": self.count,
            "threshold": done.threshold,
            "seconds": done.seconds,
            "network_seconds": done.network_seconds,
            "frames_per_second": self.frames_per_second,
            "precision": done.precision,
            "dead_frames": [frame + 1 for frame in done.dead_frames],
            "replaced_pixels": done.replaced_pixels,
            "complete": done.complete,
            "notes": list(self.notes),
        }


@verb(
    "turn a stack into a super-resolution image and a table",
    Argument("stack", "stack of frames (TIFF)"),
    Argument("model", "model folder, or general: the bundled one, which needs no training"),
    Argument(
        "output",
        "name of the files without ending: NAME.tif, NAME.csv, NAME-protocol.txt, NAME-run.toml, "
        "NAME-report.html",
    ),
    Argument("resume", "go on where an interrupted run with the same output was", bool),
    Argument("no_report", "write no report (NAME-report.html)", bool),
    CAMERA_MAPS,
    camera=Camera,
    psf=Psf,
    emitters=Emitters,
    background=Background,
    settings=Reconstruction,
    device=Device,
)
def reconstruct(
    stack: Path | str | npt.NDArray[np.generic] | FrameStream,
    *,
    model: Path | str | Model,
    output: Path | str | None = None,
    resume: bool = False,
    no_report: bool = False,
    camera_maps: MapsSource | None = None,
    camera: Camera | None = None,
    psf: Psf | None = None,
    emitters: Emitters | None = None,
    background: Background | None = None,
    settings: Reconstruction = Reconstruction(),
    device: Device = Device(),
    overwrite: bool = False,
    progress: Progress = silent,
) -> ReconstructResult:
    """Localize the emitters of a stack and draw the super-resolution image.

    Parameters
    ----------
    stack
        TIFF file, array (t, y, x) or (y, x), or a frame stream.
    model
        Model folder, or a model in memory.
    output
        The files' name without ending; without it nothing is written.
    resume
        Go on from ``NAME.running``, which an interrupted run has left: the results are those of a
        run that was never interrupted.
    no_report
        Leave the report out: it takes a few seconds. ``report NAME-run.toml`` makes it later. A run
        that was stopped early has none.
    camera_maps
        Of an sCMOS camera: baseline and gain are corrected pixel by pixel before anything else.
    camera
        Needed for the general model. A trained model knows its camera; one that contradicts it is
        an error.
    psf, emitters, background
        What the general model is told to expect; what is left out is estimated from the stack.
    settings, device
        Settings.
    overwrite
        Whether existing files may be replaced.
    progress
        Called with the frames done; when it is stopped, what was done is written.

    Raises
    ------
    StackError, CameraError, ModelError, SettingsError
        Stack, camera, model or settings do not suit each other.
    OutputError
        A file exists already or cannot be written; there is nothing to go on from, or another
        run writes there.
    """
    from deep_storm.io.files import check_outputs
    from deep_storm.io.frames import open_frames

    paths = output_paths(output, with_report=not no_report)
    work_folder = _work_folder(paths, resume)
    check_outputs(paths, overwrite or resume)
    stream = open_frames(stack)
    work: WorkFolder | None = None
    try:
        from deep_storm.inference.reconstruction import reconstruct_frames
        from deep_storm.inference.store import WorkFolder

        expected = Expected(camera, psf, emitters, background)
        loaded = load_model(model)
        frames, said = corrected_for(stream, loaded, camera, camera_maps)
        trained, notes = ready_model(loaded, expected, frames)
        if work_folder is not None:
            identity = _identity(frames, trained, settings, device)
            work = WorkFolder.begin(work_folder, identity, resume, overwrite)
        done = reconstruct_frames(frames, trained, settings, device, progress, work)
        result = ReconstructResult(done, kept_paths(paths, done.complete), (*notes, *said))
        if paths:
            write_result(result, trained, stack, settings, overwrite or resume, frames)
            result = replace(result, reconstructed=replace(done, rows=_kept(done.rows, paths[1])))
        if work is not None and done.complete:
            work.remove()
    finally:
        if work is not None:
            work.release()
        if stream is not stack:  # a stream that was handed in belongs to the caller
            stream.close()
    if done.problem is not None:
        raise _told_what_is_there(done.problem, result)
    return result


MOST_ROWS_IN_MEMORY = 4_000_000


def _work_folder(paths: tuple[Path, ...], resume: bool) -> Path | None:
    """Return where the work is kept while it lasts: beside the results."""
    if paths:
        return paths[0].with_suffix(".running")
    if resume:
        from deep_storm.errors import SettingsError

        raise SettingsError(
            "resume without an output",
            "the output of the interrupted run",
            "give -o with the name that the interrupted command had",
        )
    return None


def _identity(
    frames: FrameStream, model: Model, settings: Reconstruction, device: Device
) -> dict[str, Any]:
    """Return what makes two reconstructions the same one."""
    from deep_storm.networks.device import inference_dtype

    card = model.card
    return {
        "stack": [Path(frames.name).name, list(frames.shape), str(frames.dtype)],
        "model": [w.sha256 for w in card.weights],
        "settings": settings.model_dump(mode="json"),
        "precision": inference_dtype(device),
        **{
            name: getattr(card, name).model_dump(mode="json")
            for name in ("camera", "psf", "emitters", "background")
        },
    }


def _kept(rows: Rows, table: Path) -> Rows:
    """Take the rows out of the work folder before it goes; very many stay in their file."""
    from deep_storm.inference.tables import TableRows, WrittenRows

    if rows.count > MOST_ROWS_IN_MEMORY:
        return WrittenRows(table, rows.count)
    return TableRows(rows.table())


def _told_what_is_there(problem: StackError, result: ReconstructResult) -> StackError:
    """Add to the error what was saved."""
    if result.written:
        frames = result.reconstructed.shape[0]
        saved = f"what the {frames} frames before gave is in {result.written[1]}"
        advice = f"{problem.advice}; {saved}" if problem.advice else saved
        return type(problem)(problem.received, problem.expected, advice)
    return problem


def output_paths(output: Path | str | None, *, with_report: bool = True) -> tuple[Path, ...]:
    """Return the files of a reconstruction: image, table, protocol, run record, report."""
    if output is None:
        return ()
    stem = str(output).removesuffix(".tif").removesuffix(".csv")
    endings = (".tif", ".csv", "-protocol.txt", "-run.toml", *([ENDING] if with_report else []))
    return tuple(Path(stem + end) for end in endings)


def kept_paths(paths: tuple[Path, ...], complete: bool) -> tuple[Path, ...]:
    """Return the files that are written: who stops a run does not want to wait for a report."""
    return tuple(p for p in paths if complete or not p.name.endswith(ENDING))


def write_result(
    result: ReconstructResult,
    model: Model,
    stack: object,
    settings: Reconstruction,
    overwrite: bool,
    frames: FrameStream | None = None,
) -> None:
    """Write image, table, protocol, run record and report as ``result.written`` names them.

    ``frames`` are shown in the report.

    Raises
    ------
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.io.config import write_config
    from deep_storm.io.images import write_image
    from deep_storm.io.thunderstorm import write_pieces, write_protocol

    image, table, protocol, record = result.written[:4]
    done = result.reconstructed
    write_image(image, done.image, done.pixel_size_nm, overwrite)
    write_pieces(table, done.rows.pieces(), overwrite)
    write_protocol(protocol, model.card.camera, overwrite)
    about = _record(result, model, stack, settings)
    write_config(record, about, overwrite)
    write_run_report(result, model, frames, about, overwrite)


def _record(
    result: ReconstructResult, model: Model, stack: object, settings: Reconstruction
) -> dict[str, dict[str, Any]]:
    """Return the run record: settings (to repeat the run with ``--config``), inputs, results."""
    from importlib.metadata import version

    from deep_storm.io.files import sha256

    named = str(stack) if isinstance(stack, (str, Path)) else getattr(stack, "name", "array")
    inputs: dict[str, Any] = {"stack": named}
    if isinstance(stack, (str, Path)):
        inputs |= {"stack_bytes": Path(stack).stat().st_size, "stack_sha256": sha256(stack)}
    if model.path is not None:
        inputs |= {"model": str(model.path)}
    inputs |= {"weights_sha256": [w.sha256 for w in model.card.weights]}
    inputs["densest_per_um2"] = densest(model.card)
    for name in ("camera", "psf", "emitters", "background"):
        inputs[name] = getattr(model.card, name).model_dump(mode="json")
    results = result.to_json()
    seconds = {k: results.pop(k) for k in ("seconds", "network_seconds", "frames_per_second")}
    return {
        "reconstruction": settings.model_dump(),
        "run": {"verb": "reconstruct"},
        "inputs": inputs,
        "outputs": {"files": [path.name for path in result.written]},
        "results": results,
        "timings": seconds,
        "versions": {n: version(n) for n in ("deep-storm", "tensorflow", "numpy")},
    }
