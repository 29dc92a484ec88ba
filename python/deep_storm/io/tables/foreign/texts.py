"""Text tables of microscopes and other programs: rapidSTORM, ELYRA, N-STORM, QuickPALM."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import TableError
from deep_storm.io.foreign import damage_as
from deep_storm.io.tables.foreign.columns import (
    ELYRA,
    NIKON,
    QUICKPALM,
    RAPIDSTORM,
    Mapped,
    table_from,
)
from deep_storm.io.tables.foreign.limits import check_columns

_IDENTIFIER = re.compile(r'<field[^>]*\bidentifier="([^"]+)"')
_FIRST_BYTES = 4096
_TABBED: dict[str, tuple[Mapped, ...]] = {
    "Position X [nm]": ELYRA,
    "Lateral Localization Accuracy": NIKON,
    "X Symmetry (%)": QUICKPALM,
}
"""A label that only this program's tables have."""


def kind_of(path: Path) -> str:
    """Return the kind of a text table: ``rapidstorm``, ``tabbed``, or nothing."""
    with path.open("rb") as file:
        first = file.read(_FIRST_BYTES).decode("latin-1").lstrip("\xef\xbb\xbf")
    line = first.partition("\n")[0]
    if line.startswith("#") and "<localizations" in line:
        return "rapidstorm"
    labels = line.rstrip("\r").split("\t")
    return "tabbed" if any(label.strip() in _TABBED for label in labels) else ""


def read_rapidstorm(path: Path, origin: str, camera: Camera | None) -> pd.DataFrame:
    """Read rapidSTORM's table: a line of XML that names the columns, then numbers."""
    with path.open("rb") as file:
        header = file.readline().decode("utf-8", errors="replace")
        names = _IDENTIFIER.findall(header)
        table = _parsed(file.read(), r"\s+", names, origin)
    return table_from({n: table[n].to_numpy() for n in names}, RAPIDSTORM, origin, None, camera)


def read_tabbed(path: Path, origin: str, camera: Camera | None) -> pd.DataFrame:
    """Read a tab-separated table; ELYRA's appendix after a NUL is left out."""
    content = path.read_bytes().partition(b"\0")[0]
    first, _, rest = content.partition(b"\n")
    labels = [cell.strip() for cell in first.decode("latin-1").rstrip("\r").split("\t")]
    names = [label or f"column {k + 1}" for k, label in enumerate(labels)]
    mapped = next(m for label, m in _TABBED.items() if label in names)
    table = _parsed(rest, "\t", names, origin)
    columns = {}
    for name in dict.fromkeys(names):
        values = table[name]
        if values.dtype == object:  # names of channels become their numbers
            known = values.dropna().unique()
            values = values.map({text: k + 1.0 for k, text in enumerate(known)})
        columns[name] = values.to_numpy(np.float64)
    return table_from(columns, mapped, origin, None, camera)


def _parsed(content: bytes, separator: str, names: list[str], origin: str) -> pd.DataFrame:
    check_columns(len(names), origin)
    if len(set(names)) < len(names) or not names:
        raise TableError(f"{origin} has columns without a name of their own", "a table", "")

    def is_none(reason: str) -> TableError:
        return TableError(
            f"{origin} cannot be read ({reason})",
            "rows of as many cells as the first line has",
            "export it again",
        )

    with damage_as(is_none):
        return pd.read_csv(
            io.BytesIO(content),
            sep=separator,
            names=names,
            encoding="latin-1",
            index_col=False,
            skip_blank_lines=True,
            comment="#",
        )
