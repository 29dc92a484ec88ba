"""Which ending the name of an output may have: none that promises another kind of file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from deep_storm.errors import OutputError

SMAP_ENDING = "_sml.mat"
TABLES = (".csv", ".hdf5", SMAP_ENDING, ".parquet")
"""Of the tables that are written."""
KINDS = frozenset(
    (
        *(".bmp", ".gif", ".jpeg", ".jpg", ".pdf", ".png", ".svg", ".tif", ".tiff"),
        *(".csv", ".feather", ".h5", ".hdf", ".hdf5", ".mat", ".ods", ".parquet", ".smlm", ".xls"),
        *(".dax", ".html", ".json", ".npy", ".npz", ".raw", ".toml", ".xlsx", ".yaml", ".yml"),
        *(".zarr", ".zip"),
    )
)
"""Endings by which programs know what a file is."""


def check_ending(path: str | os.PathLike[str], what: str, own: Sequence[str]) -> None:
    """Refuse the name of an output that promises another kind of file: nothing would open it.

    Parameters
    ----------
    path
        The output.
    what
        What it is.
    own
        Endings that it may have, the usual one first; beside them those that promise nothing.

    Raises
    ------
    OutputError
        It ends like another kind of file.
    """
    file = Path(path)
    if file.suffix.lower() in KINDS and not file.name.lower().endswith(tuple(own)):
        *first, last = own
        listed = f"{', '.join(first)} or {last}" if first else last
        raise OutputError(
            f"the {what} {file} ends in {file.suffix}",
            f"a name that ends in {listed}",
            "change its ending",
        )
