"""Tables as verbs take them: a ThunderSTORM file, or a table in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, TypeAlias

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, SettingsError, TableError
from deep_storm.io.tables.about import about, known_of_file
from deep_storm.io.tables.protocol import find_protocol, read_protocol

if TYPE_CHECKING:
    import pandas as pd

TableSource: TypeAlias = "str | os.PathLike[str] | pd.DataFrame"

SAME_PIXELS = 1e-3
"""Relative difference up to which pixel sizes are the same."""


def table_of(
    source: TableSource,
    kind: Literal["localizations", "ground truth"] = "localizations",
    camera: Camera | None = None,
) -> pd.DataFrame:
    """Return a table in memory unchanged, or read one from a file.

    Parameters
    ----------
    source
        File of ThunderSTORM or another program (:func:`deep_storm.io.tables.files.read_table`), or
        table with columns as in :mod:`deep_storm.localizations`.
    kind
        What the table is called in errors.
    camera
        Needed only for a file in px or ADU; by default that of the protocol beside the file.

    Raises
    ------
    TableError
        The file cannot be read.
    """
    from deep_storm.io.tables.files import read_table  # pandas

    if isinstance(source, (str, os.PathLike)):
        return read_table(source, camera, kind)
    check_source(source, kind)
    return source


def camera_of_table(source: TableSource) -> Camera | None:
    """Return the camera in the protocol beside a file, or that a table in memory carries."""
    known = known_of_file(source) if isinstance(source, (str, os.PathLike)) else about(source)
    return known.camera


def check_source(source: object, kind: str = "table") -> None:
    """Check that a table was given: the name of a file, or a table in memory.

    Raises
    ------
    TableError
        It is something else, such as the result of a verb.
    """
    if isinstance(source, (str, os.PathLike)):
        return
    import pandas as pd  # pandas

    if not isinstance(source, pd.DataFrame):
        has_table = isinstance(getattr(source, "table", None), pd.DataFrame)
        raise TableError(
            f"a value of type {type(source).__name__} was given as {kind}",
            "the name of a file, or a pandas DataFrame",
            "give its table: RESULT.table" if has_table else "read_table reads it from a file",
        )


def check_pixel_sizes(sources: Iterable[TableSource | None], camera: Camera | None = None) -> None:
    """Refuse tables whose protocols name cameras with different pixel sizes.

    Parameters
    ----------
    sources
        Tables that belong together; those in memory and files without a readable protocol are
        passed over.
    camera
        What the pixel size must be; default: that of the first protocol.

    Raises
    ------
    CameraError
        Two of them differ.
    """
    known = [] if camera is None else [("the camera", camera.pixel_size_nm)]
    for source in sources:
        protocol = find_protocol(source) if isinstance(source, (str, os.PathLike)) else None
        if protocol is None:
            continue
        try:
            pixel_size_nm = read_protocol(protocol).pixel_size_nm
        except (CameraError, SettingsError):
            continue  # positions are in nm: nothing hangs on it here
        known.append((f"the protocol {protocol}", pixel_size_nm))
        first, here = known[0], known[-1]
        if abs(here[1] / first[1] - 1) > SAME_PIXELS:
            raise CameraError(
                f"{first[0]} has pixels of {first[1]:g} nm, {here[0]} {here[1]:g} nm",
                "tables of the same movie",
                "give the tables that belong together, or remove the protocol that is wrong",
            )
