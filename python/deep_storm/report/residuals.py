"""Figure of the residuals: where the frames differ from what the model explains."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from deep_storm.quality.fits import ResidualPicture
from deep_storm.report.figures import (
    difference_scale,
    display_range,
    new_figure,
    titled_picture,
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
        titled_picture(axes, image, pixel_size_nm, limits, title, "gray")
    left = panels[2]
    titled_picture(left, picture.off, pixel_size_nm, (-LIMIT, LIMIT), "difference", "RdBu_r")
    top, start, height, width = (edge * pixel_size_nm / 1000 for edge in picture.worst_px)
    left.add_patch(Rectangle((start, top), width, height, fill=False, edgecolor="black"))
    difference_scale(figure, left, LIMIT, f"{LIMIT:.0f} σ")
    if picture.common is not None and picture.image is not None:
        shares = picture.common / picture.image.max()
        limit = max(float(np.abs(shares).max()), 0.01)
        title = f"{counted(picture.emitters, 'emitter')} alone"
        titled_picture(panels[3], shares, pixel_size_nm, (-limit, limit), title, "RdBu_r")
        difference_scale(figure, panels[3], limit, f"{limit:.1%}")
    return figure
