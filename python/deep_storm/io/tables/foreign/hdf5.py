"""Tables in HDF5: Picasso's, SMAP's (MATLAB from 7.3 on) and DECODE's.

Of a stranger's file only the data sets that are meant are read, and none that lies in another file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import TableError
from deep_storm.io.files import atomic_files, atomic_path
from deep_storm.io.foreign import damage_as
from deep_storm.io.tables.foreign.columns import (
    CENTRES,
    DECODE,
    PICASSO,
    SMAP,
    Mapped,
    table_from,
)
from deep_storm.io.tables.foreign.limits import check_columns, check_room

_NOTES_BYTES = 1 << 20
_PIXEL_SIZE = re.compile(r"^\s*Pixelsize\s*:\s*([0-9.eE+-]+)", re.MULTILINE)
_MATLAB_BYTES = 512
_MATLAB_TEXT = b"MATLAB 7.3 MAT-file, Platform: Deep-STORM, written as HDF5"
_PICASSO_BITS = {"frame": np.uint32}


@contextmanager
def _opened(path: Path, origin: str) -> Iterator[h5py.File]:
    def is_none(reason: str) -> TableError:
        return TableError(
            f"{origin} cannot be read as HDF5 ({reason})",
            "a complete file",
            "export or copy it again",
        )

    with damage_as(is_none), h5py.File(path, "r") as file:
        yield file


def _data(group: Any, name: str, origin: str) -> npt.NDArray[Any]:
    """Read a data set that is stored in this file itself."""
    data = _inside(group, name)
    if not isinstance(data, h5py.Dataset):
        raise TableError(f"{origin} has no data set {name!r}", "a table", "export it again")
    if data.shape is None or data.dtype.hasobject:
        return np.empty(0)
    if data.is_virtual or data.external:
        raise TableError(f"{name!r} of {origin} lies in another file", "a file that holds its data")
    check_room(data.size * data.dtype.itemsize, Path(data.file.filename), origin)
    return np.asarray(data[()])


def _inside(group: Any, name: str) -> Any:
    """Return a member of a group; None if it is stored elsewhere, or is a link."""
    if not isinstance(group, h5py.Group):
        return None
    link = group.get(name, getlink=True)
    return group[name] if isinstance(link, h5py.HardLink) else None


def kind_of(path: Path) -> str:
    """Return the program of an HDF5 file: ``picasso``, ``smap``, ``decode`` or nothing."""
    with _opened(path, str(path)) as file:
        if _inside(file, "locs") is not None:
            return "picasso"
        if _inside(file, "saveloc") is not None:
            return "smap"
        if _inside(_inside(file, "data"), "xyz") is not None:
            return "decode"
    return ""


def read_picasso(path: Path, origin: str, camera: Camera | None) -> pd.DataFrame:
    """Read Picasso's ``.hdf5``; the pixel size stands in the ``.yaml`` beside it."""
    with _opened(path, origin) as file:
        rows = _data(file, "locs", origin)
    if rows.dtype.names is None:
        raise TableError(f"'locs' of {origin} is not a table", "rows with named columns")
    columns = {name: rows[name] for name in rows.dtype.names}
    check_columns(len(columns), origin)
    notes = path.with_suffix(".yaml")
    text = b""
    if notes.is_file():
        with notes.open("rb") as opened:
            text = opened.read(_NOTES_BYTES)
    found = _PIXEL_SIZE.search(text.decode("utf-8", errors="replace"))
    return table_from(columns, PICASSO, origin, float(found[1]) if found else None, camera)


def write_picasso(
    path: Path, table: pd.DataFrame, pixel_size_nm: float | None, overwrite: bool
) -> tuple[Path, ...]:
    """Write Picasso's ``.hdf5`` and the ``.yaml`` beside it; return both.

    Raises
    ------
    TableError
        The pixel size is not known: Picasso counts in pixels.
    """
    if pixel_size_nm is None:
        raise TableError(
            f"{path} counts in pixels, and nothing says how large they are",
            "the camera of the movie",
            "give --camera camera.toml, or keep the protocol beside the table",
        )
    px = 1.0 / pixel_size_nm
    columns = {
        "frame": table["frame"].to_numpy(np.uint32),
        "x": table["x_nm"].to_numpy() * px - CENTRES,
        "y": table["y_nm"].to_numpy() * px - CENTRES,
        "photons": _or_zero(table, "intensity_photon"),
        "sx": _or_zero(table, "sigma1_nm" if "sigma1_nm" in table else "sigma_nm") * px,
        "sy": _or_zero(table, "sigma2_nm" if "sigma2_nm" in table else "sigma_nm") * px,
        "bg": _or_zero(table, "background_photon"),
        "lpx": _or_zero(table, "uncertainty_xy_nm") * px,
        "lpy": _or_zero(table, "uncertainty_xy_nm") * px,
    }
    if "z_nm" in table:
        columns["z"] = table["z_nm"].to_numpy()
    if "confidence" in table:
        columns["confidence"] = table["confidence"].to_numpy()
    kinds = [(name, _PICASSO_BITS.get(name, np.float32)) for name in columns]
    rows = np.empty(len(table), dtype=kinds)
    for name, values in columns.items():
        rows[name] = values
    width, height = (int(np.ceil(rows[c].max() + 1)) if len(rows) else 1 for c in ("x", "y"))
    frames = int(rows["frame"].max()) + 1 if len(rows) else 1
    notes = (
        f"Byte Order: <\nCamera: None\nData Type: uint16\nFrames: {frames}\n"
        f"Generated by: Deep-STORM\nHeight: {max(height, 1)}\nPixelsize: {pixel_size_nm:.10g}\n"
        f"Width: {max(width, 1)}\n"
    )
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("locs", data=rows)
    beside = path.with_suffix(".yaml")
    with atomic_files([path, beside], overwrite) as staged:  # neither is of use alone
        _write(staged[path], content)
        staged[beside].write_text(notes, encoding="utf-8", errors="backslashreplace")
    return path, beside


