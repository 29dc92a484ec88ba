"""The picture beside a measured PSF: what it looks like, and how it differs from a Gaussian."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deep_storm.estimation.psf.result import MeasuredPsf, best_gaussian
from deep_storm.psf.fitting import offsets_px
from deep_storm.report.figures import (
    BLUE,
    SMALL_PT,
    TEXT_PT,
    VERMILION,
    add_scale_bar,
    hide_ticks,
    new_figure,
    show_picture,
    style_axes,
)

FloatArray = npt.NDArray[np.float64]

EXPONENT = 0.4
"""Of the colours: rings of a hundredth of the peak are seen."""
LOWEST = 3e-4
"""Share of the peak at which the axis of the profiles begins."""


def psf_figure(found: MeasuredPsf) -> Figure:
    """Draw a measured PSF beside the Gaussian that fits it best, differences and profiles.

    Parameters
    ----------
    found
        The PSF. Where a fit has left something over (see :class:`MeasuredPsf`), that is drawn too.
    """
    values = found.table.values[0].astype(np.float64)
    peak = float(values.max())
    seen, gaussian = values / peak, best_gaussian(found.table) / peak
    figure = new_figure(180, 110)
    grid = figure.add_gridspec(2, 12, height_ratios=(1.0, 1.15))
    panels = [figure.add_subplot(grid[0, 3 * k : 3 * k + 3]) for k in range(4)]
    sample_nm = found.table.pixel_size_nm / found.table.samples_per_px
    titles = ("measured", f"Gaussian, σ = {found.sigma_nm:.0f} nm")
    for axes, image, title in zip(panels, (seen, gaussian), titles, strict=False):
        _picture(axes, np.maximum(image, 0.0) ** EXPONENT, sample_nm, (0.0, 1.0), title, "inferno")
    off = seen - gaussian
    limit = max(float(np.abs(off).max()), 1e-3)
    _picture(panels[2], off, sample_nm, (-limit, limit), "measured − Gaussian", "RdBu_r")
    left = found.left_over / peak
    _picture(
        panels[3], left, found.table.pixel_size_nm, (-limit, limit), "frames − measured", "RdBu_r"
    )
    shown = panels[3].images[0]
    bar = figure.colorbar(shown, ax=panels[3], shrink=0.75, ticks=[-limit, 0.0, limit])
    bar.ax.set_yticklabels([f"−{limit:.0%}", "0", f"{limit:.0%}"], fontsize=SMALL_PT)
    for axes, axis in zip(
        (figure.add_subplot(grid[1, :6]), figure.add_subplot(grid[1, 6:])), "xy", strict=True
    ):
        _profiles(axes, found, seen, gaussian, axis)
    figure.suptitle(
        f"Shape known to {found.uncertainty:.1%}, differs from a Gaussian by "
        f"{found.from_gaussian:.1%} (relative RMS); {found.sample_text()}",
        fontsize=TEXT_PT,
    )
    return figure


def _picture(
    axes: Axes,
    image: FloatArray,
    sample_nm: float,
    limits: tuple[float, float],
    title: str,
    colours: str,
) -> None:
    show_picture(axes, image, sample_nm, limits, colours)
    axes.set_title(title, fontsize=TEXT_PT)
    add_scale_bar(axes)
    hide_ticks(axes)


def _profiles(
    axes: Axes, found: MeasuredPsf, seen: FloatArray, gaussian: FloatArray, axis: str
) -> None:
    """Draw cuts through the middle along x or y, on a logarithmic scale."""
    table = found.table
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
