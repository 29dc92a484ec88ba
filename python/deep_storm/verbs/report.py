"""``report``: a run record or a model folder as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep_storm.interface.declaration import Argument, Shown
from deep_storm.interface.verb import verb
from deep_storm.io.outputs import Outputs
from deep_storm.report.record import stem_of


@dataclass(frozen=True, repr=False)
class ReportResult(Shown):
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
        """Return what looks suspicious."""
        if not self.suspicions:
            return "Nothing suspicious was found"
        return "\n".join(f"Suspicious: {sentence}" for sentence in self.suspicions)

    def to_json(self) -> dict[str, Any]:
        """Return what looks suspicious."""
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
    Argument(
        "output",
        "report to write; default: NAME-report.html beside the record",
        writes=True,
        label="Save as",
    ),
)
def report(
    record: Path | str,
    *,
    tables: Sequence[Path | str] = (),
    drift: Path | str | None = None,
    output: Path | str | None = None,
    overwrite: bool = False,
) -> ReportResult:
    """Write a report: inputs, results, and what looks suspicious.

    Parameters
    ----------
    record
        Run record, or model folder. Its stack, model and image are shown as far as they are still
        where they were.
    tables
        Tables made by filtering, merging and the like: what each step did and how many rows it
        removed is said, and the last one is what is shown and drawn.
    drift
        Drift that was corrected, drawn as a curve; by default the file that ``correct-drift`` left
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
    from deep_storm.runs.reports import write_report  # matplotlib, numba, pandas, scipy

    source = Path(record)
    outputs = _outputs(source, output, overwrite)
    outputs.check()
    later = [Path(table) for table in tables]
    suspicions = write_report(source, later, None if drift is None else Path(drift), outputs)
    return ReportResult(suspicions, outputs.written)


def _outputs(source: Path, output: Path | str | None, overwrite: bool) -> Outputs:
    """Name the report: as given, or in the model folder, or beside the record."""
    if source.is_dir():
        name, beside = "report", source / "report.html"
    else:
        name = stem_of(source) + "-report"
        beside = source.parent / f"{name}.html"
    return Outputs.of(
        beside if output is None else output,
        {"report": ".html"},
        name=name,
        tail="again",
        overwrite=overwrite,
        any_ending=True,
    )
