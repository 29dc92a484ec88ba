"""Figures with images: results beside the truth, a preview, example frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from deep_storm.errors import StackError
from deep_storm.report.figures import (
    BLUE,
    SMALL_PT,
    TEXT_PT,
    VERMILION,
    Pixels,
    add_scale_bar,
    checked_picture,
    display_range,
    hide_ticks,
    new_figure,
    show_picture,
    style_axes,
)
from deep_storm.report.style import styled
from deep_storm.words import counted

MAX_EXAMPLES = 4
ZOOM_SHARE = 0.25
"""Edge of the enlarged region as a share of the shorter edge of the field."""


@styled
def side_by_side(
    mean_frame: Pixels,
    reconstruction: Pixels,
    truth_image: Pixels,
    titles: tuple[str, str, str] = ("mean frame", "Deep-STORM", "truth"),
    pixel_sizes_nm: tuple[float, float, float] = (100.0, 12.5, 12.5),
    scores_text: str = "",
) -> Figure:
    """Draw mean frame, reconstruction and truth, and below where the truth is brightest, enlarged.

    Parameters
    ----------
    mean_frame, reconstruction, truth_image
        (y, x) each; all begin at the same corner and cover the same field.
    titles
        One above each picture.
    pixel_sizes_nm
        Pixel size of each picture.
    scores_text
        A line under the pictures.
    """
    names = ("mean frame", "reconstruction", "true image")
    given = (mean_frame, reconstruction, truth_image)
    pictures = [checked_picture(image, name) for image, name in zip(given, names, strict=True)]
    zoom_nm = _busiest_square(pictures[2], pixel_sizes_nm[2])
    left, top, edge = (v / 1000 for v in zoom_nm)
    height, width = pictures[0].shape
    field_nm = width * pixel_sizes_nm[0], height * pixel_sizes_nm[0]
    panel_mm = 58.0
    tall = panel_mm * height / width
    figure = new_figure(3 * panel_mm + 6, tall + panel_mm + 10 + (6 if scores_text else 0))
    panels = figure.subplots(2, 3, height_ratios=[tall, panel_mm])
    for column, (image, title) in enumerate(zip(pictures, titles, strict=True)):
        camera = column == 0
        limits = display_range(image, 0.5, 99.8) if camera else _density_range(image)
        for row in (0, 1):
            axes = panels[row, column]
            show_picture(
                axes, image, pixel_sizes_nm[column], limits, "gray" if camera else "inferno"
            )
            hide_ticks(axes)
        panels[0, column].set_title(title, fontsize=TEXT_PT + 1)
        panels[1, column].set_xlim(left, left + edge)
        panels[1, column].set_ylim(top + edge, top)
        panels[0, column].add_patch(
            Rectangle((left, top), edge, edge, fill=False, edgecolor="white", linewidth=0.8)
        )
        add_scale_bar(panels[0, column], left=_covers_right_corner(zoom_nm, field_nm))
        add_scale_bar(panels[1, column])
    if scores_text:
        figure.supxlabel(scores_text, fontsize=TEXT_PT)
    return figure


def _covers_right_corner(
    zoom_nm: tuple[float, float, float], field_nm: tuple[float, float]
) -> bool:
    """Return whether the enlarged square reaches into the lower right corner of the field."""
    left, top, edge = zoom_nm
    return left + edge > 0.65 * field_nm[0] and top + edge > 0.8 * field_nm[1]


def _density_range(image: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return a display range from 0 to a high percentile of the pixels that are not dark."""
    finite = image[np.isfinite(image)]
    # The network's image has a haze of tiny values everywhere, which is not structure.
    bright = finite[finite > 0.01 * finite.max(initial=0.0)]
    return 0.0, float(np.percentile(bright, 98)) if bright.size else 1.0


