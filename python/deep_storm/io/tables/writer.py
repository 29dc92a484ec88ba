"""Writes tables that every version of ThunderSTORM reads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import TableError
from deep_storm.io.files import atomic_path
from deep_storm.io.tables.decimals import (
    FixedPoint,
    fixed_point,
    is_compiling_worth_it,
    rows_as_text,
)
from deep_storm.io.tables.labels import label_of
from deep_storm.localizations import COLUMNS, validated

Dialect = Literal["dev", "v1.3"]

DECIMALS = 5  # as ThunderSTORM exports by default
_ROWS_AT_A_TIME = 1 << 14
_MAX_THREADS = 4  # more would wait for the disk
_BITS = 32  # of an uncertainty beside a frame's number
_UNCERTAINTY = "uncertainty_xy_nm"
_UNCERTAINTIES = (_UNCERTAINTY, "uncertainty_z_nm")
_NOT_IN_V13 = ("detections", "confidence", "uncertainty_z_nm")
_TRUTH_COLUMNS = (
    "frame",
    "x_nm",
    "y_nm",
    "sigma_nm",
    "intensity_photon",
    "baseline_photon",
    "bkgstd_photon",
)


def write_table(
    path: str | os.PathLike[str],
    table: pd.DataFrame,
    dialect: Dialect = "dev",
    overwrite: bool = False,
) -> None:
    """Write a localization table in ThunderSTORM's import format.

    The file has quoted labels with units, ``id`` from 1, frames from 1, numbers with five
    decimals and no exponent, LF line ends, no byte order mark and no blank line.
    Uncertainties stand last: when ThunderSTORM merges and cannot recompute one, it stops at that
    column. Where two rows of a frame have the same uncertainty after rounding, the
    later ones are raised by 0.00001 nm each, because ThunderSTORM's duplicate filter
    deletes *both* rows of an exact tie.

    Parameters
    ----------
    path
        The CSV file.
    table
        Columns as :mod:`deep_storm.localizations` describes them. A column that is NaN
        everywhere was not estimated and is left out; a single NaN is written as ``NaN``.
    dialect
        ``dev`` for ThunderSTORM dev-2016; ``v1.3`` says ``uncertainty`` and has known columns
        only, without ``confidence`` and ``detections``.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    TableError
        A required column is missing, or a column holds text or infinite numbers.
    OutputError
        The file exists already or cannot be written.
    """
    checked = validated(table)
    _write(Path(path), checked, _order(checked, dialect), dialect, overwrite)


def write_pieces(
    path: str | os.PathLike[str], pieces: Iterable[pd.DataFrame], overwrite: bool = False
) -> None:
    """Write a localization table from pieces, in the format of :func:`write_table`.

    Parameters
    ----------
    path, overwrite
        As there.
    pieces
        Tables with the same columns, each of frames later than those of the piece before; at
        least one.

    Raises
    ------
    TableError
        A required column is missing, or a column holds text or infinite numbers.
    OutputError
        The file exists already or cannot be written.
    """
    names: list[str] = []
    written = 0
    with atomic_path(path, overwrite) as partial, partial.open("wb") as file:
        for piece in pieces:
            checked = validated(piece)
            if not names:
                names = _order(checked, "dev")
                _write_header(file, names, "dev")
            _check_numeric(checked, names)
            _write_rows(file, checked, names, written)
            written += len(checked)


def _order(table: pd.DataFrame, dialect: Dialect) -> list[str]:
    """Return the columns of a dialect, in its order."""
    others = [c for c in table.columns if c not in COLUMNS]
    known = [c for c in COLUMNS if c in table.columns]
    if dialect == "v1.3":
        return [c for c in known if c not in _NOT_IN_V13]
    last = [c for c in _UNCERTAINTIES if c in known]
    return [c for c in known if c not in last] + others + last


def write_ground_truth(
    path: str | os.PathLike[str], truth: pd.DataFrame, camera: Camera, overwrite: bool = False
) -> None:
    """Write true emitters with the header of ThunderSTORM's generator.

    Parameters
    ----------
    path
        The CSV file.
    truth
        Emitters; columns beyond ThunderSTORM's seven, and ``z``, are left out.
    camera
        Its baseline in photons is the column ``offset``, when ``truth`` has no
        ``baseline_photon``: in a ground truth that is not the background, whose square root is
        ``bkgstd``.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    TableError
        A required column is missing, or a column holds text or infinite numbers.
    OutputError
        The file exists already or cannot be written.
    """
    checked = _with_baseline(truth, camera)
    names = [c for c in _truth_columns(True) if c in checked.columns]
    _write(Path(path), checked, names, "dev", overwrite)


@contextmanager
def ground_truth_writer(
    path: str | os.PathLike[str], camera: Camera, overwrite: bool = False, has_depth: bool = False
) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write true emitters in pieces, in the format of :func:`write_ground_truth`.

    Parameters
    ----------
    path, camera, overwrite
        As there.
    has_depth
        Whether there is a column ``z``.

    Yields
    ------
    A function that appends emitters of later frames than those before, with all of ThunderSTORM's
    columns except, perhaps, ``baseline_photon``.

    Raises
    ------
    TableError
        A column is missing, or holds text or infinite numbers.
    OutputError
        The file exists already or cannot be written.
    """
    written = 0
    names = _truth_columns(has_depth)

    def append(truth: pd.DataFrame) -> None:
        nonlocal written
        checked = _with_baseline(truth, camera)
        if missing := [name for name in names if name not in checked.columns]:
            raise TableError(f"the ground truth has no column {missing[0]}", ", ".join(names))
        _check_numeric(checked, names)
        _write_rows(file, checked, names, written)
        written += len(checked)

    with atomic_path(path, overwrite) as partial, partial.open("wb") as file:
        _write_header(file, names, "dev")
        yield append


