"""``remove-duplicates``: one of several localizations of a molecule in a frame is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deep_storm.camera import Camera
from deep_storm.inputs.tables import TableSource
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.runs.table import TABLE, TableResult, open_job
from deep_storm.settings import Duplicates
from deep_storm.words import counted


@dataclass(frozen=True, repr=False)
class DuplicatesResult(TableResult):
    """The localizations that are kept."""

    def summary(self) -> str:
        """Return the number of localizations removed."""
        removed = self.rows_before - len(self.table)
        return (
            f"{counted(removed, 'duplicate', ',')} removed, {len(self.table):,} localizations "
            "remain"
        )


@verb(
    "remove molecules that were localized twice in a frame",
    TABLE,
    Argument("output", "table to write (CSV)", writes=True, label="Save as"),
    settings=Duplicates,
    camera=Camera,
)
def remove_duplicates(
    table: TableSource,
    *,
    output: Path | str | None = None,
    settings: Duplicates = Duplicates(),
    camera: Camera | None = None,
    overwrite: bool = False,
) -> DuplicatesResult:
    """Remove the worse of localizations that lie close together in a frame.

    Parameters
    ----------
    table
        ThunderSTORM table (CSV) with uncertainties, or a table in memory.
    output
        The table to write, by default ``TABLE_unique.csv``; ``…-run.toml`` beside it notes what
        was done. A table in memory is only returned.
    settings
        The distance.
    camera
        Needed only for a table in px or ADU, by default as the protocol beside it says.
    overwrite
        Whether existing files may be replaced.

    Raises
    ------
    TableError
        The table cannot be read, is empty, or has no uncertainties.
    FormulaError
        The distance cannot be worked out.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.postprocessing import duplicates  # numba, pandas

    job = open_job(table, output, "unique", camera, overwrite)
    unique = duplicates.remove_duplicates(job.table, settings)
    job.write(unique)
    return job.noted("remove-duplicates", DuplicatesResult(unique, len(job.table)), settings)
