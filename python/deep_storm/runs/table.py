"""Common parts of the verbs that turn a table into a table: reading, writing, the result."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, TableError
from deep_storm.inputs.tables import SAME_PIXELS, TableSource, check_source, table_of
from deep_storm.interface.declaration import Argument, Shown
from deep_storm.io.config import write_config
from deep_storm.io.endings import TABLES
from deep_storm.io.files import sha256
from deep_storm.io.outputs import Outputs, name_of
from deep_storm.io.tables.about import RECORD, About, about, known_of_file, note
from deep_storm.io.tables.protocol import find_protocol, read_protocol, write_protocol
from deep_storm.packages import versions
from deep_storm.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

TABLE = Argument(
    "table", "localization table (CSV; or of Picasso, SMAP, DECODE and others)", label="Table"
)
TABLE_ENDING, PROTOCOL = ".csv", "-protocol.txt"
DRIFT_FILE = "-drift.json"
"""Ending of what is written beside a table: the drift that was taken off."""
PICASSO, PICASSO_NOTES = ".hdf5", ".yaml"
"""Picasso's table, and what it needs beside it."""
TableResultT = TypeVar("TableResultT", bound="TableResult")


@dataclass(frozen=True)
class TableJob:
    """A table to process, and the output for the new one.

    Attributes
    ----------
    table
        Validated, at least one row.
    camera
        As given, else as the protocol beside the file or the table in memory says; None when
        nobody knows.
    outputs
        ``table``, where the camera is known ``protocol``, further files of the verb, ``record``.
    source
        The file that the table was read from; None for a table in memory.
    shared_frames
        Whether localizations of following frames share data, as the record beside the file or the
        table in memory says; None when nobody knows.
    """

    table: pd.DataFrame
    camera: Camera | None
    outputs: Outputs
    source: Path | None = None
    shared_frames: bool | None = None

    def write(self, table: pd.DataFrame) -> None:
        """Write the new table, and the protocol that ThunderSTORM expects beside it."""
        from deep_storm.io.tables.files import write_table  # pandas

        if not self.outputs:
            return
        with self.outputs.writing("table") as path:
            write_table(path, table, overwrite=self.outputs.overwrite, camera=self.camera)
        if "notes" in self.outputs:
            with self.outputs.writing("notes"):
                pass  # written with the table
        if self.camera is not None:
            with self.outputs.writing("protocol") as path:
                write_protocol(path, self.camera, self.outputs.overwrite)

    def noted(
        self,
        verb: str,
        result: TableResultT,
        settings: Settings,
        shared_frames: bool | None = None,
        **inputs: Any,
    ) -> TableResultT:
        """Write a record for the report: settings, input, and results.

        Parameters
        ----------
        verb
            What was done.
        result
            What came of it; its files are written.
        settings
            Of the verb.
        shared_frames
            Whether localizations of the new table share data; default: as those of the old one.
        **inputs
            What was given beside the settings.

        Returns
        -------
        The result with all files that were written.
        """
        shared = self.shared_frames if shared_frames is None else shared_frames
        note(result.table, About(self.camera, shared))
        if not self.outputs:
            return result

        given = {"rows": len(self.table), **_known_of_frames(self.shared_frames), **inputs}
        if self.source is not None:
            size = self.source.stat().st_size
            given = {
                "table": self.source.absolute(),
                "bytes": size,
                "sha256": sha256(self.source),
                **given,
            }
        sections = {
            type(settings).__name__.lower(): settings.model_dump(),
            "run": {"verb": verb},
            "inputs": given,
            "outputs": self.outputs.names_written,
            "results": {
                **result.to_json(),
                **_known_of_frames(shared),
                "summary": result.summary().splitlines(),
            },
            "versions": versions(["deep-storm"]),
        }
        with self.outputs.writing("record") as path:
            write_config(path, sections, self.outputs.overwrite)
        return replace(result, written=self.outputs.written)


def open_job(
    source: TableSource,
    output: Path | str | None,
    tail: str,
    camera: Camera | None,
    overwrite: bool,
    extra: Mapping[str, str] = MappingProxyType({}),
) -> TableJob:
    """Read a table, after checking that the new one can be written.

    Parameters
    ----------
    source
        File or table in memory.
    output
        The table to write; by default ``TABLE_TAIL.csv`` beside a file, nothing for a table in
        memory.
    tail
        That tail.
    camera
        Converts px and ADU; by default that of ThunderSTORM's protocol beside a file, or of a table
        in memory.
    overwrite
        Whether existing files may be replaced.
    extra
        Endings of further files beside the output, by name: ``{"drift": "-drift.json"}``.

    Raises
    ------
    TableError
        The table cannot be read or is empty.
    CameraError
        The protocol beside it is damaged, or its pixels are not those of the camera.
    OutputError
        A file exists already, is an input, or cannot be written.
    """
    from deep_storm.localizations import validated  # pandas

    check_source(source)
    if isinstance(source, (str, os.PathLike)):
        file: Path | None = Path(source)
        in_memory = About()
    else:
        file, in_memory = None, about(source)
    protocol = None if file is None else find_protocol(file)
    camera = camera or in_memory.camera
    known = camera is not None or protocol is not None
    name = f"{name_of(source, 'table')}_{tail}"
    if output is None and file is not None:
        output = file.with_name(name + TABLE_ENDING)
    endings = {"table": TABLE_ENDING, **({"protocol": PROTOCOL} if known else {}), **extra}
    if output is not None and str(output).lower().endswith(PICASSO):
        endings["notes"] = PICASSO_NOTES
    outputs = Outputs.of(
        output,
        {**endings, "record": RECORD},
        name=name,
        tail=tail,
        overwrite=overwrite,
        any_ending=True,
        also=TABLES[1:],
    )
    outputs.check()
    if protocol is not None:
        camera = _one_camera(camera, read_protocol(protocol), protocol)
    table = table_of(source, camera=camera)
    if file is None:
        table = validated(table)
    if not len(table):
        raise TableError("the table is empty", "at least one localization", "give another table")
    shared = in_memory.shared_frames if file is None else known_of_file(file).shared_frames
    return TableJob(table, camera, outputs, file, shared)


def _known_of_frames(shared: bool | None) -> dict[str, Any]:
    """Return the line of a record; none where nobody knows."""
    return {} if shared is None else {"shared_frames": shared}


def _one_camera(given: Camera | None, noted: Camera, protocol: Path) -> Camera:
    """Return the camera that was given, if any; its pixel size must be the protocol's."""
    if given is not None and abs(given.pixel_size_nm / noted.pixel_size_nm - 1) > SAME_PIXELS:
        raise CameraError(
            f"the camera says pixel_size_nm = {given.pixel_size_nm:g}, the protocol {protocol} "
            f"{noted.pixel_size_nm:g}",
            "one camera",
            "leave --camera out, or remove the protocol if it belongs to another movie",
        )
    return given or noted


@dataclass(frozen=True, repr=False)
class TableResult(Shown):
    """A table derived from a table.

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
    written: tuple[Path, ...] = field(default=(), kw_only=True)

    def summary(self) -> str:
        """Return how many rows there are."""
        return f"{len(self.table):,} of {self.rows_before:,} rows"

    def to_json(self) -> dict[str, Any]:
        """Return the number of rows before and after."""
        return {"rows_before": self.rows_before, "rows": len(self.table)}
