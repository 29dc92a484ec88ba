"""``filter``: the rows of a localization table that fulfil a formula."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.inputs.tables import TableSource
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.runs.table import TABLE, TableResult, open_job
from deep_storm.settings import Filtering

if TYPE_CHECKING:
    from deep_storm.postprocessing.filtering import Condition


@dataclass(frozen=True, repr=False)
class FilterResult(TableResult):
    """The rows that were kept, and how many each condition removed."""

    conditions: tuple[Condition, ...]

    def summary(self) -> str:
        """Return the number of rows left, and the number that each condition removed."""
        share = len(self.table) / self.rows_before
        lines = [f"{len(self.table):,} of {self.rows_before:,} localizations kept ({share:.1%})"]
        lines += [f"{c.text}: {c.removed:,} do not meet it" for c in self.conditions]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of rows."""
        removed = [{"condition": c.text, "removed": c.removed} for c in self.conditions]
        return {**super().to_json(), "conditions": removed}


@verb(
    "keep the localizations that meet a formula or lie within ranges",
    TABLE,
    Argument(
        "formula",
        "condition in ThunderSTORM's syntax, such as confidence > 0.5 & uncertainty_xy < 20; "
        "default: only the ranges below",
        kind=str,
        label="Formula",
    ),
    Argument("output", "table to write (CSV)", writes=True, label="Save as"),
    settings=Filtering,
    camera=Camera,
)
def filter(
    table: TableSource,
    formula: str | None = None,
    *,
    output: Path | str | None = None,
    settings: Filtering = Filtering(),
    camera: Camera | None = None,
    overwrite: bool = False,
) -> FilterResult:
    """Keep the localizations that fulfil a formula and lie in ranges.

    Parameters
    ----------
    table
        ThunderSTORM table (CSV), or a table in memory.
    formula
        Condition in ThunderSTORM's own language; the same formula keeps the same rows there.
    output
        The table to write, by default ``TABLE_filtered.csv``; ``…-run.toml`` beside it notes what
        was done. A table in memory is only returned.
    settings
        Ranges, frames and neighbours.
    camera
        Needed only for a table in px or ADU, by default as the protocol beside it says.
    overwrite
        Whether existing files may be replaced.

    Raises
    ------
    FormulaError
        The formula cannot be read or names an unknown column; the error says where.
    SettingsError
        There is no condition, or a range is the wrong way round.
    TableError
        The table cannot be read, is empty, or lacks a column.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.postprocessing.filtering import filter_table  # pandas

    job = open_job(table, output, "filtered", camera, overwrite)
    kept = filter_table(job.table, formula, settings)
    job.write(kept.table)
    result = FilterResult(kept.table, len(job.table), kept.conditions)
    return job.noted("filter", result, settings, formula=formula)
