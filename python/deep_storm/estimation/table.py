"""PSF, emitters and background, from a localization table.

A table shows what its program found: emitters that overlap are missing from it, or are taken for
one bright and wide one. So sigma and photons are read from rows without a neighbour, outliers [1]_
and values at a bound of the fit are left out, and the density is a lower limit.

References
----------
.. [1] D. C. Hoaglin and B. Iglewicz, "Fine-tuning some resistant rules for outlier labeling",
   Journal of the American Statistical Association 82, 1147 (1987).
   https://doi.org/10.1080/01621459.1987.10478551
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from deep_storm.errors import TableError
from deep_storm.estimation.quantity import Quantity
from deep_storm.estimation.shapes import at_bounds, modes

FloatArray = npt.NDArray[np.float64]

NEEDED = {"sigma_nm": "sigma [nm]", "intensity_photon": "intensity [photon]"}
APART_SIGMAS = 6.0
MIN_ROWS = 20
FEW_ROWS = 200
FENCE = 2.2
"""Quartile distances beyond the quartiles where outliers begin."""
SAME_SIGMAS = 0.5
"""Rows of following frames so near to each other are the same emitter."""
FAR_FRAMES = (20, 30, 40)
"""Frames apart at which two rows are near each other by chance alone."""
CROWDED = 1.0
"""Density, per µm², from which a table misses a good part of the emitters, and from which that of a
stack is a lower limit, too: it reads some percent low."""


class TableStatistics(NamedTuple):
    """Statistics of a table.

    Attributes
    ----------
    quantities
        ``sigma``, ``photons``, ``density``, ``on_time`` and, where the table has a column for it,
        ``background``.
    sigma_nm, intensity_photon, background_photon
        The values that were used, for histograms.
    """

    quantities: dict[str, Quantity]
    sigma_nm: FloatArray
    intensity_photon: FloatArray
    background_photon: FloatArray = np.empty(0)


def table_statistics(table: pd.DataFrame, field_um2: float, frames: int) -> TableStatistics:
    """Derive the settings of a simulation from a localization table.

    Parameters
    ----------
    table
        Columns as in :mod:`deep_storm.localizations`; ``sigma_nm`` and ``intensity_photon`` are
        needed, ``background_photon`` or ``bkgstd_photon`` tell the background.
    field_um2
        Area of a frame.
    frames
        Frames that the table was made from, those without a row included.

    Raises
    ------
    TableError
        A column is missing, or there are too few rows with numbers in them.
    """
    _check_columns(table)
    rows = table[_finite(table)].reset_index(drop=True)
    if len(rows) < MIN_ROWS:
        raise TableError(
            f"the table has {len(rows)} rows with a sigma and photons",
            f"at least {MIN_ROWS}, preferably {FEW_ROWS} or more",
            "localize more frames",
        )
    alone = rows[_alone(rows)]
    crowded: tuple[str, ...] = ()
    if len(alone) < MIN_ROWS:
        alone = rows
        crowded = ("hardly any row is without a neighbour: overlapping emitters were fitted",)
    sigma, sigma_used = _measured(alone, "sigma_nm", "nm", crowded)
    photons, photons_used = _measured(alone, "intensity_photon", "photons", crowded)
    density = len(rows) / frames / field_um2
    quantities = {
        "sigma": sigma,
        "photons": photons,
        "density": _density(rows, density, field_um2, frames),
        "on_time": _on_time(rows, sigma.value),
    }
    background, background_used = _background(alone)
    if background is not None:
        quantities["background"] = background
    return TableStatistics(quantities, sigma_used, photons_used, background_used)


def _check_columns(table: pd.DataFrame) -> None:
    missing = [column for column in NEEDED if column not in table.columns]
    if missing:
        held = ", ".join(map(str, table.columns))
        raise TableError(
            f"the table has no column {', '.join(NEEDED[c] for c in missing)} (it has {held})",
            "sigma and photons of each localization",
            "export it again with all columns; fitting must leave sigma free",
        )


def _finite(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    values = table[["frame", "x_nm", "y_nm", *NEEDED]].to_numpy(dtype=np.float64)
    good: npt.NDArray[np.bool_] = np.isfinite(values).all(axis=1) & (values[:, 3:] > 0).all(axis=1)
    return good


def _alone(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Mark rows without another one in the same frame within six sigma."""
    reach = APART_SIGMAS * float(rows["sigma_nm"].median())
    frame = rows["frame"].to_numpy(dtype=np.float64)
    # frames far apart along a third axis: one tree for all of them
    places = np.column_stack([rows["x_nm"], rows["y_nm"], frame * 4.0 * reach])
    nearest = np.asarray(cKDTree(places).query(places, k=2)[0])[:, 1]
    return np.asarray(nearest > reach)


