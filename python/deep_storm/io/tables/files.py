"""Tables of any program: recognized by content when read, by ending when written.

A table is ThunderSTORM's CSV unless it is another: see :mod:`deep_storm.io.tables.foreign`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import TableError
from deep_storm.folders import at_home
from deep_storm.io.camera_files import CameraSource, camera_of
from deep_storm.io.endings import SMAP_ENDING, TABLES, check_ending
from deep_storm.io.foreign import damage_as
from deep_storm.io.tables import reader
from deep_storm.io.tables.about import About, about, known_of_file, note
from deep_storm.io.tables.foreign import archives, hdf5, texts
from deep_storm.io.tables.thunderstorm import Dialect
from deep_storm.io.tables.thunderstorm import write_table as write_csv
from deep_storm.localizations import validated

Reader = Callable[[Path, str, Camera | None], pd.DataFrame]


def read_table(
    path: str | os.PathLike[str],
    camera: CameraSource | None = None,
    kind: Literal["localizations", "ground truth"] = "localizations",
) -> pd.DataFrame:
    """Read a localization table of ThunderSTORM or of another program.

    Besides ThunderSTORM's CSV: Picasso (``.hdf5`` with ``.yaml``), SMAP (``_sml.mat``), DECODE
    (``.h5``), SMLM (``.smlm``), Parquet, and the text tables of rapidSTORM, ELYRA, N-STORM and
    QuickPALM. What the file is shows in its content, not in its name.

    Parameters
    ----------
    path
        The file.
    camera
        Needed only for coordinates in px or intensities in ADU; default: that of the protocol
        beside the file.
    kind
        What the table is called in errors.

    Returns
    -------
    Columns as :mod:`deep_storm.localizations` describes them: nm, photons, frames from 0. What
    protocol and run record beside the file say goes with it (:mod:`deep_storm.io.tables.about`),
    so that merging it is like merging the file.

    Raises
    ------
    TableError
        The file is missing, or no table; a column that is needed is missing or cannot be converted.
    SettingsError
        It is a Parquet file, and the package that reads it is not installed.
    """
    file = at_home(Path(path))
    origin = f"the {'ground truth' if kind == 'ground truth' else 'table'} {file}"

    def is_none(reason: str) -> TableError:
        return TableError(f"{origin} cannot be read ({reason})", "a table", "export it again")

    beside = known_of_file(file)
    known = About(camera_of(camera) or beside.camera, beside.shared_frames)
    with damage_as(is_none):
        foreign = _foreign_reader(file) if file.is_file() else None
        table = None if foreign is None else foreign(file, origin, known.camera)
    if table is None:
        table = reader.read_table(file, known.camera, kind)
    note(table, known)
    return table


def write_table(
    path: str | os.PathLike[str],
    table: pd.DataFrame,
    dialect: Dialect = "dev",
    overwrite: bool = False,
    camera: CameraSource | None = None,
) -> None:
    """Write a localization table in the format of its file ending.

    ``.hdf5`` is Picasso's (with a ``.yaml`` beside it), ``_sml.mat`` SMAP's, ``.parquet`` has our
    own columns; everything else is ThunderSTORM's CSV.

    Parameters
    ----------
    path
        The file.
    table
        Columns as :mod:`deep_storm.localizations` describes them.
    dialect
        Of ThunderSTORM's CSV.
    overwrite
        Whether existing files may be replaced.
    camera
        Needed for Picasso, which counts in pixels; default: what the table carries with it.

    Raises
    ------
    TableError
        A column is missing, or the pixel size is.
    OutputError
        The file exists already or cannot be written, or its name is that of another kind of file.
    """
    check_ending(path, "table", TABLES)
    file = at_home(Path(path))
    name = file.name.lower()
    if not name.endswith(TABLES[1:]):
        write_csv(file, table, dialect, overwrite)
        return
    checked = validated(table)
    if name.endswith(".parquet"):
        archives.write_parquet(file, checked, overwrite)
        return
    if name.endswith(SMAP_ENDING):
        hdf5.write_smap(file, checked, overwrite)
    else:
        known = camera_of(camera) or about(table).camera
        hdf5.write_picasso(file, checked, known.pixel_size_nm if known else None, overwrite)


def _foreign_reader(file: Path) -> Reader | None:
    """Return the reader for another program's file; None for text that may be ThunderSTORM's."""
    try:
        with file.open("rb") as opened:
            head = opened.read(520)
    except OSError:
        return None
    if b"\x89HDF\r\n" in (head[:6], head[512:518]):
        return _hdf5_reader(file)
    if head.startswith(b"PAR1"):
        return lambda path, origin, _: archives.read_parquet(path, origin)
    if head.startswith(b"PK\x03\x04") and file.suffix.lower() == ".smlm":
        return archives.read_smlm
    if head.startswith(b"MATLAB 5.0"):
        return archives.read_old_smap
    readers: dict[str, Reader] = {
        "rapidstorm": texts.read_rapidstorm,
        "tabbed": texts.read_tabbed,
    }
    return readers.get(texts.kind_of(file))


def _hdf5_reader(file: Path) -> Reader:
    readers: dict[str, Reader] = {
        "picasso": hdf5.read_picasso,
        "smap": hdf5.read_smap,
        "decode": hdf5.read_decode,
    }
    kind = hdf5.kind_of(file)
    if kind not in readers:
        raise TableError(
            f"the table {file} is HDF5 of an unknown kind",
            "a table of Picasso (locs), SMAP (saveloc) or DECODE (data/xyz)",
            "export it as CSV, or from one of these programs",
        )
    return readers[kind]
