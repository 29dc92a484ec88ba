"""Figures of an evaluation: error maps and the FRC curve."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deep_storm.quality.images import ImageMaps
from deep_storm.quality.resolution import THRESHOLD, RingCorrelation
from deep_storm.report.figures import (
    BLUE,
    GREY,
    SMALL_PT,
    TEXT_PT,
    VERMILION,
    add_scale_bar,
    display_range,
    hide_ticks,
    new_figure,
    show_picture,
    style_axes,
)
from deep_storm.report.style import styled

PANEL_MM = 45.0


@styled
def resolution_curve(found: RingCorrelation) -> Figure:
    """Draw the Fourier ring correlation with its threshold."""
    figure = new_figure(120, 70)
    draw_resolution(figure.subplots(), found)
    return figure


def draw_resolution(axes: Axes, found: RingCorrelation) -> None:
    """Draw the Fourier ring correlation into axes."""
    axes.plot(found.frequency_per_um, found.correlation, color=GREY, linewidth=0.5, alpha=0.6)
    axes.plot(found.frequency_per_um, found.smoothed, color=BLUE, linewidth=1.4, label="FRC")
    axes.axhline(THRESHOLD, color=GREY, linewidth=0.8, linestyle="--", label="1/7")
    if math.isfinite(found.resolution_nm):
        at = 1000 / found.resolution_nm
        label = f"resolution {found.resolution_nm:.1f} nm"
        axes.plot([at], [THRESHOLD], "o", color=VERMILION, markersize=5, label=label)
        axes.set_xlim(0, min(found.frequency_per_um[-1], 2.5 * at))
    axes.set_ylim(-0.15, 1.05)
    style_axes(axes, "spatial frequency (1/µm)", "correlation of the two halves")
    axes.legend(fontsize=SMALL_PT, frameon=False)


@styled
def comparison_figure(
    parts: list[tuple[str, ImageMaps, float]], resolution: RingCorrelation | None = None
) -> Figure:
    """Draw each comparison as a row of images, and the FRC curve below.

    Parameters
    ----------
    parts
        For each: what the image is compared with, the maps, and their pixel size (nm).
    resolution
        Drawn as the last row.
    """
    tall = [PANEL_MM * max(0.3, min(m.truth.shape[0] / m.truth.shape[1], 2.0)) for _, m, _ in parts]
    heights = [*(edge + 14 for edge in tall), *([60.0] if resolution is not None else [])]
    figure = new_figure(4 * (PANEL_MM + 8), sum(heights))
    grid = figure.add_gridspec(len(heights), 4, height_ratios=heights)
    for row, (name, maps, pixel_size_nm) in enumerate(parts):
        panels = [figure.add_subplot(grid[row, column]) for column in range(4)]
        _draw_comparison(panels, name, maps, pixel_size_nm)
    if resolution is not None:
        draw_resolution(figure.add_subplot(grid[len(parts), 1:3]), resolution)
    return figure


def _draw_comparison(panels: list[Axes], name: str, maps: ImageMaps, pixel_size_nm: float) -> None:
    """Draw the image, its reference, and the two maps."""
    scores = maps.scores
    bright = max(display_range(maps.truth, 0.5, 99.7), display_range(maps.fitted, 0.5, 99.7))
    error = 0.0, max(float(np.percentile(maps.rse, 99.7)), 1e-12)
    pictures = (
        (maps.fitted, "image, intensity fitted", bright, "inferno"),
        (maps.truth, name, bright, "inferno"),
        (maps.ssim, f"SSIM {scores.ssim:.3f}", (0.0, 1.0), "viridis"),
        (maps.rse, f"RSE; NRMSE {scores.nrmse:.3f}, PSNR {scores.psnr_db:.1f} dB", error, "magma"),
    )
    for number, (axes, (picture, title, limits, colours)) in enumerate(
        zip(panels, pictures, strict=True)
    ):
        shown = show_picture(axes, picture, pixel_size_nm, limits, colours)
        axes.set_title(title, fontsize=TEXT_PT)
        hide_ticks(axes)
        add_scale_bar(axes)
        if number >= 2:
            bar = axes.figure.colorbar(shown, ax=axes, shrink=0.8)
            bar.ax.tick_params(labelsize=SMALL_PT, length=2.5, width=0.6)
