"""Figure of a drift: along x and y over the frames, and as a path."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from deep_storm.io.tables.drift_files import Drift
from deep_storm.report.figures import BLUE, SMALL_PT, VERMILION, new_figure, style_axes
from deep_storm.report.style import styled

POINTS = 500


@styled
def drift_figure(drift: Drift) -> Figure:
    """Draw a drift curve with the measured points.

    Parameters
    ----------
    drift
        The drift.
    """
    frames = np.linspace(drift.knots[0], drift.knots[-1], POINTS)
    curve, points = drift.at(frames), drift.measured_nm
    figure = new_figure(180, 70)
    over_time, path = figure.subplots(1, 2, width_ratios=[1.6, 1])
    for axis, (name, colour) in enumerate((("x", BLUE), ("y", VERMILION))):
        over_time.plot(frames + 1, curve[:, axis], color=colour, linewidth=1.2, label=name)
        over_time.plot(
            drift.measured_frame + 1, points[:, axis], "o", color=colour, markersize=2.5, alpha=0.6
        )
    over_time.legend(fontsize=SMALL_PT, frameon=False)
    style_axes(over_time, "frame", "drift (nm)")
    colours = colormaps["viridis"](np.linspace(0, 1, POINTS))
    path.scatter(curve[:, 0], curve[:, 1], c=colours, s=3, linewidths=0)
    path.plot(curve[0, 0], curve[0, 1], "o", color="black", markersize=4)
    path.annotate(
        "first frame", curve[0], xytext=(4, 4), textcoords="offset points", fontsize=SMALL_PT
    )
    path.set_aspect("equal", adjustable="datalim")
    path.invert_yaxis()  # as the image shows it: y goes down
    style_axes(path, "drift in x (nm)", "drift in y (nm)")
    return figure
