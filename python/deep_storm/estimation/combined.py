"""Estimates from a localization table, alone or as a cross-check of a stack."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import TableError
from deep_storm.estimation.density import density_of_rows
from deep_storm.estimation.matching import UNIFORM_KURTOSIS
from deep_storm.estimation.quantity import Quantity
from deep_storm.estimation.result import Estimate, local_quantities, matched_settings
from deep_storm.estimation.table import CROWDED, table_statistics
from deep_storm.words import counted

AGREE = {"sigma": 0.05, "photons": 0.15, "background": 0.2}
"""Relative difference beyond which table and stack disagree."""
FEW_PIXELS = 8


def estimate_table(table: pd.DataFrame, camera: Camera) -> Estimate:
    """Estimate a matched simulation from a localization table alone.

    Parameters
    ----------
    table
        Columns as in :mod:`deep_storm.localizations`, with sigma, photons and background.
    camera
        The camera of the frames that it was made from.

    Raises
    ------
    TableError
        A column is missing, or there are too few rows.
    """
    if table.empty:
        raise TableError("the table has no rows", "localizations", "localize some frames first")
    width_um, height_um = (float(np.ptp(table[c])) / 1000.0 for c in ("x_nm", "y_nm"))
    pixel_um = camera.pixel_size_nm / 1000.0
    if min(width_um, height_um) < FEW_PIXELS * pixel_um:
        raise TableError(
            f"the localizations lie within {width_um:.2g} × {height_um:.2g} µm",
            f"a field of at least {FEW_PIXELS} pixels of {camera.pixel_size_nm:g} nm along x and y",
            "check the unit of the coordinates and the camera's pixel size",
        )
    found = table_statistics(table, width_um * height_um, _frames(table))
    if "background" not in found.quantities:
        raise TableError(
            "the table has no background (no column offset or bkgstd)",
            "offset [photon] or bkgstd [photon]",
            "export it again with all columns, or give the stack too",
        )
    sigma_px = found.quantities["sigma"].value / camera.pixel_size_nm
    on_time = found.quantities["on_time"].value
    local = density_of_rows(table, _frames(table), camera.pixel_size_nm, sigma_px, on_time)
    if local.percentiles_per_um2[0] > CROWDED:
        found = found._replace(quantities=_crowded(found.quantities, local.percentiles_per_um2[0]))
    kind = _kind(found.intensity_photon)
    settings = matched_settings(found.quantities, local, kind)
    notes = (
        "from a table alone: overlapping emitters are missing from it or count as a single bright "
        "one; give the stack too for better estimates",
        "field and frames were taken from the rows of the table",
    )
    densities = local_quantities(local, len(table))
    return Estimate(camera, *settings, found.quantities, densities, warnings=notes, table=found)


def _crowded(quantities: dict[str, Quantity], density: float) -> dict[str, Quantity]:
    """Warn where several emitters were probably fitted as one."""
    text = (
        f"rows lie where there are {density:.2g} or more per µm² and frame: some of them are "
        "several emitters fitted as one; estimate from the stack"
    )
    warned = {n: replace(q, warnings=(*q.warnings, text)) for n, q in quantities.items()}
    return quantities | {name: warned[name] for name in ("sigma", "photons")}


def with_table(found: Estimate, table: pd.DataFrame, shape: tuple[int, int, int]) -> Estimate:
    """Compare an estimate from a stack with the localization table of the same frames.

    Parameters
    ----------
    found
        From the stack, whose numbers stay.
    table
        Localizations of all its frames, or of some.
    shape
        Frames, height and width of the stack.

    Raises
    ------
    TableError
        A column is missing, there are too few rows, or the table is of another stack.
    """
    frames, height, width = shape
    pixel_nm = found.camera.pixel_size_nm
    _check_same(table, frames, height * pixel_nm, width * pixel_nm)
    field_um2 = height * width * (pixel_nm / 1000.0) ** 2
    statistics = table_statistics(table, field_um2, _frames(table))
    texts = [
        text
        for name, limit in AGREE.items()
        if name in statistics.quantities
        for text in _compared(name, found.quantities[name], statistics.quantities[name], limit)
    ]
    return replace(found.with_warnings(*texts), table=statistics)


def _compared(name: str, stack: Quantity, table: Quantity, limit: float) -> list[str]:
    if stack.value <= 0 or abs(table.value / stack.value - 1.0) <= limit:
        return []
    reason = {
        "sigma": "overlapping emitters widen fits",
        "photons": "overlapping emitters look like bright ones to a fit",
        "background": "overlapping emitters raise the background of a fit",
    }[name]
    return [
        f"{name} by the table is {table.value:.4g} {table.unit}, by the frames "
        f"{stack.value:.4g} ({reason}); the value from the frames is used"
    ]


def _frames(table: pd.DataFrame) -> int:
    """Return how many frames the table spans: it may be of a part of the movie."""
    frame = table["frame"].to_numpy(dtype=np.int64)
    return int(frame.max() - frame.min()) + 1


def _check_same(table: pd.DataFrame, frames: int, height_nm: float, width_nm: float) -> None:
    """Refuse a table that cannot belong to the stack."""
    if table.empty:
        raise TableError("the table has no rows", "localizations", "localize some frames first")
    last = int(table["frame"].max()) + 1
    if last > frames:
        raise TableError(
            f"the table has localizations in frame {last}, the stack has "
            f"{counted(frames, 'frame')}",
            "a table of this stack",
            "give the table that was made from these frames",
        )
    x, y = float(table["x_nm"].median()), float(table["y_nm"].median())
    reach_x, reach_y = (float(table[c].quantile(0.99)) for c in ("x_nm", "y_nm"))
    if not (0 <= x <= width_nm and 0 <= y <= height_nm) or (
        reach_x > 1.1 * width_nm or reach_y > 1.1 * height_nm
    ):
        raise TableError(
            f"the table reaches to {reach_x:.0f}, {reach_y:.0f} nm, the frames to {width_nm:.0f}, "
            f"{height_nm:.0f} nm",
            "coordinates inside the frames",
            "give the table of this stack; check its unit and the camera's pixel size",
        )


def _kind(values: np.ndarray) -> str:
    deviation = values - values.mean()
    variance = float(np.mean(deviation**2)) or 1.0
    kurtosis = float(np.mean(deviation**4)) / variance**2 - 3.0
    return "uniform" if kurtosis < UNIFORM_KURTOSIS else "normal"
