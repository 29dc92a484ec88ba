"""Tables as verbs take them: a ThunderSTORM file, or a table in memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, TypeAlias

from deep_storm.camera import Camera

if TYPE_CHECKING:
    import pandas as pd

TableSource: TypeAlias = "str | os.PathLike[str] | pd.DataFrame"


def table_of(
    source: TableSource,
    kind: Literal["localizations", "ground truth"] = "localizations",
    camera: Camera | None = None,
) -> pd.DataFrame:
    """Return a table in memory as it is, and read one from a file.

    Parameters
    ----------
    source
        CSV file, or table with columns as in :mod:`deep_storm.localizations`.
    kind
        What the table is called in errors.
    camera
        Needed only for a file in px or ADU.

    Raises
    ------
    TableError
        The file cannot be read.
    """
    from deep_storm.io.thunderstorm import read_table

    if isinstance(source, (str, os.PathLike)):
        return read_table(source, camera, kind)
    return source
