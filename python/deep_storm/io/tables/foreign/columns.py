"""Columns of other programs: their names, units, and where frames are counted from.

A column is turned into one of ours by ``(value + shift) × factor``; ``px`` and ``ADU`` need the
file's pixel size or a camera. A column that is not listed is kept under its own name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import TableError
from deep_storm.localizations import validated

Columns = Mapping[str, npt.NDArray[Any]]
MAX_PIXEL_SIZE_NM = 10_000.0
CENTRES = 0.5
"""Where a pixel's number is its centre, its corner is half a pixel further."""


@dataclass(frozen=True)
class Mapped:
    """A column of another program and its equivalent here.

    Attributes
    ----------
    label
        Its name there.
    name
        Ours.
    unit
        Of the values there: ``nm``, ``px``, ``um``, ``photon``, ``ADU`` or empty.
    shift
        Added to the values first.
    """

    label: str
    name: str
    unit: str = ""
    shift: float = 0.0


def _frames(label: str, first: int) -> Mapped:
    return Mapped(label, "frame", "", -float(first))


PICASSO = (
    _frames("frame", 0),
    Mapped("x", "x_nm", "px", CENTRES),
    Mapped("y", "y_nm", "px", CENTRES),
    Mapped("z", "z_nm", "nm"),
    Mapped("sx", "sigma_nm", "px"),
    Mapped("photons", "intensity_photon", "photon"),
    Mapped("bg", "background_photon", "photon"),
    Mapped("lpx", "uncertainty_xy_nm", "px"),
)
SMAP = (
    _frames("frame", 1),
    Mapped("xnm", "x_nm", "nm"),
    Mapped("ynm", "y_nm", "nm"),
    Mapped("znm", "z_nm", "nm"),
    Mapped("PSFxnm", "sigma_nm", "nm"),
    Mapped("phot", "intensity_photon", "photon"),
    Mapped("bg", "background_photon", "photon"),
    Mapped("locprecnm", "uncertainty_xy_nm", "nm"),
    Mapped("locprecznm", "uncertainty_z_nm", "nm"),
    Mapped("numberInGroup", "detections"),
)
DECODE = (
    _frames("frame_ix", 0),
    Mapped("xyz[:, 1]", "x_nm", "px", CENTRES),
    Mapped("xyz[:, 0]", "y_nm", "px", CENTRES),
    Mapped("xyz[:, 2]", "z_nm", "nm"),
    Mapped("phot", "intensity_photon", "photon"),
    Mapped("bg", "background_photon", "photon"),
    Mapped("prob", "confidence"),
    Mapped("xyz_sig[:, 1]", "uncertainty_xy_nm", "px"),
    Mapped("xyz_sig[:, 2]", "uncertainty_z_nm", "nm"),
)
RAPIDSTORM = (
    _frames("ImageNumber-0-0", 0),
    Mapped("Position-0-0", "x_nm", "nm"),
    Mapped("Position-1-0", "y_nm", "nm"),
    Mapped("Position-2-0", "z_nm", "nm"),
    Mapped("Amplitude-0-0", "intensity_photon", "ADU"),
    Mapped("Position-0-0-uncertainty", "uncertainty_xy_nm", "nm"),
)
ELYRA = (
    _frames("First Frame", 1),
    Mapped("Position X [nm]", "x_nm", "nm"),
    Mapped("Position Y [nm]", "y_nm", "nm"),
    Mapped("Position Z [nm]", "z_nm", "nm"),
    Mapped("Number Photons", "intensity_photon", "photon"),
    Mapped("Precision [nm]", "uncertainty_xy_nm", "nm"),
    Mapped("Number Frames", "detections"),
)
NIKON = (
    _frames("Frame", 1),
    Mapped("Xc", "x_nm", "nm"),
    Mapped("Yc", "y_nm", "nm"),
    Mapped("Zc", "z_nm", "nm"),
    Mapped("Photons", "intensity_photon", "photon"),
    Mapped("Lateral Localization Accuracy", "uncertainty_xy_nm", "nm"),
    Mapped("Length", "detections"),
)
QUICKPALM = (
    _frames("Frame Number", 1),
    Mapped("X (nm)", "x_nm", "nm"),
    Mapped("Y (nm)", "y_nm", "nm"),
    Mapped("Z (nm)", "z_nm", "nm"),
    Mapped("Intensity", "intensity_photon", "ADU"),
)
SMLM = (
    _frames("frame", 0),
    Mapped("x", "x_nm", "nm"),
    Mapped("y", "y_nm", "nm"),
    Mapped("z", "z_nm", "nm"),
    Mapped("intensity", "intensity_photon", "photon"),
    Mapped("sigma", "sigma_nm", "nm"),
    Mapped("background", "background_photon", "photon"),
    Mapped("uncertainty", "uncertainty_xy_nm", "nm"),
)
BOTH_WIDTHS = {"sx": "sy", "PSFxnm": "PSFynm"}
"""Widths along x and y, which differ where they tell depth."""
FORMATS: dict[str, tuple[Mapped, ...]] = {
    "Picasso (.hdf5)": PICASSO,
    "SMAP (_sml.mat)": SMAP,
    "DECODE (.h5)": DECODE,
    "rapidSTORM (.txt)": RAPIDSTORM,
    "Zeiss ELYRA (.txt)": ELYRA,
    "Nikon N-STORM (.txt)": NIKON,
    "QuickPALM (.xls, .txt)": QUICKPALM,
    "SMLM (.smlm)": SMLM,
}
"""The columns of each format, as the documentation lists them."""


