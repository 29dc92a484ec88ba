"""A PSF table in two files: its description (``NAME.toml``) and its values (``NAME.npz``).

::

    [psf_table]
    format_version = 1
    pixel_size_nm = 100.0
    samples_per_px = 4
    planes = 13
    edge = 97
    z0_nm = -600.0
    dz_nm = 100.0
    source = "beads"
    uncertainty = 0.02
    values = "psf.npz"
    bytes = 412345
    sha256 = "…"

The file of values lies beside the other one and holds one float32 array of shape (planes, edge,
edge). What the values mean stands in :mod:`deep_storm.psf.table`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np

from deep_storm.errors import PsfError, SettingsError
from deep_storm.io.arrays import read_arrays
from deep_storm.io.config import load_toml, write_config
from deep_storm.io.files import atomic_path, check_outputs, sha256
from deep_storm.io.foreign import check_regular
from deep_storm.psf.table import PsfTable, Source
from deep_storm.settings import Settings, setting

FORMAT_VERSION = 1
SECTION = "psf_table"
MAX_VALUES = 32_000_000
"""Of a table, 128 MB: 100 planes of ± 35 px at 8 samples per pixel."""


class PsfCard(Settings):
    """Contents of ``NAME.toml``."""

    format_version: Literal[1] = setting(FORMAT_VERSION, "version of the format")
    pixel_size_nm: float = setting(..., "edge of a camera pixel", unit="nm", gt=0, le=10_000)
    samples_per_px: int = setting(..., "samples per pixel along y and x", ge=1, le=64)
    planes: int = setting(..., "number of depths", ge=1, le=10_000)
    edge: int = setting(..., "samples along y and x", ge=3, le=10_000)
    z0_nm: float = setting(0.0, "depth of the first plane", unit="nm", ge=-1e5, le=1e5)
    dz_nm: float = setting(1.0, "distance of the planes", unit="nm", gt=0, le=1e5)
    source: Source = setting(..., "where the table comes from")
    uncertainty: float | None = setting(None, "relative RMS error of the shape", ge=0, le=10)
    values: str = setting(..., "name of the file of values", pattern=r"^[^/\\:]+\.npz$")
    bytes: int = setting(..., "size of the file of values", unit="bytes", ge=1)
    sha256: str = setting(..., "its checksum", pattern=r"^[0-9a-f]{64}$")


def psf_files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Return the two files of a table, which is given by either of them or without an ending."""
    stem = Path(path)
    if stem.suffix in (".toml", ".npz"):
        stem = stem.with_suffix("")
    return stem.parent / f"{stem.name}.toml", stem.parent / f"{stem.name}.npz"


def write_psf(
    path: str | os.PathLike[str], table: PsfTable, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write a PSF table.

    Parameters
    ----------
    path
        ``NAME.toml``; the values go into ``NAME.npz`` beside it.
    table
        The PSF.
    overwrite
        Whether existing files may be replaced.

    Returns
    -------
    The files written.

    Raises
    ------
    OutputError
        A file exists already or cannot be written.
    """
    card_file, values_file = psf_files(path)
    check_outputs([card_file, values_file], overwrite)
    with atomic_path(values_file, overwrite) as partial:
        np.savez_compressed(partial, values=table.values)
    card = PsfCard(
        pixel_size_nm=table.pixel_size_nm,
        samples_per_px=table.samples_per_px,
        planes=table.values.shape[0],
        edge=table.values.shape[1],
        z0_nm=table.z0_nm,
        dz_nm=table.dz_nm,
        source=table.source,
        uncertainty=table.uncertainty,
        values=values_file.name,
        bytes=values_file.stat().st_size,
        sha256=sha256(values_file),
    )
    write_config(card_file, {SECTION: card.model_dump()}, overwrite)
    return card_file, values_file


def read_psf(path: str | os.PathLike[str], pixel_size_nm: float | None = None) -> PsfTable:
    """Read a PSF table.

    Parameters
    ----------
    path
        ``NAME.toml`` (or ``NAME.npz``, or ``NAME`` alone).
    pixel_size_nm
        Pixel size of the camera that it shall be used with.

    Raises
    ------
    SettingsError
        The description is missing, no TOML, or a value in it is unknown or out of range.
    PsfError
        The values are missing, damaged or no PSF's, or belong to another pixel size.
    """
    card_file, _ = psf_files(path)
    card = _read_card(card_file)
    table = PsfTable(
        _read_values(card_file.parent / card.values, card),
        card.z0_nm + card.dz_nm * np.arange(card.planes, dtype=np.float64),
        card.pixel_size_nm,
        card.samples_per_px,
        card.source,
        card.uncertainty,
    )
    if pixel_size_nm is not None:
        table.check_pixel_size(pixel_size_nm)
    return table


def _read_card(path: Path) -> PsfCard:
    content = load_toml(path).get(SECTION)
    if not isinstance(content, dict):
        raise SettingsError(
            f"{path} has no section [{SECTION}]",
            "the description of a measured or computed PSF",
            "give the .toml file that `deep-storm measure-psf` wrote",
        )
    card = PsfCard.parse(content, str(path))
    if card.planes * card.edge**2 > MAX_VALUES:
        raise PsfError(
            f"{path} describes a table of {card.planes} × {card.edge} × {card.edge} values",
            f"at most {MAX_VALUES:,} values",
            "make it with fewer planes or samples",
        )
    return card


def _read_values(path: Path, card: PsfCard) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    size = check_regular(path, PsfError, "the values of the PSF that the .toml file names")
    if size != card.bytes or sha256(path) != card.sha256:
        raise PsfError(
            f"{path} does not match its checksum ({size} bytes)",
            f"{card.bytes} bytes with the checksum in the .toml file",
            "copy both files of the PSF again, or measure it again",
        )
    shape = (card.planes, card.edge, card.edge)

    def is_none(reason: str) -> PsfError:
        return PsfError(
            f"{path} does not hold the values of a PSF ({reason})",
            f"one array of shape {shape}",
            "copy both files of the PSF again, or measure it again",
        )

    needed = 8 * card.planes * card.edge**2
    (values,) = read_arrays(path, is_none, needed, [shape]).values()
    if values.dtype.kind != "f":
        raise is_none(f"its values are {values.dtype}")
    return values.astype(np.float32)
