"""The localization table: columns, units, checks.

A table is a :class:`pandas.DataFrame`, one localization (or, in a ground truth, one emitter) a row.
Inside the program a column's name carries its unit (``x_nm``) and frames count from 0; in files
ThunderSTORM's labels stand (``"x [nm]"``) and frames count from 1
(:mod:`deep_storm.io.tables.thunderstorm` translates).

===================  =======  ==================================================================
column               unit     meaning
===================  =======  ==================================================================
``frame``            –        0-based frame
``x_nm``, ``y_nm``   nm       position, origin at the corner of pixel (0, 0)
``z_nm``             nm       depth, 0 in focus, rising as the PSF's depth does
``sigma_nm``         nm       PSF sigma
``sigma1_nm``, ``sigma2_nm`` nm  PSF sigma along x and along y, of an astigmatic PSF
``intensity_photon`` photon   photons of the emitter in this frame
``background_photon`` photon  background at the emitter, per pixel
``bkgstd_photon``    photon   standard deviation of the background
``detections``       –        localizations merged into this row
``confidence``       0–1      calibrated probability that an emitter is there
``uncertainty_xy_nm`` nm      standard deviation of the position along one axis
``uncertainty_z_nm`` nm       standard deviation of the depth; beyond those of the PSF, all of them
===================  =======  ==================================================================

A column that was not estimated is left out. Unknown columns are kept. A ground truth has
``baseline_photon``, the camera's baseline, where a table has ``background_photon``: ThunderSTORM
calls both ``offset [photon]``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import TableError

FloatArray = npt.NDArray[np.float64]

COLUMNS: tuple[str, ...] = (
    "frame",
    "x_nm",
    "y_nm",
    "z_nm",
    "sigma_nm",
    "sigma1_nm",
    "sigma2_nm",
    "intensity_photon",
    "background_photon",
    "bkgstd_photon",
    "detections",
    "confidence",
    "uncertainty_xy_nm",
    "uncertainty_z_nm",
)
"""Known columns in the order in which files have them; merging in ThunderSTORM needs the
uncertainties last: it stops at one that it cannot work out anew."""

REQUIRED: tuple[str, ...] = ("frame", "x_nm", "y_nm")
FORMER = "offset_photon"
"""What ``background_photon`` and ``baseline_photon`` were both called before; still taken."""
INTEGER: frozenset[str] = frozenset({"frame", "detections"})


def empty(columns: Iterable[str] = COLUMNS) -> pd.DataFrame:
    """Return a table without rows, with the dtypes that :func:`validated` gives."""
    return pd.DataFrame(
        {c: pd.Series(dtype=np.int64 if c in INTEGER else np.float64) for c in columns}
    )


def validated(table: pd.DataFrame, name: str = "the table", *, truth: bool = False) -> pd.DataFrame:
    """Return the table with known columns first, in order and with their dtypes.

    Parameters
    ----------
    table
        Rows in any order, columns named as above.
    name
        What the table is called in an error.
    truth
        Whether it is a ground truth.

    Raises
    ------
    TableError
        A required column is missing, or a frame or position is not a finite number.
    """
    offset = "baseline_photon" if truth else "background_photon"
    if FORMER in table.columns and offset not in table.columns:
        table = table.rename(columns={FORMER: offset})
    missing = [c for c in REQUIRED if c not in table.columns]
    if missing:
        as_in_files = any(str(column).endswith("]") for column in table.columns)
        raise TableError(
            f"{name} has no column {', '.join(missing)} "
            f"(columns: {', '.join(map(str, table.columns))})",
            f"at least {', '.join(REQUIRED)}",
            "read its file with deep_storm.read_table, which names the columns so and counts "
            "frames from 0"
            if as_in_files
            else "rename the columns, or export the table again with these",
        )
    columns = [offset if c == "background_photon" else c for c in COLUMNS]
    known = [c for c in columns if c in table.columns]
    others = [c for c in table.columns if c not in columns]
    # a table of its own; its columns are shared until one of them is replaced
    ordered = table[known + others].copy(deep=False)
    for column in REQUIRED:
        values = pd.to_numeric(ordered[column], errors="coerce")
        bad = ~np.isfinite(values.to_numpy(dtype=np.float64))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            received = ordered[column].iloc[row]
            received = received.item() if isinstance(received, np.generic) else received
            raise TableError(
                f"{name} has {received!r} as {column} in row {row + 1}",
                "a finite number",
                "remove that row or export the table again",
            )
        ordered[column] = values
    _check_frames(ordered["frame"], name)
    for column in known:
        kind = np.int64 if column in INTEGER else np.float64
        ordered[column] = ordered[column].astype(kind)
    return ordered.reset_index(drop=True)


def _check_frames(frame: pd.Series, name: str) -> None:
    values = frame.to_numpy(dtype=np.float64)
    bad = np.flatnonzero((values < 0) | (values != np.floor(values)))
    if bad.size:
        raise TableError(
            f"{name} has {values[bad[0]]:g} as frame in row {bad[0] + 1}",
            "a whole number from 0 on",
            "count the frames from 0, or remove that row",
        )


def depths_of(table: pd.DataFrame, purpose: str, name: str = "the table") -> FloatArray:
    """Return the depths of a table that needs them, float64 of shape (n,), nm.

    Parameters
    ----------
    table
        Columns as above.
    purpose
        What they are needed for, for the error.
    name
        What the table is called in an error.

    Raises
    ------
    TableError
        There is no column ``z [nm]``, or it holds something else than finite numbers.
    """
    if "z_nm" not in table.columns:
        raise TableError(
            f"{name} has no column 'z [nm]'",
            f"depths, for {purpose}",
            "give a table with depths, or work in two dimensions",
        )
    z_nm = table["z_nm"].to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(z_nm))
    if bad.size:
        raise TableError(
            f"{name} has {z_nm[bad[0]]} as 'z [nm]' in row {bad[0] + 1}",
            f"finite depths, for {purpose}",
            "remove such rows, or work in two dimensions",
        )
    return z_nm
