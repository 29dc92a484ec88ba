"""What the verbs that turn a table into a table share: reading, writing, the result."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.inputs.tables import SAME_PIXELS, TableSource, table_of
from deep_storm.interface.declaration import Argument
from deep_storm.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

TABLE = Argument("table", "localization table (CSV)")
RECORD, DRIFT_FILE = "-run.toml", "-drift.json"
"""Endings of what is written beside a table: what was done, and the drift that was taken off."""


@dataclass(frozen=True)
class TableJob:
    """A table to work on, and where its successor goes.

    Attributes
    ----------
    table
        Validated, at least one row.
    camera
        As given, else as the protocol beside the table says; None when nobody knows.
    output
        The table to write, if any.
    extra
        Further files.
    overwrite
        Whether existing files may be replaced.
    source
        The file that the table was read from; None for a table in memory.
    """

    table: pd.DataFrame
    camera: Camera | None
    output: Path | None
    extra: tuple[Path, ...]
    overwrite: bool
    source: Path | None = None

    @property
    def protocol(self) -> Path | None:
        """ThunderSTORM's protocol of the new table, where the camera is known."""
        from deep_storm.io.tables.thunderstorm import protocol_path

        return protocol_path(self.output) if self.output and self.camera else None

    @property
    def record(self) -> Path | None:
        """The record of what was done, beside the new table."""
        return self.output.with_name(self.output.stem + RECORD) if self.output else None

    @property
    def written(self) -> tuple[Path, ...]:
        """All files that are written."""
        files = (self.output, self.protocol, *self.extra, self.record)
        return tuple(path for path in files if path is not None)

    def write(self, table: pd.DataFrame) -> None:
        """Write the new table, and the protocol that ThunderSTORM wants beside it."""
        from deep_storm.io.tables.thunderstorm import write_protocol, write_table

        if self.output is None:
            return
        write_table(self.output, table, overwrite=self.overwrite)
        if self.protocol is not None and self.camera is not None:
            write_protocol(self.protocol, self.camera, self.overwrite)

    def note(self, verb: str, result: TableResult, settings: Settings, **inputs: Any) -> None:
        """Write down what was done: settings, input, and what came of it, for the report.

        ``inputs`` are what was given beside the settings.
        """
        if self.record is None:
            return
        from importlib.metadata import version

        from deep_storm.io.config import write_config
        from deep_storm.io.files import sha256

        given: dict[str, Any] = {"rows": len(self.table), **inputs}
        if self.source is not None:
            size = self.source.stat().st_size
            given = {"table": self.source, "bytes": size, "sha256": sha256(self.source), **given}
        sections = {
            type(settings).__name__.lower(): settings.model_dump(),
            "run": {"verb": verb},
            "inputs": given,
            "outputs": {"files": [path.name for path in result.written]},
            "results": {**result.to_json(), "summary": result.summary().splitlines()},
            "versions": {"deep-storm": version("deep-storm")},
        }
        write_config(self.record, sections, self.overwrite)


def open_job(
    source: TableSource,
    output: Path | str | None,
    ending: str,
    camera: Camera | None,
    overwrite: bool,
    extra: Iterable[str] = (),
) -> TableJob:
    """Read a table, and check that its successor can be written before any work is done.

    Parameters
    ----------
    source
        File or table in memory.
    output
        The table to write; by default ``TABLE_ENDING.csv`` beside a file, nothing for a table in
        memory.
    ending
        That ending.
    camera
        Converts px and ADU; by default ThunderSTORM's protocol beside a file.
    overwrite
        Whether existing files may be replaced.
    extra
        Endings of further files beside the output: ``-drift.json``.

    Raises
    ------
    TableError
        The table cannot be read or is empty.
    CameraError
        The protocol beside it is damaged, or its pixels are not those of the camera.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.errors import TableError
    from deep_storm.io.files import check_outputs
    from deep_storm.io.tables.thunderstorm import find_protocol, read_protocol
    from deep_storm.localizations import validated

    path = Path(output) if output is not None else None
    file = Path(source) if isinstance(source, (str, os.PathLike)) else None
    if file is not None:
        path = file.with_name(f"{file.stem}_{ending}.csv") if path is None else path
        protocol = find_protocol(file)
        if protocol is not None:
            camera = _one_camera(camera, read_protocol(protocol), protocol)
    table = table_of(source, camera=camera)
    if file is None:
        table = validated(table)
    if not len(table):
        raise TableError("the table is empty", "at least one localization", "give another table")
    more = () if path is None else tuple(path.with_name(path.stem + end) for end in extra)
    job = TableJob(table, camera, path, more, overwrite, file)
    check_outputs(job.written, overwrite)
    return job


def _one_camera(given: Camera | None, noted: Camera, protocol: Path) -> Camera:
    """Return the camera that was given, if any; its pixels must be those of the protocol."""
    if given is not None and abs(given.pixel_size_nm / noted.pixel_size_nm - 1) > SAME_PIXELS:
        from deep_storm.errors import CameraError

        raise CameraError(
            f"the camera says pixel_size_nm = {given.pixel_size_nm:g}, the protocol {protocol} "
            f"{noted.pixel_size_nm:g}",
            "one camera",
            "leave --camera out, or remove the protocol if it belongs to another movie",
        )
    return given or noted


@dataclass(frozen=True)
class TableResult:
    """A table made from a table.

    Attributes
    ----------
    table
        The new table.
    rows_before
        Rows of the one that it was made from.
    written
        Its file, and what was written beside it.
    """

    table: pd.DataFrame
    rows_before: int
    written: tuple[Path, ...]

    def summary(self) -> str:
        """Return how many rows there are."""
        return f"{len(self.table):,} of {self.rows_before:,} rows"

    def to_json(self) -> dict[str, Any]:
        """Return the number of rows before and after."""
        return self.counts()

    def counts(self) -> dict[str, Any]:
        """Return the number of rows before and after."""
        return {"rows_before": self.rows_before, "rows": len(self.table)}
