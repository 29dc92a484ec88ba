"""Endings of table files: which of them a table may have when it is written."""

from __future__ import annotations

import os
from pathlib import Path

from deep_storm.errors import OutputError

SMAP_ENDING = "_sml.mat"
IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".pdf", ".png", ".raw", ".svg", ".tif", ".tiff")
TABLES = (".feather", ".h5", ".hdf", ".mat", ".ods", ".smlm", ".xls", ".xlsx")
OTHERS = (".dax", ".html", ".json", ".npy", ".npz", ".toml", ".yaml", ".yml", ".zarr", ".zip")
"""Endings of files that no table of ours is."""


def check_ending(path: str | os.PathLike[str]) -> None:
    """Refuse the name of a table that promises another kind of file: no program would open it.

    Raises
    ------
    OutputError
        It ends like an image, a spreadsheet, or a table of a program that we do not write for.
    """
    file = Path(path)
    is_smap = file.name.lower().endswith(SMAP_ENDING)
    if file.suffix.lower() in IMAGES + TABLES + OTHERS and not is_smap:
        raise OutputError(
            f"the table {file} ends in {file.suffix}",
            f"a name that ends in .csv, .hdf5 (Picasso), {SMAP_ENDING} (SMAP) or .parquet",
            "change its ending",
        )
