"""The picture of a pupil that was fitted to a movie: the PSF beside the given one, coefficients."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deep_storm.estimation.pupil.result import FittedPupil
from deep_storm.report.depth import draw_plane, draw_widths
from deep_storm.report.figures import BLUE, GREY, SMALL_PT, TEXT_PT, new_figure, style_axes
from deep_storm.report.style import styled

SHOWN = 5
SHOWN_SHARE = 0.9
"""Depths that are shown reach so far towards the ends of those of the molecules."""


@styled
def pupil_figure(found: FittedPupil) -> Figure:
    """Draw planes of the given and of the fitted PSF, coefficients, widths and depths."""
    low, high = np.quantile(found.depths_nm, [1.0 - SHOWN_SHARE, SHOWN_SHARE])
    depths = np.linspace(float(low), float(high), SHOWN)
    figure = new_figure(190, 150)
    grid = figure.add_gridspec(3, 1, height_ratios=(1.0, 1.0, 1.3))
    for row, (table, name) in enumerate(((found.given, "given"), (found.table, "fitted"))):
        cells = grid[row].subgridspec(1, SHOWN)
        panels = [figure.add_subplot(cells[0, k]) for k in range(SHOWN)]
        for axes, z_nm in zip(panels, depths, strict=True):
            draw_plane(axes, table, float(z_nm), f"{name}, z = {z_nm:.0f} nm", SMALL_PT)
    below = grid[2].subgridspec(1, 3, width_ratios=(1.5, 1.0, 1.0))
    _coefficients(figure.add_subplot(below[0, 0]), found)
    draw_widths(figure.add_subplot(below[0, 1]), found.widths)
    _depths(figure.add_subplot(below[0, 2]), found)
    figure.suptitle(
        f"PSF over depth known to {found.uncertainty:.1%} (relative RMS) from "
        f"{found.sample_text()}",
        fontsize=TEXT_PT,
    )
    return figure


def _coefficients(axes: Axes, found: FittedPupil) -> None:
    """Draw the coefficients with their errors beside those given."""
    place = np.arange(len(found.coefficients))
    axes.plot(
        place, [c.given for c in found.coefficients], "x", color=GREY, markersize=4, label="given"
    )
    axes.errorbar(
        place,
        [c.found for c in found.coefficients],
        yerr=[c.error for c in found.coefficients],
        fmt="o",
        color=BLUE,
        markersize=3,
        linewidth=1.0,
        label="fitted",
    )
    axes.set_xticks(place, [str(c.noll) for c in found.coefficients])
    style_axes(axes, "Zernike mode (Noll)", "wavelengths rms")
    axes.legend(fontsize=SMALL_PT, frameon=False)


def _depths(axes: Axes, found: FittedPupil) -> None:
    axes.hist(found.depths_nm, bins=24, color=BLUE)
    style_axes(axes, "z (nm)", "molecules")
