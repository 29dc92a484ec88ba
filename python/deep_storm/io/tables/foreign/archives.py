"""Tables in other containers: ``.smlm`` (a zip), ``.parquet``, and SMAP's older MATLAB files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError, TableError
from deep_storm.io.files import atomic_path
from deep_storm.io.tables.foreign.columns import SMAP, SMLM, _frames, table_from
from deep_storm.localizations import validated
from deep_storm.packages import install_command

MAX_BYTES = 64 << 30
_DTYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
                 "float32", "float64")
}  # fmt: skip


def read_smlm(path: Path, origin: str, camera: Camera | None) -> pd.DataFrame:
    """Read a ``.smlm`` file: a zip with a manifest and binary tables; the first one is taken.

    Frames count from 0 where there is a frame 0, else from 1.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            about = next(f for f in manifest["files"] if f.get("type") == "table")
            form = manifest["formats"][about["format"]]
            content = _member(archive, about["name"], origin)
        columns = _binary(form, content, int(about["rows"]), origin)
    except (zipfile.BadZipFile, KeyError, StopIteration, ValueError, TypeError) as error:
        raise TableError(
            f"{origin} is no whole SMLM file ({type(error).__name__}: {error})",
            "a zip with manifest.json and a binary table",
            "export it again",
        ) from error
    frames = columns.get("frame", np.zeros(0))
    first = 0 if frames.size and frames.min() == 0 else 1
    mapped = tuple(_frames("frame", first) if one.name == "frame" else one for one in SMLM)
    return table_from(columns, mapped, origin, None, camera)


def _member(archive: zipfile.ZipFile, name: str, origin: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > MAX_BYTES:
        raise TableError(f"{name} in {origin} would have {size:,} bytes", f"{MAX_BYTES:,} at most")
    return archive.read(name)


def _binary(
    form: dict[str, Any], content: bytes, rows: int, origin: str
) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a binary table, row after row of mixed numbers."""
    if form.get("mode") != "binary":
        raise TableError(f"{origin} holds a table of mode {form.get('mode')!r}", "a binary table")
    kinds = [(str(n), _DTYPES[k]) for n, k in zip(form["headers"], form["dtype"], strict=True)]
    one = np.dtype(kinds)
    if rows * one.itemsize > len(content):
        raise TableError(
            f"{origin} has {len(content):,} bytes for {rows:,} rows of {one.itemsize} bytes",
            "a whole table",
            "copy it again",
        )
    table = np.frombuffer(content, one, rows)
    names = one.names or ()
    return {name: table[name] for name in names}


def read_parquet(path: Path, origin: str) -> pd.DataFrame:
    """Read a Parquet file with our own columns.

    Raises
    ------
    SettingsError
        The package that reads it is not installed.
    TableError
        It cannot be read, or lacks a column.
    """
    _needs_pyarrow()
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise TableError(f"{origin} cannot be read ({error})", "a whole Parquet file") from error
    return validated(table, origin)


def write_parquet(path: Path, table: pd.DataFrame, overwrite: bool) -> tuple[Path, ...]:
    """Write a Parquet file with our own columns: names with units, frames from 0."""
    _needs_pyarrow()
    with atomic_path(path, overwrite) as partial:
        table.to_parquet(partial, index=False)
    return (path,)


def _needs_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401 - only whether it is there
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"a Parquet file without its reader ({error})",
            "the extra formats",
            f"install it: {install_command('formats')}",
        ) from error


def read_old_smap(path: Path, origin: str, camera: Camera | None) -> pd.DataFrame:
    """Read SMAP's ``_sml.mat`` as MATLAB wrote it before 7.3."""
    from scipy.io import loadmat

    try:
        content = loadmat(path, squeeze_me=True, struct_as_record=False)
        found = vars(content["saveloc"].loc)
    except (KeyError, AttributeError, ValueError, OSError, NotImplementedError) as error:
        raise TableError(f"{origin} has no saveloc.loc ({error})", "a table of SMAP") from error
    columns = {
        name: np.atleast_1d(np.asarray(values))
        for name, values in found.items()
        if not name.startswith("_")
    }
    rows = max((v.size for v in columns.values()), default=0)
    same = {name: values for name, values in columns.items() if values.shape == (rows,)}
    return table_from(same, SMAP, origin, None, camera)
