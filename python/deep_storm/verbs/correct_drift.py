"""``correct-drift``: the sample's drift measured and subtracted from a localization table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.inputs.tables import TableSource
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.io.tables.about import record_beside, verb_of_record
from deep_storm.io.tables.drift_files import read_drift, write_drift
from deep_storm.progress import Progress, silent
from deep_storm.runs.table import DRIFT_FILE, TABLE, TableJob, TableResult, open_job
from deep_storm.settings import DriftCorrection
from deep_storm.words import WARNING

if TYPE_CHECKING:
    import pandas as pd

    from deep_storm.io.tables.drift_files import Drift
    from deep_storm.postprocessing.drift import MeasuredDrift

ENDINGS = {"drift": DRIFT_FILE, "picture": "-drift.png"}


@dataclass(frozen=True, repr=False)
class DriftResult(TableResult):
    """A corrected table.

    Attributes
    ----------
    drift
        What was taken off.
    measured
        What it rests on; None for a drift from a file.
    warnings
        What may be wrong about a drift from a file.
    """

    drift: Drift
    measured: MeasuredDrift | None
    warnings: tuple[str, ...] = ()

    @property
    def total_nm(self) -> tuple[float, float]:
        """Drift from the first to the last frame, along x and y."""
        x_nm, y_nm = self.drift.at(self.drift.knots[[-1]])[0]
        return float(x_nm), float(y_nm)

    @property
    def total_z_nm(self) -> float:
        """Drift from the first to the last frame, along z."""
        first, last = self.drift.z_at(self.drift.knots[[0, -1]])
        return float(last - first)

    def summary(self) -> str:
        """Return the size of the drift and its error."""
        x_nm, y_nm = self.total_nm
        line = f"Drift from first to last frame {x_nm:.1f} nm in x, {y_nm:.1f} nm in y"
        if self.measured is None:
            line += ", from the file"
            return "\n".join([line, *(f"{WARNING}{text}" for text in self.warnings)])
        found = self.measured.smoothed
        if max(found.freedom) == 1:
            line = "No drift found: nothing was moved"
        lines = [f"{line} (± {found.error_nm:.1f} nm along each axis)"]
        if self.measured.axial_error_nm is not None:
            lines.append(f"Along z {self.total_z_nm:.1f} ± {self.measured.axial_error_nm:.1f} nm")
        if self.measured.method == "correlation":
            lines.append(
                f"{self.measured.bins} time bins, {self.measured.pairs_used} of "
                f"{self.measured.pairs} pairs agree, bins scatter by {found.scatter_nm:.1f} nm"
            )
        elif self.measured.method == "comet":
            lines.append(
                f"{self.measured.bins} time bins, moved by COMET, scatter by "
                f"{found.scatter_nm:.1f} nm"
            )
        else:
            lines.append(f"{self.measured.bins} fiducial markers")
        return "\n".join([*lines, *(f"{WARNING}{note}" for note in self.measured.notes)])

    def to_json(self) -> dict[str, Any]:
        """Return the drift's size, its errors and what it is based on."""
        x_nm, y_nm = self.total_nm
        content: dict[str, Any] = {**super().to_json(), "drift_x_nm": x_nm, "drift_y_nm": y_nm}
        if self.drift.z is not None:
            content["drift_z_nm"] = self.total_z_nm
        if self.measured is not None:
            found = self.measured
            content |= {
                "error_nm": found.smoothed.error_nm,
                "scatter_nm": found.smoothed.scatter_nm,
                "bins": found.bins,
                "pairs": found.pairs,
                "pairs_used": found.pairs_used,
                "warnings": list(found.notes),
            }
        else:
            content["warnings"] = list(self.warnings)
        return content


@verb(
    "measure the drift of the sample and correct a localization table for it",
    TABLE,
    Argument(
        "output",
        "table to write (CSV), with the drift (JSON and PNG) beside it",
        writes=True,
        label="Save as",
    ),
    Argument(
        "drift_file",
        "drift to correct for, as saved by ThunderSTORM or by this command (JSON)",
        label="Drift file",
    ),
    settings=DriftCorrection,
    camera=Camera,
)
def correct_drift(
    table: TableSource,
    *,
    output: Path | str | None = None,
    drift_file: Path | str | None = None,
    settings: DriftCorrection = DriftCorrection(),
    camera: Camera | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> DriftResult:
    """Measure the drift of the sample and subtract it from the positions of a table.

    Where the table has depths, drift along z is measured and subtracted as well.

    Parameters
    ----------
    table
        ThunderSTORM table (CSV), or a table in memory.
    output
        The table to write, by default ``TABLE_drift_corrected.csv``; ``…-drift.json`` beside it is
        what ThunderSTORM loads, ``…-drift.png`` the plot, ``…-run.toml`` notes what was done. A
        table in memory is only returned.
    drift_file
        Drift from a file, such as that of another channel, instead of measuring it.
    settings
        How it is measured.
    camera
        Needed only for a table or a drift in px, by default as the protocol beside the table says.
    overwrite
        Whether existing files may be replaced.
    progress
        Called while pairs of time bins are correlated.

    Raises
    ------
    TableError
        The table or the drift file cannot be read, or drift cannot be measured from the table.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.postprocessing.drift import corrected, with_axial  # numba, pandas, scipy

    job = open_job(table, output, "drift_corrected", camera, overwrite, ENDINGS)
    warnings: tuple[str, ...] = ()
    if drift_file is not None:
        warnings = _corrected_before(job)
        drift_file = Path(drift_file).absolute()  # for the record
        drift, measured = read_drift(drift_file, job.camera), None
    else:
        measured = with_axial(_measured(job, settings, progress), job.table, settings)
        drift = measured.drift
    moved = corrected(job.table, drift)
    _write(job, moved, drift)
    result = DriftResult(moved, len(job.table), drift, measured, warnings)
    return job.noted("correct-drift", result, settings, drift_file=drift_file)


def _corrected_before(job: TableJob) -> tuple[str, ...]:
    """Return a warning where the run record beside a table says that its drift is gone already."""
    if job.source is None or verb_of_record(record_beside(job.source)) != "correct-drift":
        return ()
    return (
        f"the drift of {job.source.name} had been corrected already; that of the file was "
        "subtracted as well: use the table from before the correction",
    )


def _measured(job: TableJob, settings: DriftCorrection, progress: Progress) -> MeasuredDrift:
    if settings.method == "markers":
        from deep_storm.postprocessing.fiducials import marker_drift  # numba, pandas, scipy

        return marker_drift(job.table, settings)
    if settings.method == "comet":
        from deep_storm.postprocessing.comet import comet_drift  # numba, pandas, scipy

        return comet_drift(job.table, settings, progress)
    from deep_storm.postprocessing.drift import measure_drift  # numba, pandas, scipy

    return measure_drift(job.table, settings, progress)


def _write(job: TableJob, moved: pd.DataFrame, drift: Drift) -> None:
    if not job.outputs:
        return
    from deep_storm.report.drift import drift_figure  # matplotlib
    from deep_storm.report.figures import save_figure  # matplotlib

    job.write(moved)
    with job.outputs.writing("drift") as path:
        write_drift(path, drift, job.outputs.overwrite)
    with job.outputs.writing("picture") as path:
        save_figure(drift_figure(drift), path, job.outputs.overwrite)
