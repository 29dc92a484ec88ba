"""Figure of clusters: where they are, how large, and whether there are any."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deep_storm.postprocessing.clustering import LABEL
from deep_storm.postprocessing.pattern import Pattern
from deep_storm.report.figures import (
    BLUE,
    GREY,
    SMALL_PT,
    TEXT_PT,
    new_figure,
    style_axes,
)
from deep_storm.report.style import styled

MAX_POINTS = 100_000
MAP_MM = 100.0


@styled
def clusters_figure(
    labelled: pd.DataFrame, summary: pd.DataFrame, pattern: Pattern | None = None
) -> Figure:
    """Draw clusters in colours, their sizes, and the curves against chance.

    Parameters
    ----------
    labelled
        Table with a column ``cluster``.
    summary
        A row for each cluster.
    pattern
        Ripley's L and nearest neighbours.
    """
    figure = new_figure(MAP_MM + 80, MAP_MM + 6)
    grid = figure.add_gridspec(2, 2, width_ratios=[MAP_MM, 75])
    _map(figure.add_subplot(grid[:, 0]), labelled, len(summary))
    if pattern is None:
        _sizes(figure.add_subplot(grid[0, 1]), summary)
        return figure
    ripley, nearest = (figure.add_subplot(grid[row, 1]) for row in range(2))
    chance = f"{pattern.simulations} random patterns"
    for axes, seen, low, high, label in (
        (ripley, pattern.l_minus_r_nm, pattern.l_low_nm, pattern.l_high_nm, "L(r) − r (nm)"),
        (nearest, pattern.nearest, pattern.nearest_low, pattern.nearest_high, "neighbour within r"),
    ):
        axes.fill_between(
            pattern.distance_nm, low, high, color=GREY, alpha=0.4, linewidth=0, label=chance
        )
        axes.plot(pattern.distance_nm, seen, color=BLUE, linewidth=1.3, label="localizations")
        style_axes(axes, "distance r (nm)", label)
        axes.legend(fontsize=SMALL_PT, frameon=False)
    return figure


def _map(axes: Axes, labelled: pd.DataFrame, clusters: int) -> None:
    """Draw each localization in the colour of its cluster, grey if it has none."""
    shown = labelled.iloc[:: max(1, -(-len(labelled) // MAX_POINTS))]
    number = shown[LABEL].to_numpy()
    where = shown[["x_nm", "y_nm"]].to_numpy() / 1000
    size = float(np.clip(6000 / max(len(shown), 1), 0.15, 6))
    alone = number == 0
    x, y = where.T
    axes.scatter(x[alone], y[alone], s=size, color="#bbbbbb", linewidths=0)
    colours = colormaps["tab20"](np.arange(20))
    colours = colours[[k for k in range(20) if k not in (14, 15)]]  # without its greys
    of_each = colours[number[~alone] % len(colours)]
    axes.scatter(x[~alone], y[~alone], s=size, c=of_each, linewidths=0)
    style_axes(axes, "x (µm)", "y (µm)")
    axes.set_aspect("equal")
    axes.invert_yaxis()
    inside = float(np.mean(labelled[LABEL].to_numpy() > 0))
    axes.set_title(f"{clusters:,} clusters, {inside:.0%} of localizations", fontsize=TEXT_PT)


def _sizes(axes: Axes, summary: pd.DataFrame) -> None:
    """Draw the distribution of localizations per cluster."""
    if not len(summary):
        axes.set_visible(False)
        return
    counts = summary["count"].to_numpy(np.float64)
    edges = np.geomspace(counts.min(), counts.max() + 1, 31)
    axes.hist(counts, edges.tolist(), color=BLUE, alpha=0.75, linewidth=0)
    axes.set_xscale("log")
    style_axes(axes, "localizations of a cluster", "clusters")
