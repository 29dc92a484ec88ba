"""Send To ThunderSTORM: its Import results, when it is installed.

Whether it worked is what its results window shows, not that nothing was raised.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from deep_storm.errors import TableError
from deep_storm.fiji.camera import remembered_camera
from deep_storm.fiji.commands.generic import LAST_TABLE
from deep_storm.fiji.imagej.host import table_title
from deep_storm.fiji.imagej.java import java_class, java_error
from deep_storm.fiji.imagej.tables import from_results, to_results
from deep_storm.fiji.imagej.thunderstorm import (
    IMPORT,
    TITLE,
    reason_of_failure,
    results_shown,
    wait_for_results,
)
from deep_storm.fiji.menu.parameters import CURRENT
from deep_storm.fiji.runner import Call, Outcome
from deep_storm.io.tables.about import about, known_of_file, note
from deep_storm.io.tables.files import read_table
from deep_storm.io.tables.protocol import protocol_path, write_protocol
from deep_storm.io.tables.writer import write_table
from deep_storm.words import counted

BY_HAND = "Plugins > ThunderSTORM > Import/Export > Import results"


def send(call: Call) -> Outcome:
    """Hand a table over; without ThunderSTORM, say where the file is and what to do.

    Raises
    ------
    TableError
        There is no table, or ThunderSTORM does not show it afterwards.
    """
    path = _table(call)
    known = java_class("ij.Menus").getCommands()
    if known is None or known.get(IMPORT) is None:
        text = (
            f"ThunderSTORM is not installed in this ImageJ (no command {IMPORT!r}). "
            f"The table is {path}. Install ThunderSTORM, or open the table where it is, with "
            f"{BY_HAND}."
        )
        table = _as_results(call, path)
        call.tell(text)
        return Outcome(text, table=table)
    problem = _import(path, call.values["dialect"])
    if problem:
        _as_results(call, path)
        raise TableError(
            problem,
            f"a window {TITLE!r} with the rows of the table",
            f"the table is {path}, and open in ImageJ; on Java 13 and later run `deep-storm fiji "
            "install` once, which adds the class that ThunderSTORM needs, and start Fiji again; or "
            "try the other choice in the field 'ThunderSTORM version'",
        )
    shown = results_shown()
    rows = "the rows" if shown is None or shown.rows is None else counted(shown.rows, "row")
    return Outcome(f"ThunderSTORM shows {rows} of {path}")


def _import(path: Path, dialect: str) -> str:
    """Run ThunderSTORM's import; return what went wrong as far as one can see it, or nothing."""
    try:
        java_class("ij.IJ").run(IMPORT, import_options(path, dialect))
    except java_error() as error:
        return f"ThunderSTORM's {IMPORT!r} failed: {error}"
    rows = _count_rows(path)
    shown = wait_for_results(rows)
    if shown is None:
        reason = reason_of_failure()
        return f"ThunderSTORM did not open its results window{f': {reason}' if reason else ''}"
    if shown.rows not in (rows, None):
        return f"ThunderSTORM shows {counted(shown.rows, 'row')} of the {rows} in {path}"
    return ""


def _count_rows(path: Path) -> int:
    """Count the rows of a CSV file: its lines without the header."""
    with path.open("rb") as file:
        return max(sum(1 for line in file if line.strip()) - 1, 0)


def _as_results(call: Call, path: Path) -> Any:
    """Leave the user a table in ImageJ."""
    return call.host.show_table(to_results(read_table(path)), table_title(path.name))


def import_options(path: Path, dialect: str) -> str:
    """Return the macro options of ThunderSTORM's Import results."""
    options = f"filepath=[{path.as_posix()}] fileformat=[CSV (comma separated)] "
    if dialect == "dev":
        options += "detectmeasurementprotocol=true "
    return options + "livepreview=false rawimagestack= startingframe=1 append=false"


def _table(call: Call) -> Path:
    """Return the table's file, in the dialect asked for; one in a window is written first."""
    choice: Any = call.values["table"]
    if choice == CURRENT:
        last = call.host.recall(LAST_TABLE)
        try:
            results, title = call.host.table()
        except TableError:
            if last is None or not Path(last).is_file():
                raise
            choice = Path(last)
        else:
            table = from_results(results, title, remembered_camera(call.host))
            return _written(call, table, "localizations")
    if choice is None or not Path(choice).is_file():
        raise TableError(f"there is no table {choice}", "a CSV file", "fill in the field 'Table'")
    path = Path(choice)
    if call.values["dialect"] == "dev" and "]" not in str(path):
        return path

    table = read_table(path)
    note(table, known_of_file(path))
    return _written(call, table, path.stem)


def _written(call: Call, table: Any, stem: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="deep-storm-"))
    path = folder / f"{stem.replace(']', ')')}.csv"
    write_table(path, table, call.values["dialect"])
    camera = about(table).camera or remembered_camera(call.host)
    if camera is not None:
        write_protocol(protocol_path(path), camera)
    return path
