"""The picture of a PSF over depth: sections, widths, residuals, and the precision that follows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deep_storm.estimation.zstack.result import CalibratedPsf
from deep_storm.psf.elliptical import Widths
from deep_storm.psf.fitting import offsets_px
from deep_storm.psf.table import PsfTable
from deep_storm.report.figures import (
    BLUE,
    GREY,
    SMALL_PT,
    TEXT_PT,
    VERMILION,
    add_scale_bar,
    hide_ticks,
    new_figure,
    show_picture,
    style_axes,
)
from deep_storm.report.style import styled

FloatArray = npt.NDArray[np.float64]

EXPONENT = 0.5
"""Of the colours: faint lobes are seen."""
FINE_NM = 10.0
"""Steps along z in a section."""
ROOM_FOR_LEGEND = 1.45
"""How much higher than its curves a panel of widths is."""


@styled
def calibration_figure(found: CalibratedPsf) -> Figure:
    """Draw a PSF over depth.

    Planes with the residuals below them, sections along x and y, both sigmas, and the Cramér–Rao
    limit along x, y and z.
    """
    depths = found.left_over.z_nm
    figure = new_figure(190, 150)
    grid = figure.add_gridspec(3, 1, height_ratios=(1.0, 1.0, 1.25))
    above, middle, below = (
        [figure.add_subplot(cells[0, k]) for k in range(count)]
        for count, cells in (
            (count, grid[row].subgridspec(1, count))
            for row, count in enumerate((len(depths), len(depths), 4))
        )
    )
    for axes, z_nm in zip(above, depths, strict=True):
        draw_plane(axes, found.table, float(z_nm), f"z = {z_nm:.0f} nm")
    _residuals(figure, middle, found)
    for axes, axis in zip(below[:2], "xy", strict=True):
        _section(axes, found.table, axis)
    draw_widths(below[2], found.widths)
    _limits(below[3], found)
    figure.suptitle(
        f"PSF known to {found.uncertainty:.1%} (relative RMS) from {found.sample_text()}; "
        f"left out: {found.left_out_text()}",
        fontsize=TEXT_PT,
    )
    return figure


def draw_plane(
    axes: Axes, table: PsfTable, z_nm: float, title: str, size_pt: float = TEXT_PT
) -> None:
    """Draw a PSF at a depth, over its peak."""
    plane = table.plane(z_nm)
    shown = np.maximum(plane / plane.max(), 0.0) ** EXPONENT
    show_picture(axes, shown, table.pixel_size_nm / table.samples_per_px, (0.0, 1.0), "inferno")
    axes.set_title(title, fontsize=size_pt)
    add_scale_bar(axes)
    hide_ticks(axes)


def _residuals(figure: Figure, panels: list[Axes], found: CalibratedPsf) -> None:
    """Draw what the fit leaves over, as shares of the peak at that depth."""
    table, left = found.table, found.left_over
    peaks = np.array([table.plane(float(z)).max() for z in left.z_nm])
    shares = left.share / peaks[:, None, None]
    limit = max(float(np.abs(shares).max()), 1e-3)
    for axes, share in zip(panels, shares, strict=True):
        show_picture(axes, share, table.pixel_size_nm, (-limit, limit), "RdBu_r")
        hide_ticks(axes)
    panels[0].set_title("mean of beads − PSF", fontsize=TEXT_PT)
    bar = figure.colorbar(
        panels[-1].images[0], ax=panels[-1], shrink=0.75, ticks=[-limit, 0.0, limit]
    )
    bar.ax.set_yticklabels([f"−{limit:.1%}", "0", f"{limit:.1%}"], fontsize=SMALL_PT)


def _section(axes: Axes, table: PsfTable, axis: str) -> None:
    """Draw a section along x or y through the middle."""
    z_nm = np.arange(table.z_nm[0], table.z_nm[-1], FINE_NM)
    planes = np.stack([table.plane(float(z)) for z in z_nm])
    middle = planes.shape[1] // 2
    section = planes[:, middle] if axis == "x" else planes[:, :, middle]
    reach_nm = offsets_px(planes.shape[1], table.samples_per_px)[-1] * table.pixel_size_nm
    axes.imshow(
        np.maximum(section / planes.max(), 0.0) ** EXPONENT,
        cmap="inferno",
        extent=(-reach_nm, reach_nm, float(z_nm[0]), float(z_nm[-1])),
        origin="lower",
        aspect="auto",
    )
    style_axes(axes, f"{axis} (nm)", "z (nm)")


def draw_widths(axes: Axes, widths: Widths) -> None:
    """Draw both sigmas over z."""
    axes.plot(widths.z_nm, widths.x_nm, color=BLUE, linewidth=1.2, label="σ along x")
    axes.plot(widths.z_nm, widths.y_nm, color=VERMILION, linewidth=1.2, label="σ along y")
    # above the curves, which may come close to 0
    axes.set_ylim(0.0, ROOM_FOR_LEGEND * float(max(widths.x_nm.max(), widths.y_nm.max())))
    style_axes(axes, "z (nm)", "sigma (nm)")
    axes.legend(fontsize=SMALL_PT, frameon=False, loc="upper center")


def _limits(axes: Axes, found: CalibratedPsf) -> None:
    limit = found.precision
    for values, colour, name in (
        (limit.x, BLUE, "x"),
        (limit.y, VERMILION, "y"),
        (limit.z, GREY, "z"),
    ):
        axes.plot(limit.z_nm, values, color=colour, linewidth=1.2, label=name)
    axes.set_ylim(0.0, 4.0 * float(np.median(limit.z)))
    style_axes(axes, "z (nm)", "best precision (nm)")
    axes.set_title(
        f"{found.intensity_photon:,.0f} photons, background {found.background_photon:g}",
        fontsize=SMALL_PT,
    )
    axes.legend(fontsize=SMALL_PT, frameon=False, loc="upper center", ncols=3)
