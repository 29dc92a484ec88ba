"""Read ThunderSTORM's tables, of any version and a little damaged by other programs."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import TableError
from deep_storm.io.sniff import describe_content
from deep_storm.io.tables.labels import Column, columns_of
from deep_storm.localizations import INTEGER, REQUIRED, validated

_BLOCK_BYTES = 16 << 20  # bounds the memory of the text, however long the table is
_NAN_WORDS = ("", "nan", "na", "n/a", "null", "none")


def read_table(
    path: str | os.PathLike[str],
    camera: Camera | None = None,
    kind: Literal["localizations", "ground truth"] = "localizations",
) -> pd.DataFrame:
    """Read a localization table or ground truth in ThunderSTORM's CSV format.

    Columns are found by name, in any order, with or without quotes, a byte order mark or
    CRLF line ends; v1.3's ``uncertainty`` becomes ``uncertainty_xy_nm``, ``id`` is dropped,
    unknown columns are kept under their name with the unit as suffix.

    Parameters
    ----------
    path
        The CSV file.
    camera
        Needed only for coordinates in px or intensities in ADU.
    kind
        What the table is called in errors.

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
    with file.open("rb") as opened:
        labels, skipped = _header(opened, origin)
        columns = columns_of(labels, camera, origin)
        row = 0
        pieces: dict[str, list[np.ndarray]] = {column.name: [] for column in columns}
        for lines, first_line in _blocks(opened, skipped):
            reader = _BlockReader(columns, len(labels), origin, row, first_line)
            piece = reader.read(lines)
            row += len(piece)
            for name, parts in pieces.items():
                parts.append(piece[name].to_numpy(copy=True))
    # a column at a time, so that the table is never in memory twice
    whole = {name: np.concatenate([np.empty(0), *pieces.pop(name)]) for name in list(pieces)}
    table = pd.DataFrame(whole, copy=False)
    table["frame"] -= 1
    return validated(table, origin)


def _check_file(file: Path, origin: str) -> None:
    """Refuse what is no text table: missing, a folder, empty, a spreadsheet, an image."""
    if not file.exists():
        raise TableError(
            f"there is no file {file}", "a ThunderSTORM table", "check the spelling and the folder"
        )
    if file.is_dir():
        raise TableError(f"{file} is a folder", "a CSV file", "give the path of the table in it")
    try:
        content = describe_content(file)
    except OSError as error:
        raise TableError(f"{origin} cannot be read ({error.strerror})", "a CSV file") from error
    if not content.startswith("text"):
        raise TableError(
            f"{origin} is not a table: it looks like {content}",
            "a table in ThunderSTORM's format",
            "export it from ThunderSTORM as CSV (comma separated)",
        )


def _header(opened: BinaryIO, origin: str) -> tuple[list[str], int]:
    """Return the labels without quotes and how many lines they and blank ones take."""
    skipped, text = 0, ""
    for line in opened:
        skipped += 1
        text = line.decode("utf-8-sig", errors="replace").strip()
        if text:
            break
    if not text:
        raise TableError(f"{origin} is empty", "at least a header line", "export it again")
    _check_separator(text, origin)
    labels = [cell.strip().strip("\"'`").strip() for cell in text.split(",")]
    if all(_is_number(label) for label in labels):
        raise TableError(
            f"the first line of {origin} is numbers ({text[:40]})",
            'labels such as "frame","x [nm]","y [nm]"',
            "export it again with a header line",
        )
    return labels, skipped


def _check_separator(text: str, origin: str) -> None:
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if separator in text and "," not in text:
            raise TableError(
                f"{origin} is separated by {word}",
                "commas between the cells and points as decimal marks",
                "export it from ThunderSTORM as CSV (comma separated), or from a spreadsheet "
                "with English number formats",
            )


def _blocks(opened: BinaryIO, skipped: int) -> Iterator[tuple[list[bytes], int]]:
    """Yield the lines of the file in blocks, each with the number of its first line."""
    first_line = skipped + 1
    while block := opened.read(_BLOCK_BYTES):
        lines = (block + opened.readline()).splitlines()
        yield lines, first_line
        first_line += len(lines)


class _BlockReader:
    """Read a block of lines; on trouble, say which row and column."""

    def __init__(
        self, columns: list[Column], width: int, origin: str, first_row: int, first_line: int
    ) -> None:
        self._columns = columns
        self._width = width
        self._origin = origin
        self._first_row = first_row
        self._first_line = first_line
        self._lines: list[bytes] = []

    def read(self, lines: list[bytes]) -> pd.DataFrame:
        self._lines = lines
        rows = [line for line in lines if line and not line.isspace()]
        self._check_cells(rows)
        if not rows:
            return pd.DataFrame({c.name: np.empty(0) for c in self._columns})
        table = self._parse(b"\n".join(rows))
        for column in self._columns:
            values = table[column.name].to_numpy()
            self._check_numbers(column, values)
            if column.factor != 1.0:
                table[column.name] = values * column.factor
        return table

    def _check_cells(self, rows: list[bytes]) -> None:
        """Every line has as many cells as the header: more of them are decimal commas."""
        commas = self._width - 1
        for row, line in enumerate(rows):
            if line.count(b",") == commas:
                continue
            cells = line.count(b",") + 1
            if cells > self._width:
                reason = (
                    "decimal commas? Export it again with decimal points (in a spreadsheet, "
                    "with English number formats)"
                )
            else:
                reason = "the file may be cut off or its cells separated by something else"
            raise TableError(
                f"{self._place(row)} of {self._origin} has {cells} cells, "
                f"the header has {self._width}",
                "as many cells as labels",
                reason,
            )

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
        except (ValueError, UnicodeDecodeError) as error:
            raise self._not_a_number(text) from error
        table.columns = pd.Index(names)
        return table

    def _not_a_number(self, text: bytes) -> TableError:
        """Find the first cell that is not a number (the slow way, for the error alone)."""
        for row, line in enumerate(text.split(b"\n")):
            cells = line.decode("utf-8", errors="replace").split(",")
            for column in self._columns:
                cell = cells[column.position].strip().strip('"')
                if not _is_number(cell):
                    return TableError(
                        f"{self._place(row)} of {self._origin} has {cell!r} as {column.label!r}",
                        "a number with a decimal point",
                        "correct the cell or export the table again",
                    )
        return TableError(f"{self._origin} cannot be read", "numbers", "export it again")

    def _check_numbers(self, column: Column, values: np.ndarray) -> None:
        """Refuse infinities, and NaN, parts of frames and frame 0 where they make no sense."""
        bad = np.isinf(values)
        expected = "a finite number"
        if column.name in REQUIRED or column.name in INTEGER:
            bad |= np.isnan(values)
        if column.name in INTEGER:
            bad |= (values < 1) | (values != np.floor(values))
            expected = "a whole number from 1 on"
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
        return f"row {self._first_row + row + 1} (line {self._first_line + full[row]})"


def _is_number(cell: str) -> bool:
    if cell.lower() in _NAN_WORDS:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