def _measured(
    rows: pd.DataFrame, column: str, unit: str, warnings: tuple[str, ...]
) -> tuple[Quantity, FloatArray]:
    """Return mean and spread without outliers and values at bounds, and the values used."""
    values = rows[column].to_numpy(dtype=np.float64)
    low, high = at_bounds(values)
    if low or high:
        ends = " and ".join(name for name, hit in (("lower", low), ("upper", high)) if hit)
        warnings += (f"many values are at the {ends} bound of the fit's range",)
        margin = 1e-3 * float(np.ptp(values))
        inside = np.ones(values.size, dtype=bool)
        inside &= ~(low & (values <= values.min() + margin))
        inside &= ~(high & (values >= values.max() - margin))
        values = values[inside] if np.count_nonzero(inside) >= MIN_ROWS else values
    first, third = np.quantile(values, [0.25, 0.75])
    fence = FENCE * (third - first)
    used = values[(values >= first - fence) & (values <= third + fence)]
    if used.size < FEW_ROWS:
        warnings += (f"only {used.size} localizations are isolated",)
    peaks = modes(used)
    if len(peaks) > 1:
        places = " and ".join(f"{p:.0f}" for p in peaks)
        warnings += (f"the distribution has several maxima (near {places})",)
    spread = float(np.std(used))
    error = spread / math.sqrt(used.size)
    quantity = Quantity(float(used.mean()), unit, error, spread, used.size, warnings=warnings)
    return quantity, used


def _background(rows: pd.DataFrame) -> tuple[Quantity | None, FloatArray]:
    """Return background photons per pixel: the fitted offset, or the square of its deviation."""
    for column, power in (("background_photon", 1), ("bkgstd_photon", 2)):
        if column not in rows.columns:
            continue
        values = rows[column].to_numpy(dtype=np.float64) ** power
        values = values[np.isfinite(values)]
        if values.size >= MIN_ROWS and np.median(values) > 0:
            first, middle, third = np.quantile(values, [0.25, 0.5, 0.75])
            spread = float(third - first) / 1.349
            error = 1.25 * spread / math.sqrt(values.size)
            # each fit's own error is in the spread, which is no spread of the background then
            photons = Quantity(float(middle), "photons per pixel", error, None, values.size)
            return photons, values
    return None, np.empty(0)


def _density(rows: pd.DataFrame, density: float, field_um2: float, frames: int) -> Quantity:
    counts = np.bincount(rows["frame"].to_numpy(dtype=np.int64), minlength=frames)
    beyond = max(float(np.var(counts)) - float(np.mean(counts)), 0.0)
    error = float(np.std(counts)) / math.sqrt(frames) / field_um2
    warnings: tuple[str, ...] = ()
    if density > CROWDED:
        warnings = ("emitters overlap at this density, and many of them are not in the table",)
    spread = math.sqrt(beyond) / field_um2
    return Quantity(
        density, "per µm² per frame", error, spread, frames, lower_limit=True, warnings=warnings
    )


def _on_time(rows: pd.DataFrame, sigma_nm: float) -> Quantity:
    """Return the mean on-time: how often a row has a successor at its position, beyond chance."""
    near = SAME_SIGMAS * sigma_nm
    frame = rows["frame"].to_numpy(dtype=np.int64)
    here = rows[["x_nm", "y_nm"]].to_numpy(dtype=np.float64)
    trees = {int(f): cKDTree(here[frame == f]) for f in np.unique(frame)}
    last = int(frame.max())

    def followed(lag: int) -> tuple[int, int]:
        hits = rows_seen = 0
        for f, tree in trees.items():
            if f + lag > last:
                continue
            rows_seen += tree.n
            if (later := trees.get(f + lag)) is not None:
                distances = later.query(tree.data, distance_upper_bound=near)[0]
                hits += int(np.count_nonzero(np.isfinite(distances)))
        return hits, rows_seen

    hits, seen = followed(1)
    chance_hits, chance_seen = np.sum([followed(lag) for lag in FAR_FRAMES], axis=0)
    if seen == 0:
        return Quantity(1.0, "frames", 0.0, None, 0)
    chance = chance_hits / chance_seen if chance_seen else 0.0
    q = float(np.clip((hits / seen - chance) / max(1.0 - chance, 0.05), 0.0, 0.98))
    error = math.sqrt(max(hits, 1)) / seen
    if q < 3.0 * error:
        return Quantity(1.0, "frames", error, None, len(rows))
    return Quantity(1.0 / (1.0 - q), "frames", error / (1.0 - q) ** 2, None, len(rows))
