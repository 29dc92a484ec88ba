"""The background in a localization table, as a map over the field."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from deep_storm.quality.survey import Survey
from deep_storm.report.figures import (
    SMALL_PT,
    TEXT_PT,
    add_scale_bar,
    display_range,
    hide_ticks,
    new_figure,
    show_picture,
)
from deep_storm.report.style import styled

Values = npt.NDArray[np.float64]

MAX_CELLS = 32
MIN_ROWS_OF_CELL = 5
MIN_CELLS = 4


@styled
def background_map(found: Survey) -> Figure | None:
    """Draw the background at the localizations over the field; None if there are too few."""
    cells, cell_nm = background_cells(found)
    if np.isfinite(cells).sum() < MIN_CELLS:
        return None
    figure = new_figure(90, 70)
    axes = figure.subplots()
    picture = show_picture(axes, cells, cell_nm, display_range(cells, 0.0, 100.0), "viridis")
    bar = figure.colorbar(picture, ax=axes, shrink=0.85)
    bar.set_label("background (photons per pixel)", fontsize=TEXT_PT)
    bar.ax.tick_params(labelsize=SMALL_PT)
    add_scale_bar(axes)
    hide_ticks(axes)
    return figure


def background_cells(found: Survey) -> tuple[Values, float]:
    """Return the median background in the cells of a grid (y, x), and their size in nm.

    NaN where there are too few localizations.
    """
    columns = ("x_nm", "y_nm", "background_photon")
    nothing = np.full((1, 1), np.nan), 1.0
    if not set(columns) <= set(found.sample.columns) or not len(found.sample):
        return nothing
    values = found.sample[list(columns)].to_numpy(np.float64)
    x, y, background = values[np.isfinite(values).all(axis=1)].T
    if x.size < MIN_CELLS * MIN_ROWS_OF_CELL:
        return nothing
    edge_nm = max(float(np.ptp(x)), float(np.ptp(y)))
    cells = int(np.clip(np.sqrt(x.size / (4.0 * MIN_ROWS_OF_CELL)), 2, MAX_CELLS))
    cell_nm = max(edge_nm / cells, 1e-9) * (1.0 + 1e-9)
    column, row = (((v - v.min()) / cell_nm).astype(np.int64) for v in (x, y))
    grid = np.full((int(row.max()) + 1, int(column.max()) + 1), np.nan)
    place = row * grid.shape[1] + column
    order = np.argsort(place, kind="stable")
    numbers, starts = np.unique(place[order], return_index=True)
    for number, part in zip(numbers.tolist(), np.split(background[order], starts[1:]), strict=True):
        if part.size >= MIN_ROWS_OF_CELL:
            grid.flat[number] = np.median(part)
    return grid, cell_nm
