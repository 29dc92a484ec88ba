"""Arrays in a ``.npz`` file: shapes are checked before any data are read.

A zip archive of some kilobytes may hold arrays of many gigabytes, so a reader says what it expects
and the rest is refused unread. Nothing in the file is run as code.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.errors import DeepStormError
from deep_storm.io.foreign import damage_as

Array = npt.NDArray[Any]
MAX_MEMBERS = 10_000
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_arrays(
    path: str | os.PathLike[str],
    error: Callable[[str], DeepStormError],
    max_bytes: int,
    shapes: Sequence[tuple[int, ...]] | None = None,
) -> dict[str, Array]:
    """Read all arrays of a file.

    Parameters
    ----------
    path
        The ``.npz`` file.
    error
        Makes the error from a reason.
    max_bytes
        What all arrays together may take in memory.
    shapes
        Shapes expected, in the order of the sorted names; None: any.

    Returns
    -------
    Arrays by name, in the order of the sorted names.

    Raises
    ------
    DeepStormError
        As ``error`` makes it: the file is damaged or holds something else.
    """
    with damage_as(error), Path(path).open("rb") as file, zipfile.ZipFile(file) as archive:
        found = _members(archive)
        headers = {name: _header(archive, member) for name, member in found.items()}
        _check_shapes(headers, shapes)
        total = sum(_bytes(shape, dtype) for shape, dtype in headers.values())
        if total > max_bytes:
            raise ValueError(f"its arrays would take {total:,} bytes")
        return {name: _array(archive, found[name], *headers[name]) for name in headers}


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the members of the archive by the names of their arrays, sorted."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise ValueError(f"it holds {len(members)} arrays")
    found = {member.filename.removesuffix(".npy"): member for member in members}
    if len(found) != len(members):
        raise ValueError("it holds two arrays of the same name")
    for member in members:
        if member.flag_bits & 1:
            raise ValueError(f"{member.filename!r} is encrypted")
        if member.compress_type not in _PLAIN:
            raise ValueError(f"{member.filename!r} is compressed in a way that is not expected")
    return dict(sorted(found.items()))


def _header(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of an array without reading it."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)  # type: ignore[arg-type]
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(file)  # type: ignore[arg-type]
    if dtype.hasobject:
        raise ValueError(f"{member.filename!r} holds Python objects")
    if fortran and len(shape) > 1:
        raise ValueError(f"{member.filename!r} is stored in Fortran order")
    if not 0 <= member.file_size - _bytes(shape, dtype) < 1 << 16:
        raise ValueError(f"{member.filename!r} is not as long as its shape says")
    return shape, dtype


def _bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    size = dtype.itemsize
    for edge in shape:
        size *= int(edge)
    return size


def _array(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Array:
    with archive.open(member) as file:
        array: Array = np.lib.format.read_array(file, allow_pickle=False)  # type: ignore[arg-type]
        file.read(1)  # so that the checksum is compared
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{member.filename!r} is not what its header says")
    return array


def _check_shapes(
    headers: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]],
    shapes: Sequence[tuple[int, ...]] | None,
) -> None:
    if shapes is None:
        return
    received = [shape for shape, _ in headers.values()]
    if received != list(shapes):
        fitting = sum(one == other for one, other in zip(received, shapes, strict=False))
        raise ValueError(
            f"{len(received)} arrays, of which {fitting} have the shape of those expected "
            f"({len(shapes)})"
        )