def read_smap(path: Path, origin: str, camera: Camera | None) -> pd.DataFrame:
    """Read SMAP's ``_sml.mat`` as MATLAB writes it from 7.3 on."""
    with _opened(path, origin) as file:
        inner = _inside(_inside(file, "saveloc"), "loc")
        if not isinstance(inner, h5py.Group):
            raise TableError(f"{origin} has no saveloc.loc", "a table of SMAP", "save it again")
        names = list(inner)
        check_columns(len(names), origin)
        sets = [name for name in names if isinstance(_inside(inner, name), h5py.Dataset)]
        columns = {name: _data(inner, name, origin).ravel() for name in sets}
    rows = max((len(v) for v in columns.values()), default=0)
    same = {name: values for name, values in columns.items() if len(values) == rows}
    return table_from(same, SMAP, origin, None, camera)


def write_smap(path: Path, table: pd.DataFrame, overwrite: bool) -> tuple[Path, ...]:
    """Write SMAP's ``_sml.mat`` as MATLAB does from 7.3 on: HDF5 behind MATLAB's own header."""
    loc = {one.label: table[one.name].to_numpy(np.float64) - one.shift for one in SMAP
           if one.name in table}  # fmt: skip
    for label, name in (("PSFxnm", "sigma1_nm"), ("PSFynm", "sigma2_nm")):
        if name in table:
            loc[label] = table[name].to_numpy(np.float64)
    loc |= {"filenumber": np.ones(len(table)), "channel": np.zeros(len(table))}
    if "confidence" in table:
        loc["confidence"] = table["confidence"].to_numpy(np.float64)
    content = io.BytesIO()
    with h5py.File(content, "w", userblock_size=_MATLAB_BYTES) as file:
        outer = file.create_group("saveloc")
        inner = outer.create_group("loc")
        for group in (outer, inner):
            group.attrs["MATLAB_class"] = np.bytes_("struct")
        for name, values in loc.items():
            data = inner.create_dataset(name, data=values[None, :])
            data.attrs["MATLAB_class"] = np.bytes_("double")
    content.seek(0)
    content.write(_MATLAB_TEXT.ljust(116) + bytes(8) + b"\x00\x02IM")
    with atomic_path(path, overwrite) as partial:
        _write(partial, content)
    return (path,)


def _write(path: Path, content: io.BytesIO) -> None:
    """Write HDF5 that was made in memory: on a full disk the HDF5 library ends the process."""
    with path.open("wb") as file:
        file.write(content.getbuffer())


def read_decode(path: Path, origin: str, camera: Camera | None) -> pd.DataFrame:
    """Read DECODE's ``.h5``; its first axis is the row, our y."""
    with _opened(path, origin) as file:
        group = _inside(file, "data")
        names = [n for n in group if n in ("xyz", "xyz_sig", "phot", "bg", "prob", "frame_ix")]
        data = {name: _data(group, name, origin) for name in names}
        meta = _inside(file, "meta")
        about = {} if meta is None else dict(meta.attrs)
    columns: dict[str, npt.NDArray[Any]] = {}
    for name, values in data.items():
        if values.ndim == 2 and values.shape[1] == 3:
            columns |= {f"{name}[:, {k}]": values[:, k] for k in range(3)}
        elif values.ndim == 1 and values.size:
            columns[name] = values
    mapped: tuple[Mapped, ...] = DECODE
    size = _decode_pixel(about)
    if about.get("xy_unit") == "nm":
        mapped = tuple(_in_nm(one) for one in DECODE)
    return table_from(columns, mapped, origin, size, camera)


def _in_nm(one: Mapped) -> Mapped:
    return replace(one, unit="nm", shift=0.0) if one.unit == "px" else one


def _decode_pixel(about: dict[str, Any]) -> float | None:
    """Return DECODE's pixel size in nm."""
    sizes = np.atleast_1d(np.asarray(about.get("px_size", []), dtype=object))
    numbers = [float(size) for size in sizes if isinstance(size, (int, float, np.number))]
    return numbers[0] if numbers and numbers[0] > 0 else None


def _or_zero(table: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    if name not in table:
        return np.zeros(len(table))
    return table[name].to_numpy(np.float64)
