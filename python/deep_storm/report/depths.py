"""The figure of a table's depths: how many there are, a view from the side, and how well known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deep_storm.quality.survey import Survey
from deep_storm.report.figures import BLUE, SMALL_PT, VERMILION, new_figure, style_axes
from deep_storm.report.style import styled

Values = npt.NDArray[np.float64]

PERCENTILES = (0.2, 99.8)
BINS, SIDE_BINS, CURVE_BINS = 60, (240, 80), 24
MIN_IN_BIN = 10
EXPONENT = 0.5
"""Of the grey levels of the side view."""


@styled
def depths_figure(found: Survey) -> Figure | None:
    """Draw the histogram of z, the table seen from the side, and the uncertainties over z.

    Parameters
    ----------
    found
        Statistics of the table.

    Returns
    -------
    None where the table has no depths.
    """
    z_nm = found.values("z_nm")
    if not z_nm.size:
        return None
    low, high = (float(v) for v in np.percentile(z_nm, PERCENTILES))
    limits = (low, high) if high > low else (low - 0.5, high + 0.5)
    figure = new_figure(175, 55)
    panels = figure.subplots(1, 3, width_ratios=[1.0, 1.6, 1.0])
    panels[0].hist(z_nm, np.linspace(*limits, BINS + 1).tolist(), color=BLUE, alpha=0.75)
    panels[0].set_yticks([])
    style_axes(panels[0], "z (nm)", "")
    _from_the_side(panels[1], found, limits)
    _uncertainties(panels[2], found, limits)
    return figure


def _from_the_side(axes: Axes, found: Survey, limits: tuple[float, float]) -> None:
    rows = found.sample[["x_nm", "z_nm"]].dropna().to_numpy(np.float64)
    x_um = rows[:, 0] / 1000.0
    counts, x_edges, z_edges = np.histogram2d(
        x_um, rows[:, 1], SIDE_BINS, ((float(x_um.min()), float(x_um.max()) + 1e-6), limits)
    )
    shown = (counts.T / max(float(counts.max()), 1.0)) ** EXPONENT
    extent = (x_edges[0], x_edges[-1], z_edges[0], z_edges[-1])
    axes.imshow(shown, cmap="inferno", extent=extent, origin="lower", aspect="auto")
    style_axes(axes, "x (µm)", "z (nm)")


def _uncertainties(axes: Axes, found: Survey, limits: tuple[float, float]) -> None:
    """Draw the median uncertainty along z, and along x and y, over depth."""
    edges = np.linspace(*limits, CURVE_BINS + 1)
    for column, name, colour in (
        ("uncertainty_z_nm", "along z", VERMILION),
        ("uncertainty_xy_nm", "along x and y", BLUE),
    ):
        if column not in found.sample:
            continue
        rows = found.sample[["z_nm", column]].dropna().to_numpy(np.float64)
        curve = _medians(rows[:, 0], rows[:, 1], edges)
        axes.plot(0.5 * (edges[1:] + edges[:-1]), curve, color=colour, linewidth=1.2, label=name)
    axes.set_ylim(bottom=0.0)
    style_axes(axes, "z (nm)", "median uncertainty (nm)")
    if axes.lines:
        axes.legend(fontsize=SMALL_PT, frameon=False)


def _medians(place: Values, values: Values, edges: Values) -> Values:
    """Return the median of values between edges; NaN where there are few."""
    bin_of = np.digitize(place, edges) - 1
    medians = np.full(len(edges) - 1, np.nan)
    for k in range(len(medians)):
        inside = values[bin_of == k]
        if inside.size >= MIN_IN_BIN:
            medians[k] = np.median(inside)
    return medians
