"""Common parts of all figures: size, fonts, images with a scale bar, saving.

Figures are made with matplotlib's objects, never with ``pyplot``: nothing global is kept, so
figures can be made in any thread and in a program that uses matplotlib in its own way.
"""

from __future__ import annotations

import math
import os
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from deep_storm.errors import StackError
from deep_storm.io.files import atomic_path
from deep_storm.report.style import styled

Pixels: TypeAlias = npt.NDArray[Any]

MM_PER_INCH = 25.4
DPI = 200
"""Of a figure in a file of its own."""
LAYOUT: Literal["constrained"] | None = "constrained"
"""How figures lay out their axes; it takes longer than to draw them."""
TEXT_PT, SMALL_PT = 8.0, 7.0
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#767676"
"""Colours that colour-blind readers tell apart (Okabe and Ito)."""


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """Return an empty white figure of the given size that lays out its own axes."""
    size = width_mm / MM_PER_INCH, height_mm / MM_PER_INCH
    return Figure(figsize=size, layout=LAYOUT, facecolor="white")


@styled
def save_figure(figure: Figure, path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Save a figure as PNG; the file appears complete or not at all.

    Parameters
    ----------
    figure
        The figure.
    path
        File name; its folder is made when missing.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    with atomic_path(path, overwrite) as partial:
        figure.savefig(partial, dpi=DPI, format="png")


def style_axes(axes: Axes, x_label: str, y_label: str) -> None:
    """Label a plot's axes and remove clutter."""
    axes.set_xlabel(x_label, fontsize=TEXT_PT)
    axes.set_ylabel(y_label, fontsize=TEXT_PT)
    axes.tick_params(labelsize=SMALL_PT, length=2.5, width=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_linewidth(0.6)


def checked_picture(image: Pixels, name: str) -> npt.NDArray[np.float64]:
    """Return a picture (y, x) as float64.

    Raises
    ------
    StackError
        It is not two-dimensional, or empty.
    """
    values = np.asarray(image, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise StackError(
            f"the {name} has the shape {values.shape}",
            "one picture (y, x)",
            "give one frame or one image",
        )
    return values


def display_range(image: Pixels, low: float, high: float) -> tuple[float, float]:
    """Return the percentiles between which an image is shown, different even if it is constant."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    bottom, top = (float(v) for v in np.percentile(finite, [low, high]))
    return bottom, top if top > bottom else bottom + 1.0


def show_picture(
    axes: Axes, image: Pixels, pixel_size_nm: float, limits: tuple[float, float], colours: str
) -> AxesImage:
    """Show a picture with axes in µm, origin at the corner of pixel (0, 0)."""
    height, width = image.shape
    extent = (0.0, width * pixel_size_nm / 1000, height * pixel_size_nm / 1000, 0.0)
    # Pixels without a value are blue: neither dark nor bright.
    colour_map = colormaps[colours].with_extremes(bad="#3b6fb6")
    return axes.imshow(
        image,
        cmap=colour_map,
        vmin=limits[0],
        vmax=limits[1],
        extent=extent,
        interpolation="antialiased",
    )


def titled_picture(
    axes: Axes,
    image: Pixels,
    pixel_size_nm: float,
    limits: tuple[float, float],
    title: str,
    colours: str,
) -> None:
    """Show a picture with a title and a scale bar, without axes."""
    show_picture(axes, image, pixel_size_nm, limits, colours)
    axes.set_title(title, fontsize=TEXT_PT)
    add_scale_bar(axes)
    hide_ticks(axes)


def difference_scale(figure: Figure, axes: Axes, limit: float, shown: str) -> None:
    """Draw the scale of differences from −``limit`` to ``limit``, which is called ``shown``."""
    bar = figure.colorbar(axes.images[0], ax=axes, shrink=0.75, ticks=[-limit, 0.0, limit])
    bar.ax.set_yticklabels([f"−{shown}", "0", shown], fontsize=SMALL_PT)


def add_scale_bar(axes: Axes, left: bool = False) -> None:
    """Draw a scale bar of a round length into a lower corner of a picture in µm."""
    start_um, end_um = axes.get_xlim()
    length_um = round_length(abs(end_um - start_um) / 4)
    share = length_um / abs(end_um - start_um)
    text = f"{length_um:.3g} µm" if length_um >= 0.5 else f"{1000 * length_um:.3g} nm"
    # Shares of the axes: the bar is centred in a dark box that keeps it legible on any picture.
    width = max(share, 0.19) + 0.05
    x = 0.02 if left else 0.98 - width
    in_axes: dict[str, Any] = {"transform": axes.transAxes, "linewidth": 0}
    axes.add_patch(Rectangle((x, 0.02), width, 0.12, color="black", alpha=0.6, **in_axes))
    middle = x + width / 2
    axes.add_patch(Rectangle((middle - share / 2, 0.04), share, 0.016, color="white", **in_axes))
    axes.text(
        middle,
        0.066,
        text,
        transform=axes.transAxes,
        color="white",
        fontsize=SMALL_PT,
        ha="center",
        va="bottom",
    )


def round_length(most: float) -> float:
    """Return the largest of 1, 2, 5 × 10ⁿ that is not above ``most``."""
    decade = 10.0 ** math.floor(math.log10(most))
    return max(step * decade for step in (1, 2, 5) if step * decade <= most * (1 + 1e-9))


def hide_ticks(axes: Axes) -> None:
    """Remove ticks and frame from a picture that has a scale bar."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