def table_from(
    columns: Columns,
    mapped: tuple[Mapped, ...],
    origin: str,
    pixel_size_nm: float | None = None,
    camera: Camera | None = None,
) -> pd.DataFrame:
    """Make a localization table from another program's columns.

    Parameters
    ----------
    columns
        Values by the names that they have there, each ``(n,)``.
    mapped
        What they are.
    origin
        What the table is called in an error.
    pixel_size_nm
        As the file says; by default the camera's.
    camera
        Converts ADU, and px where the file does not say their size.

    Raises
    ------
    TableError
        A column that a table needs is missing, not numbers, or cannot be converted.
    """
    known = _known(mapped, columns)
    if pixel_size_nm is not None and not 0 < pixel_size_nm <= MAX_PIXEL_SIZE_NM:
        pixel_size_nm = None
    if pixel_size_nm is None and camera is not None:
        pixel_size_nm = camera.pixel_size_nm
    table: dict[str, npt.NDArray[Any]] = {}
    for label, values in columns.items():
        numbers = np.asarray(values)
        if numbers.dtype.kind not in "iufb" or numbers.ndim != 1:
            continue
        one = known.get(label)
        name, factor, shift = _plain(label), 1.0, 0.0
        if one is not None:
            name, shift = one.name, one.shift
            found = _factor(one, pixel_size_nm, camera, origin)
            name, factor = (name, found) if found is not None else (_in_adu(name), 1.0)
        if name not in table:
            table[name] = (numbers.astype(np.float64) + shift) * factor
    missing = [one.label for one in mapped if one.name in ("frame", "x_nm", "y_nm")
               and one.name not in table]  # fmt: skip
    if missing:
        there = ", ".join(map(str, columns))
        raise TableError(
            f"{origin} has no column {missing[0]!r} (it has {there})",
            f"at least {', '.join(m.label for m in mapped[:3])}",
            "export it again with these columns",
        )
    return _checked(pd.DataFrame(table), origin)


def _known(mapped: tuple[Mapped, ...], columns: Columns) -> dict[str, Mapped]:
    """Return what columns are, by their labels: of an astigmatic PSF both widths."""
    known = {one.label: one for one in mapped}
    if not any(one.name == "z_nm" and one.label in columns for one in mapped):
        return known
    for across, down in BOTH_WIDTHS.items():
        if not {across, down} <= {*columns} or across not in known:
            continue
        if not np.array_equal(columns[across], columns[down]):
            known[down] = replace(known[across], label=down, name="sigma2_nm")
            known[across] = replace(known[across], name="sigma1_nm")
    return known


def _checked(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Return a table with whole frame numbers from 0; empty rows are left out."""
    frames = table["frame"].to_numpy()
    bad = ~(np.isfinite(frames) & (frames >= 0) & (frames == np.floor(frames)))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise TableError(
            f"row {row + 1} of {origin} is of frame {frames[row]:g} (counted from 0)",
            "whole numbers from 0 on",
            "export the table again",
        )
    if "detections" in table:
        table["detections"] = table["detections"].fillna(1.0).clip(lower=1.0).round()
    return validated(table, origin)


def _factor(
    one: Mapped, pixel_size_nm: float | None, camera: Camera | None, origin: str
) -> float | None:
    """Return the factor from a column's unit to ours; None where it stays in ADU."""
    if one.unit == "px":
        if pixel_size_nm is None:
            raise TableError(
                f"{origin} has {one.label!r} in pixels and does not say how large they are",
                "the size of a camera pixel",
                "give --camera camera.toml",
            )
        return pixel_size_nm
    if one.unit == "ADU":
        return None if camera is None else camera.photons_per_count
    return 1000.0 if one.unit == "um" else 1.0


def _in_adu(name: str) -> str:
    return name.replace("_photon", "_adu")


def _plain(label: str) -> str:
    """Return a label as a valid column name for ThunderSTORM's formulas."""
    name = re.sub(r"[^0-9a-zA-Z]+", "_", label).strip("_").lower()
    return name or "column"


def described() -> str:
    """Return the documentation's table of each format's columns, in Markdown."""
    lines = ["| program | its column | unit there | here |", "|---|---|---|---|"]
    for program, mapped in FORMATS.items():
        for one in mapped:
            unit = one.unit or ("counted from 1" if one.shift == -1 else "–")
            if one.name == "frame" and one.shift == 0:
                unit = "counted from 0"
            if one.unit == "px" and one.shift:
                unit = "px, 0 is the centre of the first pixel"
            lines.append(f"| {program} | `{one.label}` | {unit} | `{one.name}` |")
    return "\n".join(lines)
