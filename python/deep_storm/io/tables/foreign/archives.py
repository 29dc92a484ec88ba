"""Tables in other containers: ``.smlm`` (a zip), ``.parquet``, and SMAP's older MATLAB files."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError, TableError
from deep_storm.io.files import atomic_path
from deep_storm.io.foreign import damage_as
from deep_storm.io.tables.foreign.columns import SMAP, SMLM, _frames, table_from
from deep_storm.io.tables.foreign.limits import check_columns, check_room
from deep_storm.localizations import validated
from deep_storm.packages import install_command

_PIECE = 1 << 20
_MI_COMPRESSED = 15
_DTYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
                 "float32", "float64")
}  # fmt: skip


def read_smlm(path: Path, origin: str, camera: Camera | None) -> pd.DataFrame:
    """Read a ``.smlm`` file: a zip with a manifest and binary tables; the first one is taken.

    Frames count from 0 where there is a frame 0, else from 1.
    """

    def is_none(reason: str) -> TableError:
        return TableError(
            f"{origin} is not a complete SMLM file ({reason})",
            "a zip with manifest.json and a binary table",
            "export it again",
        )

    with damage_as(is_none):
        with zipfile.ZipFile(path) as archive:
            check_room(archive.getinfo("manifest.json").file_size * 16, path, origin)
            manifest = json.loads(archive.read("manifest.json"))
            tables = [f for f in manifest["files"] if f.get("type") == "table"]
            about = tables[0]
            form = manifest["formats"][about["format"]]
            check_room(archive.getinfo(about["name"]).file_size, path, origin)
            content = archive.read(about["name"])
        columns = _binary(form, content, int(about["rows"]), origin)
    frames = columns.get("frame", np.zeros(0))
    first = 0 if frames.size and frames.min() == 0 else 1
    mapped = tuple(_frames("frame", first) if one.name == "frame" else one for one in SMLM)
    return table_from(columns, mapped, origin, None, camera)


def _binary(
    form: dict[str, Any], content: bytes, rows: int, origin: str
) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a binary table, row after row of mixed numbers."""
    if form.get("mode") != "binary":
        raise TableError(f"{origin} holds a table of mode {form.get('mode')!r}", "a binary table")
    check_columns(len(form["headers"]), origin)
    kinds = [(str(n), _DTYPES[k]) for n, k in zip(form["headers"], form["dtype"], strict=True)]
    one = np.dtype(kinds)
    if not 0 <= rows * one.itemsize <= len(content):
        raise TableError(
            f"{origin} has {len(content):,} bytes for {rows:,} rows of {one.itemsize} bytes",
            "a complete table",
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
    from pyarrow import parquet

    def is_none(reason: str) -> TableError:
        return TableError(f"{origin} cannot be read ({reason})", "a complete Parquet file")

    with damage_as(is_none):
        about = parquet.read_metadata(path)
        check_columns(about.num_columns, origin)
        check_room(about.num_rows * about.num_columns * 8, path, origin)
        groups = (about.row_group(k).total_byte_size for k in range(about.num_row_groups))
        check_room(sum(groups), path, origin)
        table = pd.read_parquet(path)
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

    def is_none(reason: str) -> TableError:
        return TableError(f"{origin} has no saveloc.loc ({reason})", "a table of SMAP")

    with damage_as(is_none):
        _check_packed(path, origin)
        content = loadmat(path, squeeze_me=True, struct_as_record=False)
        found = dict(vars(content["saveloc"].loc))
    columns = {
        name: np.atleast_1d(np.asarray(values))
        for name, values in found.items()
        if not name.startswith("_")
    }
    rows = max((v.size for v in columns.values()), default=0)
    same = {name: values for name, values in columns.items() if values.shape == (rows,)}
    return table_from(same, SMAP, origin, None, camera)


def _check_packed(path: Path, origin: str) -> None:
    """Decompress the variables of a MATLAB file in pieces, only to measure their size."""
    with path.open("rb") as file:
        order = "<" if file.read(128)[126:128] == b"IM" else ">"
        total = 0
        while len(head := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", head)
            end = file.tell() + size
            if kind == _MI_COMPRESSED:
                for piece in _unpacked(file, size):
                    total += piece
                    check_room(total, path, origin)
            file.seek(end)


def _unpacked(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the sizes of the decompressed pieces."""
    packer, left, waiting = zlib.decompressobj(), size, b""
    while not packer.eof:
        if not waiting:
            waiting = file.read(min(left, _PIECE))
            left -= len(waiting)
            if not waiting:
                return
        yield len(packer.decompress(waiting, _PIECE))
        waiting = packer.unconsumed_tail
