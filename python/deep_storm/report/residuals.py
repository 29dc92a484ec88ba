"""Figure of the residuals: where the frames differ from what the model explains."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from deep_storm.quality.fits import ResidualPicture
from deep_storm.report.figures import (
    SMALL_PT,
    TEXT_PT,
    Pixels,
    add_scale_bar,
    display_range,
    hide_ticks,
    new_figure,
    show_picture,
)
from deep_storm.report.style import styled
from deep_storm.words import counted

LIMIT = 5.0
"""Standard deviations at which the colours of the residuals end."""


@styled
def residuals_figure(picture: ResidualPicture, pixel_size_nm: float) -> Figure:
    """Draw the frame that fits worst, and what isolated emitters have in common.

    Parameters
    ----------
    picture
        The frame, what explains it, and what is left.
    pixel_size_nm
        Pixel size of the camera.
    """
    common = picture.common is not None
    figure = new_figure(180 if common else 140, 46)
    panels = list(figure.subplots(1, 3 + common))
    limits = display_range(picture.seen, 0.5, 99.5)
    titles = f"frame {picture.frame + 1}", "emitters and background"
    for axes, image, title in zip(panels, (picture.seen, picture.expected), titles, strict=False):
        _show(axes, image, pixel_size_nm, limits, "gray", title)
    left = panels[2]
    _show(left, picture.off, pixel_size_nm, (-LIMIT, LIMIT), "RdBu_r", "difference")
    top, start, height, width = (edge * pixel_size_nm / 1000 for edge in picture.worst_px)
    left.add_patch(Rectangle((start, top), width, height, fill=False, edgecolor="black"))
    _bar(figure, left, (-LIMIT, LIMIT), (f"−{LIMIT:.0f} σ", "0", f"{LIMIT:.0f} σ"))
    if picture.common is not None and picture.image is not None:
        shares = picture.common / picture.image.max()
        limit = max(float(np.abs(shares).max()), 0.01)
        title = f"{counted(picture.emitters, 'emitter')} alone"
        _show(panels[3], shares, pixel_size_nm, (-limit, limit), "RdBu_r", title)
        _bar(figure, panels[3], (-limit, limit), (f"−{limit:.1%}", "0", f"{limit:.1%}"))
    return figure


def _show(
    axes: Axes,
    image: Pixels,
    pixel_size_nm: float,
    limits: tuple[float, float],
    colours: str,
    title: str,
) -> None:
    show_picture(axes, image, pixel_size_nm, limits, colours)
    axes.set_title(title, fontsize=TEXT_PT)
    hide_ticks(axes)
    add_scale_bar(axes)


def _bar(
    figure: Figure, axes: Axes, limits: tuple[float, float], labels: tuple[str, str, str]
) -> None:
    """Draw the scale of the colours, with its ends and its middle."""
    ticks = [limits[0], 0.0, limits[1]]
    bar = figure.colorbar(axes.images[0], ax=axes, shrink=0.75, ticks=ticks)
    bar.ax.set_yticklabels(labels, fontsize=SMALL_PT)
