"""Reads ThunderSTORM's tables, of any version, also if other programs changed them a little.

What is unambiguous is read, and reported in a warning; what is not is refused by row and column.
"""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import TableError
from deep_storm.io.foreign import check_regular, damage_as
from deep_storm.io.sniff import describe_content
from deep_storm.io.tables.labels import Column, columns_of
from deep_storm.io.tables.lines import Lines, decoded
from deep_storm.localizations import INTEGER, REQUIRED, validated

MAX_COLUMNS = 1000
_BLOCK_BYTES = 16 << 20  # bounds the memory of the text, however long the table is
_NAN_WORDS = ("", "nan", "na", "n/a", "null", "none")
_INFINITY_SIGN = "∞".encode()


def read_table(
    path: str | os.PathLike[str],
    camera: Camera | None = None,
    kind: Literal["localizations", "ground truth"] = "localizations",
) -> pd.DataFrame:
    """Read a localization table or ground truth in ThunderSTORM's CSV format.

    Columns are found by name, in any order, with or without quotes, a byte order mark, any line
    ends or a comma at the end of each row; v1.3's ``uncertainty`` becomes ``uncertainty_xy_nm``,
    ``id`` is dropped, unknown columns are kept under their name with the unit as suffix. Frames
    count from 1, or from 0 where there is a frame 0. An infinite value of what was estimated
    beside the position is not known.

    Parameters
    ----------
    path
        The CSV file.
    camera
        Needed only for coordinates in px or intensities in ADU.
    kind
        What the table is called in errors; the offset of a ground truth is ``baseline_photon``.

    Returns
    -------
    Columns as :mod:`deep_storm.localizations` describes them: nm, photons, frames from 0. A
    file with nothing but a header gives no rows.

    Raises
    ------
    TableError
        The file is missing, empty or not such a table, a required column is missing, a unit
        cannot be converted, or a cell is not a number (row and column are named).
    """
    file = Path(path)
    origin = f"the {'ground truth' if kind == 'ground truth' else 'table'} {file}"
    _check_file(file, origin)
    notes: list[str] = []
    with damage_as(lambda reason: _unreadable(origin, reason)), Lines(file, origin) as lines:
        labels = _header(lines, origin, notes)
        columns = columns_of(labels, camera, origin, truth=kind == "ground truth")
        reader = _BlockReader(columns, len(labels), origin)
        pieces: dict[str, list[np.ndarray]] = {column.name: [] for column in columns}
        for block in lines.blocks(_BLOCK_BYTES):
            piece = reader.read(block, lines.number + 1)
            for name, parts in pieces.items():
                parts.append(piece[name].to_numpy(copy=True))
        # a column at a time, so that the table is never in memory twice
        whole = {name: np.concatenate([np.empty(0), *pieces.pop(name)]) for name in list(pieces)}
    table = pd.DataFrame(whole, copy=False)
    if len(table) and table["frame"].min() < 1:
        notes.append("its frames count from 0")
    else:
        table["frame"] -= 1
    for note in (*notes, *reader.notes()):
        warnings.warn(f"{origin}: {note}", stacklevel=2)
    return validated(table, origin, truth=kind == "ground truth")


def _check_file(file: Path, origin: str) -> None:
    """Refuse what is no text table: missing, a folder, a pipe, empty, a spreadsheet, an image."""
    check_regular(file, TableError, "a ThunderSTORM table")
    with damage_as(lambda reason: _unreadable(origin, reason)):
        content = describe_content(file)
    if not content.startswith("text"):
        raise TableError(
            f"{origin} is not a table: it looks like {content}",
            "a table in ThunderSTORM's format",
            "export it from ThunderSTORM as CSV (comma separated)",
        )


def _unreadable(origin: str, reason: str) -> TableError:
    return TableError(f"{origin} cannot be read ({reason})", "a CSV file", "export it again")


def _header(lines: Lines, origin: str, notes: list[str]) -> list[str]:
    """Return the labels without quotes."""
    if lines.encoding != "utf-8":
        notes.append(f"its text is in {lines.encoding[:6].upper()}, and was read so")
    text, is_latin = decoded(lines.first())
    text = text.strip()
    if not text:
        raise TableError(f"{origin} is empty", "at least a header line", "export it again")
    if is_latin:
        notes.append("its labels are not in UTF-8; they were read in the Latin alphabet of Windows")
    _check_separator(text, origin)
    if text.count(",") >= MAX_COLUMNS:
        raise TableError(
            f"{origin} has {text.count(',') + 1} columns",
            f"at most {MAX_COLUMNS}",
            "export it with the columns that are needed",
        )
    labels = [cell.strip().strip("\"'`").strip() for cell in text.split(",")]
    if all(_is_number(label) for label in labels):
        raise TableError(
            f"the first line of {origin} is numbers ({text[:40]})",
            'labels such as "frame","x [nm]","y [nm]"',
            "export it again with a header line",
        )
    return labels


def _check_separator(text: str, origin: str) -> None:
    separators = [(";", "semicolons"), ("\t", "tabs")]
    if {"frame", "x", "y"} <= set(text.lower().replace('"', "").split()):  # as "x [nm]" has one
        separators.append((" ", "spaces"))
    for separator, word in separators:
        if separator in text and "," not in text:
            raise TableError(
                f"{origin} is separated by {word}",
                "commas between the cells and points as decimal marks",
                "export it from ThunderSTORM as CSV (comma separated), or from a spreadsheet "
                "with English number formats",
            )


