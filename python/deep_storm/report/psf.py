"""Figure of a measured PSF: its shape, and its difference from a Gaussian."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deep_storm.estimation.psf.result import MeasuredPsf, best_gaussian
from deep_storm.psf.fitting import offsets_px
from deep_storm.psf.table import PsfTable
from deep_storm.report.figures import (
    BLUE,
    SMALL_PT,
    TEXT_PT,
    VERMILION,
    difference_scale,
    new_figure,
    style_axes,
    titled_picture,
)
from deep_storm.report.style import styled

FloatArray = npt.NDArray[np.float64]

EXPONENT = 0.4
"""Of the colours: rings of a hundredth of the peak are seen."""
LOWEST = 3e-4
"""Share of the peak at which the axis of the profiles begins."""


@styled
def psf_figure(found: MeasuredPsf) -> Figure:
    """Draw a measured PSF beside the Gaussian that fits it best, differences and profiles.

    Parameters
    ----------
    found
        The PSF. Where a fit has left something over (see :class:`MeasuredPsf`), that is drawn too.
    """
    table = found.table
    figure = new_figure(180, 110)
    grid = figure.add_gridspec(2, 12, height_ratios=(1.0, 1.15))
    panels = [figure.add_subplot(grid[0, 3 * k : 3 * k + 3]) for k in range(4)]
    limit = _draw_beside(panels[:3], table, "measured")
    left = found.left_over / float(table.values[0].max())
    titled_picture(
        panels[3], left, table.pixel_size_nm, (-limit, limit), "frames − measured", "RdBu_r"
    )
    difference_scale(figure, panels[3], limit, f"{limit:.0%}")
    for axes, axis in zip(
        (figure.add_subplot(grid[1, :6]), figure.add_subplot(grid[1, 6:])), "xy", strict=True
    ):
        _profiles(axes, table, axis)
    figure.suptitle(
        f"Shape known to {found.uncertainty:.1%}, differs from a Gaussian by "
        f"{found.from_gaussian:.1%} (relative RMS); {found.sample_text()}",
        fontsize=TEXT_PT,
    )
    return figure


@styled
def psf_beside_gaussian(table: PsfTable) -> Figure:
    """Draw the PSF in focus, the Gaussian that fits it best, and their difference."""
    figure = new_figure(150, 52)
    name = "PSF, z = 0" if len(table.z_nm) > 1 else "PSF"
    _draw_beside(list(figure.subplots(1, 3)), table, name)
    return figure


def _draw_beside(panels: list[Axes], table: PsfTable, name: str) -> float:
    """Draw PSF, Gaussian and difference; return the limit of the difference's colours."""
    seen, gaussian = _of_peak(table)
    off = seen - gaussian
    limit = max(float(np.abs(off).max()), 1e-3)
    sample_nm = table.pixel_size_nm / table.samples_per_px
    sigma = f"Gaussian, σ = {table.effective_sigma_nm:.0f} nm"
    for axes, image, title in zip(panels, (seen, gaussian), (name, sigma), strict=False):
        titled_picture(
            axes, np.maximum(image, 0.0) ** EXPONENT, sample_nm, (0.0, 1.0), title, "inferno"
        )
    titled_picture(panels[2], off, sample_nm, (-limit, limit), f"{name} − Gaussian", "RdBu_r")
    return limit


def _of_peak(table: PsfTable) -> tuple[FloatArray, FloatArray]:
    """Return a PSF in focus and the Gaussian that fits it best, as shares of the PSF's peak."""
    values = table.plane(0.0)
    peak = float(values.max())
    return values / peak, best_gaussian(table) / peak


def _profiles(axes: Axes, table: PsfTable, axis: str) -> None:
    """Draw profiles through the middle along x or y, on a logarithmic scale."""
    seen, gaussian = _of_peak(table)
    middle = len(seen) // 2
    along_nm = offsets_px(len(seen), table.samples_per_px) * table.pixel_size_nm
    for image, colour, label in (
        (seen, BLUE, "measured"),
        (gaussian, VERMILION, "best Gaussian"),
    ):
        cut = image[middle] if axis == "x" else image[:, middle]
        axes.plot(along_nm, np.maximum(cut, LOWEST / 10), color=colour, linewidth=1.2, label=label)
    axes.set_yscale("log")
    axes.set_ylim(LOWEST, 1.6)
    axes.set_xlim(float(along_nm[0]), float(along_nm[-1]))
    style_axes(axes, f"{axis} (nm)", "share of the peak")
    axes.legend(fontsize=SMALL_PT, frameon=False, loc="upper right")