def _busiest_square(
    image: npt.NDArray[np.float64], pixel_size_nm: float
) -> tuple[float, float, float]:
    """Return left, top and edge (nm) of the square with the largest sum."""
    edge = max(int(min(image.shape) * ZOOM_SHARE), 1)
    total = np.pad(np.nan_to_num(image), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums = total[edge:, edge:] - total[:-edge, edge:] - total[edge:, :-edge] + total[:-edge, :-edge]
    row, column = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return float(column) * pixel_size_nm, float(row) * pixel_size_nm, edge * pixel_size_nm


@styled
def preview_overlay(
    frame: Pixels,
    localizations: pd.DataFrame,
    pixel_size_nm: float,
) -> Figure:
    """Draw localizations over the frame that they were found in, coloured by confidence.

    Parameters
    ----------
    frame
        (y, x), pixel values.
    localizations
        The rows of this frame: ``x_nm``, ``y_nm``; ``confidence`` gives the colour.
    pixel_size_nm
        Pixel size of the frame.
    """
    image = checked_picture(frame, "frame")
    height, width = image.shape
    figure = new_figure(120, 16 + 92 * height / width)
    axes = figure.subplots()
    low, high = display_range(image, 0.5, 99.5)
    # Grey emitters on white, none of them black: dark marks stay visible on all of it.
    show_picture(axes, image, pixel_size_nm, (low, low + 2 * (high - low)), "gray_r")
    style_axes(axes, "x (µm)", "y (µm)")
    axes.spines[:].set_visible(True)
    size = float(np.clip(9000 / max(height, width) ** 1.25, 12, 80))
    where = localizations["x_nm"].to_numpy() / 1000, localizations["y_nm"].to_numpy() / 1000
    style: dict[str, Any] = {"marker": "x", "s": size / 2, "linewidths": 1.1}
    if "confidence" in localizations:
        colours = _warm_colours()
        norm = Normalize(0, 1)
        axes.scatter(*where, c=localizations["confidence"], cmap=colours, norm=norm, **style)
        place = axes.inset_axes((1.03, 0.0, 0.03, 1.0))
        bar = figure.colorbar(ScalarMappable(norm, colours), cax=place)
        bar.set_label("confidence", fontsize=TEXT_PT)
        bar.ax.tick_params(labelsize=SMALL_PT, length=2.5, width=0.6)
        bar.outline.set_visible(False)
    else:
        axes.scatter(*where, color=VERMILION, **style)
    axes.set_title(counted(len(localizations), "localization"), fontsize=TEXT_PT, loc="left")
    return figure


def _warm_colours() -> ListedColormap:
    """Return ``plasma`` without its pale yellow end, which would vanish on white."""
    return ListedColormap(colormaps["plasma"](np.linspace(0.85, 0.0, 256)))


@styled
def example_frames(
    simulated: Sequence[Pixels] | Pixels,
    real: Sequence[Pixels] | Pixels | None = None,
    pixel_size_nm: float = 100.0,
) -> Figure:
    """Draw simulated frames above real ones, all with the same grey scale, and compare histograms.

    Parameters
    ----------
    simulated, real
        (t, y, x), pixel values in ADU; up to four of each are shown. Sizes may differ.
    pixel_size_nm
        Pixel size of both.

    Raises
    ------
    StackError
        There is no simulated frame, or one is not a picture.
    """
    rows = [("simulated", [checked_picture(f, "simulated frame") for f in simulated])]
    if real is not None and len(real):
        rows.append(("real", [checked_picture(f, "real frame") for f in real]))
    if not rows[0][1]:
        raise StackError("there is no simulated frame", "at least one", "simulate some frames")
    columns = min(max(len(frames) for _, frames in rows), MAX_EXAMPLES)
    extra = len(rows) > 1
    figure = new_figure(42 * columns + 18 + 58 * extra, 42 * len(rows) + 6)
    grid = figure.add_gridspec(
        len(rows), columns + extra, width_ratios=[1] * columns + [1.3] * extra
    )
    pixels = np.concatenate([f.ravel() for _, frames in rows for f in frames[:columns]])
    limits = display_range(pixels, 0.5, 99.8)
    pictures = []
    for row, (name, frames) in enumerate(rows):
        for column, frame in enumerate(frames[:columns]):
            axes = figure.add_subplot(grid[row, column])
            shown = show_picture(axes, frame, pixel_size_nm, limits, "gray")
            hide_ticks(axes)
            add_scale_bar(axes)
            pictures.append(axes)
            if column == 0:
                axes.set_ylabel(name, fontsize=TEXT_PT)
    bar = figure.colorbar(shown, ax=pictures, fraction=0.03, pad=0.01, aspect=30)
    bar.set_label("ADU", fontsize=TEXT_PT)
    bar.ax.tick_params(labelsize=SMALL_PT, length=2.5, width=0.6)
    if extra:
        _compare_histograms(figure.add_subplot(grid[:, columns]), rows)
    return figure


def _compare_histograms(axes: Axes, rows: list[tuple[str, list[npt.NDArray[np.float64]]]]) -> None:
    pixels = {name: np.concatenate([frame.ravel() for frame in frames]) for name, frames in rows}
    low, high = display_range(np.concatenate(list(pixels.values())), 0.05, 99.95)
    for (name, values), colour in zip(pixels.items(), (BLUE, VERMILION), strict=True):
        edges = np.linspace(low, high, 81)
        axes.hist(values, edges.tolist(), density=True, histtype="step", color=colour, label=name)
    axes.set_yscale("log")
    style_axes(axes, "pixel value (ADU)", "pixels (share per ADU)")
    axes.legend(fontsize=SMALL_PT, frameon=False)