def _truth_columns(has_depth: bool) -> list[str]:
    """Return the columns of a ground truth, as ThunderSTORM's generator orders them."""
    return [*_TRUTH_COLUMNS[:3], *(["z_nm"] if has_depth else []), *_TRUTH_COLUMNS[3:]]


def _with_baseline(truth: pd.DataFrame, camera: Camera) -> pd.DataFrame:
    truth = validated(truth, "the ground truth", truth=True)
    if "baseline_photon" not in truth.columns:
        truth["baseline_photon"] = camera.baseline_adu * camera.photons_per_count
    return truth


def _write(
    path: Path, table: pd.DataFrame, names: list[str], dialect: Dialect, overwrite: bool
) -> None:
    estimated = [n for n in names if not (len(table) and table[n].isna().all())]
    _check_numeric(table, estimated)
    with atomic_path(path, overwrite) as partial, partial.open("wb") as file:
        _write_header(file, estimated, dialect)
        _write_rows(file, table, estimated)


def _write_header(file: IO[bytes], names: list[str], dialect: Dialect) -> None:
    labels = ["id"] + [_label(name, dialect) for name in names]
    file.write(",".join(f'"{label}"' for label in labels).encode("utf-8") + b"\n")


def _write_rows(file: IO[bytes], table: pd.DataFrame, names: list[str], written: int = 0) -> None:
    """Write the rows of a table, with ids continued from the rows before."""
    parted = _without_ties(table) if len(table) and _UNCERTAINTY in names else None
    compiled = is_compiling_worth_it((written + len(table)) * (len(names) + 1))

    def text(start: int) -> bytes:
        stop = min(start + _ROWS_AT_A_TIME, len(table))
        columns = [fixed_point(np.arange(written + start + 1, written + stop + 1), 0)]
        for name in names:
            if name == _UNCERTAINTY and parted is not None:
                columns.append(parted.rows(start, stop))
            else:
                columns.append(_column(table[name].iloc[start:stop], name))
        return rows_as_text(columns, compiled)

    starts = range(0, len(table), _ROWS_AT_A_TIME)
    if len(starts) == 1:
        file.write(text(0))
        return
    for some in _in_threads(text, starts):
        file.write(some)


def _in_threads(work: Callable[[int], bytes], starts: Iterable[int]) -> Iterator[bytes]:
    """Yield results in order; of those that nobody has taken yet there are only a few."""
    threads = min(os.cpu_count() or 1, _MAX_THREADS)
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for start in starts:
            waiting.append(pool.submit(work, start))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _label(name: str, dialect: Dialect) -> str:
    if any(character in name for character in ",\"'`\r\n"):
        raise TableError(
            f"the column {name!r} has a comma, a quote or a line break in its name",
            "a name of letters, digits and _",
            "rename the column",
        )
    if name == _UNCERTAINTY and dialect == "v1.3":
        return "uncertainty [nm]"
    return label_of(name)


def _check_numeric(table: pd.DataFrame, names: list[str]) -> None:
    for name in names:
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise TableError(
                f"the column {name!r} holds {table[name].dtype}",
                "numbers, which is all that ThunderSTORM reads",
                "drop the column before writing",
            )


def _column(values: pd.Series, name: str) -> FixedPoint:
    """Convert part of a column to integers; frames count from 1 in files."""
    whole = pd.api.types.is_integer_dtype(values) or pd.api.types.is_bool_dtype(values)
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    try:
        return fixed_point(numbers + (name == "frame"), 0 if whole else DECIMALS)
    except OverflowError as error:
        raise TableError(
            f"the column {name!r}: {error}", "finite numbers", "remove these rows before writing"
        ) from error


def _without_ties(table: pd.DataFrame) -> FixedPoint:
    """Raise equal uncertainties in a frame by one last decimal each, until all differ."""
    column = _column(table[_UNCERTAINTY], _UNCERTAINTY)
    frame = table["frame"].to_numpy()
    rows = _with_ties(frame, column)
    if not rows.size:
        return column
    frame, scaled, missing = frame[rows], column.scaled[rows], column.missing[rows]
    order = np.lexsort((scaled, missing, frame))
    rank = np.arange(len(order))
    # strictly rising values are, less their rank, values that do not fall
    rising = pd.Series(scaled[order] - rank)
    parted = column.scaled.copy()
    parted[rows[order]] = rising.groupby(frame[order], sort=False).cummax().to_numpy() + rank
    return FixedPoint(parted, column.decimals, column.missing)


def _with_ties(frame: npt.NDArray[np.int64], column: FixedPoint) -> npt.NDArray[np.int64]:
    """Return the rows of all frames in which two uncertainties are equal, and perhaps others."""
    lowest, highest = (int(f(column.scaled)) for f in (np.min, np.max))
    packed = lowest >= 0 and highest < 1 << _BITS and 0 <= frame.min() <= frame.max() < 1 << 30
    if not packed or column.missing.any():
        return np.arange(frame.size)
    keys = np.sort(frame << _BITS | column.scaled)
    tied = np.unique(keys[1:][np.diff(keys) == 0] >> _BITS)
    return np.flatnonzero(np.isin(frame, tied))
