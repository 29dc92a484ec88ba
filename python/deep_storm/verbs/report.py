"""``report``: a run record or a model folder as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError
from deep_storm.inputs.images import Picture, draw_table
from deep_storm.inputs.tables import check_pixel_sizes, table_of
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.io.config import load_toml
from deep_storm.io.images import read_image
from deep_storm.io.outputs import Outputs
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.tables.drift_files import read_drift
from deep_storm.quality.drift import DriftCurve
from deep_storm.quality.stack_look import look_at
from deep_storm.report.gathering import first_frame, gathered, write_training_report
from deep_storm.runs.table import DRIFT_FILE, RECORD
from deep_storm.settings import Background, Emitters, Psf

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from deep_storm.quality.stack_look import StackLook
    from deep_storm.quality.suspicions import TrainedFor
    from deep_storm.report.reconstruction import Run, Step

Record = dict[str, dict[str, Any]]
Image: TypeAlias = "npt.NDArray[Any]"


MAX_DRAWN_PX = 2048


@dataclass(frozen=True)
class ReportResult:
    """A report that was written.

    Attributes
    ----------
    suspicions
        What is suspicious, as the report says it.
    written
        The report.
    """

    suspicions: tuple[str, ...]
    written: tuple[Path, ...]

    def summary(self) -> str:
        """Return what is suspicious."""
        if not self.suspicions:
            return "Nothing suspicious was found"
        return "\n".join(f"Suspicious: {sentence}" for sentence in self.suspicions)

    def to_json(self) -> dict[str, Any]:
        """Return what is suspicious."""
        return {"suspicions": list(self.suspicions)}


@verb(
    "write the report of a reconstruction or of a trained model (HTML)",
    Argument("record", "run record (NAME-run.toml) of a reconstruction, or a model folder"),
    Argument(
        "tables",
        "tables (CSV) made from its table, in order; the report shows the last one",
        list[Path],
    ),
    Argument(
        "drift",
        "drift file (JSON) from ThunderSTORM or correct-drift; default: the one beside the tables",
    ),
    Argument("output", "report to write; default: NAME-report.html beside the record", writes=True),
)
def report(
    record: Path | str,
    *,
    tables: Sequence[Path | str] = (),
    drift: Path | str | None = None,
    output: Path | str | None = None,
    overwrite: bool = False,
) -> ReportResult:
    """Write a report: what went in, what came out, and what is suspicious about it.

    Parameters
    ----------
    record
        Run record, or model folder. Its stack, model and image are shown as far as they are still
        where they were.
    tables
        Tables made by filtering, merging and the like: what each step did and how many rows it
        removed is told, and the last one is what is shown and drawn.
    drift
        Drift that was taken out, drawn as a curve; by default the file that ``correct-drift`` left
        beside one of the tables.
    output
        The HTML file.
    overwrite
        Whether an existing report may be replaced.

    Raises
    ------
    SettingsError
        The record is none of a reconstruction.
    ModelError, TableError
        Model folder or table cannot be read.
    CameraError
        The protocols beside the tables say different pixel sizes.
    OutputError
        The file exists already or cannot be written.
    """
    from deep_storm.report.page import write_page
    from deep_storm.report.reconstruction import reconstruction_page

    source = Path(record)
    outputs = _outputs(source, output, overwrite)
    outputs.check()
    if source.is_dir():
        return _of_model(source, outputs)
    later = [Path(table) for table in tables]
    run = _run(source, _read(source), later)
    taken = Path(drift) if drift is not None else _drift_of(later)
    if taken is not None:
        run = replace(run, corrected=_drift_file(taken, run.camera))
    page = reconstruction_page(run)
    with outputs.writing("report") as path:
        write_page(path, page, overwrite)
    return ReportResult(page.suspicions, outputs.written)


def _outputs(source: Path, output: Path | str | None, overwrite: bool) -> Outputs:
    """Name the report: as given, else in the model folder or beside the record."""
    if source.is_dir():
        name, beside = "report", source / "report.html"
    else:
        name = _stem(source) + "-report"
        beside = source.with_name(f"{name}.html")
    return Outputs.of(
        beside if output is None else output,
        {"report": ".html"},
        name=name,
        tail="again",
        overwrite=overwrite,
        any_ending=True,
    )


def _stem(record: Path) -> str:
    """Return what the results of a record are called."""
    return record.name.removesuffix(".toml").removesuffix("-run")


def _of_model(folder: Path, outputs: Outputs) -> ReportResult:
    """Write the report of a model folder again."""
    import pandas as pd

    from deep_storm.model import read_card
    from deep_storm.report.training import training_suspicions

    card = read_card(folder)
    file = folder / "history.csv"
    history = pd.read_csv(file) if file.is_file() else pd.DataFrame()
    name, overwrite = folder.resolve().name, outputs.overwrite
    with outputs.writing("report") as path:
        write_training_report(path, card, history, name, overwrite=overwrite)
    return ReportResult(tuple(training_suspicions(card, history)), outputs.written)


def _read(source: Path) -> Record:
    """Read a run record."""
    record = {k: v for k, v in load_toml(source).items() if isinstance(v, dict)}
    if record.get("run", {}).get("verb") != "reconstruct":
        raise SettingsError(
            f"{source} is not the record of a reconstruction",
            "NAME-run.toml, as `deep-storm reconstruct` writes it, or a model folder",
            "give that file",
        )
    return record


def _run(source: Path, record: Record, tables: list[Path]) -> Run:
    """Gather what is still there."""
    from deep_storm.report.reconstruction import Step

    table = _file(source, record, "table", ".csv")
    picture = _file(source, record, "image", ".tif")
    camera, trained = _expected(source, record)
    check_pixel_sizes([table, *tables])
    own = table_of(table, camera=camera)
    shown, steps = own, [Step(table.name, len(own))]
    for path in tables:
        shown = table_of(path, camera=camera)
        steps.append(_step(path, len(shown)))
    frames = int(record.get("results", {}).get("frames", 0)) or None
    image = read_image(picture) if picture.is_file() else (None, None)
    whole = image[0], image[1] or 1.0
    first = first_frame(record)
    run = gathered(
        _stem(source),
        record,
        [shown],
        len(shown),
        (first, frames),
        _drawn(shown, *whole) if tables else whole,
        _stack(source, record, first, frames),
        trained,
        camera,
    )
    named = "the last table, drawn" if tables else run.image_name
    return replace(run, steps=tuple(steps), image_name=named)


def _drawn(table: pd.DataFrame, image: Image | None, image_nm: float) -> tuple[Image | None, float]:
    """Draw a table on the field of the image that it replaces, no finer than a page shows."""
    if image is None or not len(table):
        return image, image_nm
    size_nm = max(image_nm, max(image.shape) * image_nm / MAX_DRAWN_PX)
    height, width = (max(1, round(edge * image_nm / size_nm)) for edge in image.shape)
    field = np.broadcast_to(np.float32(0), (height, width))
    return draw_table(table, Picture(field, size_nm, "field"), 1).pixels, size_nm


def _step(table: Path, rows: int) -> Step:
    """Tell what made a table, as the record beside it says."""
    from deep_storm.report.reconstruction import Step

    file = table.with_name(table.stem + RECORD)
    if not file.is_file():
        return Step(table.name, rows)
    record = load_toml(file)
    verb, said = (record.get(s, {}).get(k) for s, k in (("run", "verb"), ("results", "summary")))
    lines = tuple(map(str, said)) if isinstance(said, list) else ()
    return Step(table.name, rows, str(verb or ""), lines)


def _drift_of(tables: Sequence[Path]) -> Path | None:
    """Return the drift that was taken out of the last table that has one beside it."""
    files = [table.with_name(table.stem + DRIFT_FILE) for table in tables]
    return next((file for file in reversed(files) if file.is_file()), None)


def _file(source: Path, record: Record, name: str, ending: str) -> Path:
    """Return the image or table beside the record: as the record is named, or as it names it."""
    named = Path(str(record.get("outputs", {}).get(name, ""))).name
    names = [_stem(source) + ending, named]
    paths = [source.with_name(name) for name in names if name]
    return next((path for path in paths if path.is_file()), paths[0])


def _expected(source: Path, record: Record) -> tuple[Camera | None, TrainedFor]:
    """Return camera and molecules as the record has them."""
    from deep_storm.quality.suspicions import TrainedFor

    inputs, results = record.get("inputs", {}), record.get("results", {})
    parts: dict[str, Any] = {
        name: cls.parse(inputs[name], str(source)) if name in inputs else None
        for name, cls in (
            ("camera", Camera),
            ("psf", Psf),
            ("emitters", Emitters),
            ("background", Background),
        )
    }
    camera = parts.pop("camera")
    return camera, TrainedFor(
        **parts,
        threshold=results.get("threshold"),
        densest_per_um2=float(inputs.get("densest_per_um2", 0.0)),
    )


def _stack(source: Path, record: Record, first: int, frames: int | None) -> StackLook | None:
    """Look at the stack, if it is still where it was, or beside the record."""
    named = Path(str(record.get("inputs", {}).get("stack", "")))
    found = next((p for p in (named, source.with_name(named.name)) if p.is_file()), None)
    if found is None:
        return None
    with open_frames(found) as stream:
        stop = stream.shape[0] if frames is None else first + frames
        return look_at(stream, first, stop) if stop <= stream.shape[0] else None


def _drift_file(path: Path, camera: Camera | None) -> DriftCurve:
    """Read the curve of a drift that ThunderSTORM or ``correct-drift`` saved."""
    return DriftCurve.of(read_drift(path, camera))
