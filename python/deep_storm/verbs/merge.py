"""``merge``: localizations of a molecule in consecutive frames merged into one row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.inputs.tables import TableSource
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.progress import Progress, silent
from deep_storm.runs.table import TABLE, TableResult, open_job
from deep_storm.settings import Merging
from deep_storm.words import WARNING, counted

if TYPE_CHECKING:
    from deep_storm.postprocessing.merging import Merged


@dataclass(frozen=True, repr=False)
class MergeResult(TableResult):
    """Molecules; ``merged`` lists the localizations of each.

    ``shared_frames`` is whether these used the frames before and after their own, too; None where
    nobody knows and they were taken for independent.
    """

    merged: Merged
    shared_frames: bool | None = None

    def summary(self) -> str:
        """Return the number of molecules, and what looks suspicious."""
        mean = self.rows_before / len(self.table)
        made = "from all photons" if self.merged.recomputed else "combined"
        lines = [
            f"{counted(self.rows_before, 'localization', ',')} became "
            f"{counted(len(self.table), 'molecule', ',')}, "
            f"{mean:.2f} localizations each",
            f"Distance {self.merged.distance_nm:.3g} nm",
        ]
        if "uncertainty_xy_nm" in self.table:
            lines.append(f"Uncertainties {made}")
        if self.shared_frames:
            lines.append("Each localization also used the frames before and after its own")
        return "\n".join([*lines, *(f"{WARNING}{text}" for text in self.warnings())])

    def warnings(self) -> list[str]:
        """Return what looks suspicious.

        Whether localizations share frames matters where some were merged; programs that fit single
        frames give no confidences.
        """
        found = self.merged.warnings()
        if (
            self.shared_frames is None
            and len(self.table) < self.rows_before
            and "confidence" in self.table
        ):
            found.append(
                "nothing says whether each localization also used the frames before and after its "
                "own, as those of Deep-STORM's general model do; they were treated as independent; "
                "if they are not, merge again with --shared-frames"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of rows, and how they were merged."""
        return {
            **super().to_json(),
            "distance_nm": self.merged.distance_nm,
            "by_chance": self.merged.by_chance,
            "uncertainties": "formula" if self.merged.recomputed else "combined",
            "warnings": self.warnings(),
        }


@verb(
    "merge the localizations of a molecule in consecutive frames",
    TABLE,
    Argument("output", "table to write (CSV)", writes=True, label="Save as"),
    settings=Merging,
    camera=Camera,
)
def merge(
    table: TableSource,
    *,
    output: Path | str | None = None,
    settings: Merging = Merging(),
    camera: Camera | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> MergeResult:
    """Merge the localizations of a molecule in consecutive frames.

    Parameters
    ----------
    table
        ThunderSTORM table (CSV), or a table in memory.
    output
        The table to write, by default ``TABLE_merged.csv``; ``…-run.toml`` beside it notes what
        was done. A table in memory is only returned.
    settings
        Distance, gap, most frames of a molecule.
    camera
        Converts px and ADU, and is needed to work out uncertainties; by default as the protocol
        beside the table says, or a table in memory that Deep-STORM made.
    overwrite
        Whether existing files may be replaced.
    progress
        Called at each step.

    Raises
    ------
    TableError
        The table cannot be read, is empty, or has no uncertainties from which the distance could
        be chosen.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.postprocessing.merging import merge_table  # numba, pandas

    job = open_job(table, output, "merged", camera, overwrite)
    shared = settings.shared_frames or job.shared_frames
    progress(0, 2, "merging")
    merged = merge_table(job.table, settings, job.camera, bool(shared))
    progress(1, 2, "writing")
    job.write(merged.table)
    found = MergeResult(merged.table, len(job.table), merged, shared)
    result = job.noted("merge", found, settings, shared_frames=False)
    progress(2, 2, "done")
    return result
