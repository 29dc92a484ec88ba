"""Figures of a localization table: over time, as histograms, and beside the wide field."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deep_storm.io.mapped import let_go
from deep_storm.quality.drift import DriftCurve
from deep_storm.quality.survey import ONE_NEIGHBOUR_PER_UM2, Survey
from deep_storm.quality.suspicions import TrainedFor
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

Values = npt.NDArray[np.float64]

BINS = 60
MAX_SHOWN = 200_000
MAX_POINTS, MAX_MARKED = 400, 40
"""Points of a curve, and as many as are marked each."""
MAX_PICTURE_PX = 1024
PANEL_MM = 80.0


@styled
def per_frame_curve(found: Survey, drift: DriftCurve | None = None) -> Figure:
    """Draw the number of localizations per frame, with the drift below where it is known."""
    figure = new_figure(175, 50 if drift is None else 95)
    panels = figure.subplots(1 if drift is None else 2, 1, sharex=True, squeeze=False)[:, 0]
    counts = found.per_frame
    step = max(1, -(-counts.size // MAX_POINTS))
    starts = np.arange(0, counts.size, step)
    if counts.size:
        mean = np.add.reduceat(counts, starts) / np.diff([*starts, counts.size])
        middle = found.first_frame + starts + 0.5 + step / 2
        marker = "." if counts.size <= MAX_MARKED else None
        panels[0].plot(middle, mean, color=BLUE, linewidth=1.0, marker=marker)
    panels[0].set_ylim(bottom=0)
    style_axes(panels[0], "frame" if drift is None else "", "localizations per frame")
    if drift is not None:
        _draw_drift(panels[1], drift)
    return figure


@styled
def drift_curve(drift: DriftCurve) -> Figure:
    """Draw a drift alone."""
    figure = new_figure(150, 60)
    _draw_drift(figure.subplots(), drift)
    return figure


def _draw_drift(axes: Axes, drift: DriftCurve) -> None:
    """Draw a drift curve."""
    marker = "." if drift.frame.size <= MAX_MARKED else None
    for values, colour, name in ((drift.x_nm, BLUE, "x"), (drift.y_nm, VERMILION, "y")):
        axes.plot(drift.frame + 1, values, color=colour, linewidth=1, marker=marker, label=name)
    if drift.error_nm > 0:
        axes.fill_between(
            drift.frame + 1, -drift.error_nm, drift.error_nm, color=GREY, alpha=0.2, linewidth=0
        )
    style_axes(axes, "frame", "drift (nm)")
    axes.legend(fontsize=SMALL_PT, frameon=False)


@styled
def column_histograms(found: Survey, trained: TrainedFor) -> Figure | None:
    """Draw the distribution of each known column, with the model's expectation."""
    expected: dict[str, tuple[float, float]] = {}
    if trained.emitters is not None:
        emitters = trained.emitters
        expected["intensity_photon"] = emitters.intensity_photon, emitters.intensity_std_photon
    if trained.psf is not None and not trained.psf.depth_reach_nm:
        expected["sigma_nm"] = trained.psf.sigma_nm, trained.psf.sigma_std_nm
    if trained.background is not None:
        background = trained.background
        expected["background_photon"] = (
            background.background_photon,
            background.background_std_photon,
        )
    panels = [
        ("intensity_photon", "photons of a localization"),
        ("sigma_nm", "PSF sigma (nm)"),
        ("background_photon", "background (photons per pixel)"),
        ("uncertainty_xy_nm", "uncertainty (nm)"),
        ("confidence", "confidence"),
    ]
    shown = [(c, label, _some(found.values(c))) for c, label in panels if found.values(c).size]
    if found.crowding_per_um2.size:
        shown.append(("crowding", "neighbours (per µm² and frame)", found.crowding_per_um2))
    if not shown:
        return None
    rows = -(-len(shown) // 3)
    figure = new_figure(175, 48 * rows)
    grid = figure.subplots(rows, 3, squeeze=False).ravel()
    for axes, (column, label, values) in zip(grid, shown, strict=False):
        _histogram(
            axes,
            values,
            label,
            expected.get(column),
            unit_range=column == "confidence",
            whole=ONE_NEIGHBOUR_PER_UM2 if column == "crowding" else None,
        )
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    return figure


def _some(values: Values) -> Values:
    return values[:: max(1, values.size // MAX_SHOWN)].copy()  # without the others in memory


def _histogram(
    axes: Axes,
    values: Values,
    label: str,
    expected: tuple[float, float] | None,
    *,
    unit_range: bool,
    whole: float | None,
) -> None:
    """Draw one distribution; the band is what the model was trained for (mean ± std).

    ``unit_range`` goes from 0 to 1; ``whole`` is the step of values that are multiples of it.
    """
    low, high = (0.0, 1.0) if unit_range else np.percentile(values, [0.2, 99.5]).tolist()
    if expected is not None:
        low, high = min(low, expected[0] - expected[1]), max(high, expected[0] + expected[1])
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    if whole is not None:  # counts: a bin for each, or for some whole number of them
        width = whole * max(1, round((high - low) / whole / BINS))
        edges = np.arange(-whole / 2, high + width, width)
    axes.hist(values, edges.tolist(), color=BLUE, alpha=0.75, linewidth=0)
    median = float(np.median(values))
    axes.axvline(median, color="black", linewidth=0.9, label=f"median {median:.4g}")
    if expected is not None:
        mean, std = expected
        axes.axvspan(mean - std, mean + std, color=VERMILION, alpha=0.15, linewidth=0)
        axes.axvline(mean, color=VERMILION, linewidth=1.1, label=f"expected {mean:.4g}")
    axes.set_yticks([])
    style_axes(axes, label, "")
    axes.set_ylim(0, 1.3 * max(axes.get_ylim()[1], 1e-12))
    axes.legend(fontsize=SMALL_PT, frameon=False, loc="upper right")


@styled
def beside_wide_field(
    image: npt.NDArray[Any] | None,
    image_nm: float,
    wide_field: npt.NDArray[Any] | None,
    camera_nm: float,
    name: str = "reconstruction",
) -> Figure:
    """Draw wide-field and super-resolution image side by side, over the same field."""
    pictures = []
    if wide_field is not None:
        limits = display_range(wide_field, 0.5, 99.8)
        small, size_nm = _smaller(wide_field, camera_nm)
        pictures.append((small, size_nm, limits, "gray", "wide field (mean of frames)"))
    if image is not None:
        small, size_nm = _smaller(image, image_nm)
        bright = small[small > 0.01 * small.max(initial=0.0)]
        top = float(np.percentile(bright, 98)) if bright.size else 1.0
        pictures.append((small, size_nm, (0.0, top or 1.0), "inferno", name))
    height, width = pictures[0][0].shape
    tall = PANEL_MM * min(max(height / width, 0.2), 2.5)
    figure = new_figure((PANEL_MM + 4) * len(pictures), tall + 8)
    panels = figure.subplots(1, len(pictures), squeeze=False)[0]
    for axes, (picture, size_nm, limits, colours, title) in zip(panels, pictures, strict=True):
        show_picture(axes, picture, size_nm, limits, colours)
        axes.set_title(title, fontsize=TEXT_PT)
        hide_ticks(axes)
        add_scale_bar(axes)
    return figure


def _smaller(image: npt.NDArray[Any], pixel_nm: float) -> tuple[npt.NDArray[Any], float]:
    """Average pixels until an image is small enough to be shown."""
    factor = -(-max(image.shape) // MAX_PICTURE_PX)
    height, width = (max(edge // factor, 1) for edge in image.shape)
    if factor == 1:
        return image, pixel_nm
    small = np.empty((height, width), np.float32)
    for row in range(height):  # a large image is never in memory as a whole
        part = image[row * factor : (row + 1) * factor, : width * factor]
        small[row] = part.reshape(len(part), width, -1).mean(axis=(0, 2))
        let_go(image)
    return small, pixel_nm * factor
