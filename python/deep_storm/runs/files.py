"""Files of a reconstruction: their names, and how they are written."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.io.config import write_config
from deep_storm.io.files import sha256
from deep_storm.io.images import write_image
from deep_storm.report.gathering import ENDING, densest, write_run_report
from deep_storm.settings import Reconstruction

if TYPE_CHECKING:
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.model import Model
    from deep_storm.runs.result import ReconstructResult


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


def live_image(image: Path) -> Path:
    """Return where the image is while it grows: ``NAME-live.tif``."""
    return image.with_name(f"{image.stem}-live.tif")


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
    from deep_storm.io.tables.thunderstorm import write_pieces, write_protocol

    image, table, protocol, record = result.written[:4]
    done = result.reconstructed
    write_image(image, done.image, done.pixel_size_nm, overwrite)
    write_pieces(table, done.rows.pieces(), overwrite)
    write_protocol(protocol, model.card.camera, overwrite)
    about = _record(result, model, stack, settings)
    write_config(record, about, overwrite)
    report = record.with_name(record.name.removesuffix("-run.toml") + ENDING)
    if report in result.written:
        write_run_report(report, done, model.card, frames, about, overwrite)
    elif overwrite:  # a report of other results would lie
        report.unlink(missing_ok=True)


def _record(
    result: ReconstructResult, model: Model, stack: object, settings: Reconstruction
) -> dict[str, dict[str, Any]]:
    """Return the run record: settings (to repeat the run with ``--config``), inputs, results."""
    named = str(stack) if isinstance(stack, (str, Path)) else getattr(stack, "name", "array")
    inputs: dict[str, Any] = {"stack": named}
    if isinstance(stack, (str, Path)):
        inputs |= {"stack_bytes": Path(stack).stat().st_size}
        if result.complete:  # who stops a run does not want to wait until a long movie is read
            inputs |= {"stack_sha256": sha256(stack)}
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