class _BlockReader:
    """Reads a table block by block; errors name row and column."""

    def __init__(self, columns: list[Column], width: int, origin: str) -> None:
        self._columns = columns
        self._width = width
        self._origin = origin
        self._rows = 0
        self._lines: list[bytes] = []
        self._first_line = 0
        self._trailing = 0
        self._infinite: dict[str, int] = {}

    def notes(self) -> list[str]:
        """Describe irregularities that were accepted."""
        found = [
            f"{count} of its values of {label!r} are infinite, and count as not known"
            for label, count in self._infinite.items()
        ]
        if self._trailing:
            found.append(f"{self._trailing} of its rows end with a comma, which was left out")
        return found

    def read(self, lines: list[bytes], first_line: int) -> pd.DataFrame:
        """Return the rows of some lines, of which the first has this number in the file."""
        self._lines, self._first_line = lines, first_line
        rows = [line for line in lines if line and not line.isspace()]
        rows = self._with_right_count(rows)
        if not rows:
            return pd.DataFrame({c.name: np.empty(0) for c in self._columns})
        table = self._parse(b"\n".join(rows).replace(_INFINITY_SIGN, b"inf"))
        for column in self._columns:
            values = table[column.name].to_numpy(copy=True)
            self._check_numbers(column, values)
            table[column.name] = values * column.factor if column.factor != 1.0 else values
        self._rows += len(table)
        return table

    def _with_right_count(self, rows: list[bytes]) -> list[bytes]:
        """Check that each line has the header's number of cells, but for an empty last one.

        More of them are decimal commas.
        """
        commas = self._width - 1
        kept = []
        for row, line in enumerate(rows):
            count = line.count(b",")
            if count == commas + 1 and line.rstrip().endswith(b","):
                self._trailing += 1
                kept.append(line.rstrip()[:-1])
                continue
            kept.append(line)
            if count == commas:
                continue
            if count > commas:
                reason = (
                    "decimal commas? Export it again with decimal points (in a spreadsheet, "
                    "with English number formats)"
                )
            else:
                reason = "the file may be cut off or its cells separated by something else"
            raise TableError(
                f"{self._place(row)} of {self._origin} has {count + 1} cells, "
                f"the header has {self._width}",
                "as many cells as labels",
                reason,
            )
        return kept

    def _parse(self, text: bytes) -> pd.DataFrame:
        by_position = sorted(self._columns, key=lambda column: column.position)
        names = [column.name for column in by_position]
        try:
            table = pd.read_csv(
                io.BytesIO(text),
                header=None,
                names=list(range(self._width)),
                usecols=[column.position for column in by_position],
                dtype=np.float64,
                engine="c",
                skipinitialspace=True,
            )
        except (ValueError, UnicodeDecodeError, OverflowError) as error:
            raise self._not_a_number(text) from error
        if len(table) != text.count(b"\n") + 1:  # a quote that opens and never closes
            raise TableError(
                f"{self._place(0)} of {self._origin} or one after it has a quote that is not "
                "closed",
                "numbers",
                "export it again",
            )
        table.columns = pd.Index(names)
        return table

    def _not_a_number(self, text: bytes) -> TableError:
        """Find the first cell that is not a number, for the error message (slow)."""
        for row, line in enumerate(text.split(b"\n")):
            cells = line.decode("utf-8", errors="replace").split(",")
            for column in self._columns:
                cell = cells[column.position].strip().strip('"')
                if not _is_number(cell):
                    return TableError(
                        f"{self._place(row)} of {self._origin} has {cell[:80]!r} as "
                        f"{column.label!r}",
                        "a number with a decimal point",
                        "correct the cell or export the table again",
                    )
        return TableError(f"{self._origin} cannot be read", "numbers", "export it again")

    def _check_numbers(self, column: Column, values: np.ndarray) -> None:
        """Refuse NaN, fractional frames, and infinities where they make no sense.

        An infinite uncertainty, as ThunderSTORM writes for a fit without information, becomes NaN.
        """
        endless = np.isinf(values)
        bad, expected = np.isnan(values), "a finite number"
        if column.name in INTEGER:
            least = 0 if column.name == "frame" else 1
            bad |= (values < least) | (values > 2.0**53) | (values != np.floor(values))
            expected = f"a whole number from {least} on"
        elif column.name not in REQUIRED:
            if count := int(endless.sum()):
                self._infinite[column.label] = self._infinite.get(column.label, 0) + count
                values[endless] = np.nan
            return
        bad |= endless
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise TableError(
                f"{self._place(row)} of {self._origin} has {values[row]:g} as {column.label!r}",
                expected,
                "correct or remove that row, or export the table again",
            )

    def _place(self, row: int) -> str:
        """Name a row of the block as ``row 12 (line 13)``; blank lines are lines too."""
        full = [i for i, line in enumerate(self._lines) if line and not line.isspace()]
        return f"row {self._rows + row + 1} (line {self._first_line + full[row]})"


def _is_number(cell: str) -> bool:
    if cell.lower() in _NAN_WORDS:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
