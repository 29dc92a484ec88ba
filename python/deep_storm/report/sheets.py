"""A sheet of training patches with the emitters in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deep_storm.errors import StackError
from deep_storm.report.figures import (
    SMALL_PT,
    TEXT_PT,
    VERMILION,
    Pixels,
    display_range,
    hide_ticks,
    new_figure,
    show_picture,
)
from deep_storm.report.style import styled

COLUMNS, ROWS = 6, 4
PATCH_MM = 28.0


@styled
def patch_sheet(stack: Pixels, truth: pd.DataFrame, pixel_size_nm: float) -> Figure:
    """Draw the first patches of a training set with their emitters, at equal brightness.

    Parameters
    ----------
    stack
        (n, y, x), pixel values in ADU: a patch each. Up to 24 are shown.
    truth
        Emitters: ``frame`` (the patch, from 0), ``x_nm``, ``y_nm``.
    pixel_size_nm
        Pixel size of the patches.

    Raises
    ------
    StackError
        There is no patch.
    """
    patches = np.asarray(stack, dtype=np.float64)[: COLUMNS * ROWS]
    if patches.ndim != 3 or not len(patches):
        raise StackError(f"patches of shape {patches.shape}", "(n, height, width) with n ≥ 1")
    rows = -(-len(patches) // COLUMNS)
    figure = new_figure(COLUMNS * PATCH_MM + 4, rows * PATCH_MM + 10)
    panels = figure.subplots(rows, COLUMNS, squeeze=False)
    limits = display_range(patches, 0.5, 99)
    for number, axes in enumerate(panels.ravel()):
        if number >= len(patches):
            axes.set_visible(False)
            continue
        show_picture(axes, patches[number], pixel_size_nm, limits, "gray")
        emitters = truth[truth["frame"] == number]
        where = emitters["x_nm"].to_numpy() / 1000, emitters["y_nm"].to_numpy() / 1000
        axes.scatter(*where, marker="x", s=9, color=VERMILION, linewidths=0.6)
        axes.set_title(f"{len(emitters)}", fontsize=SMALL_PT, pad=1.5)
        hide_ticks(axes)
    figure.suptitle(
        f"training patches of {patches.shape[2]} × {patches.shape[1]} px "
        f"({patches.shape[2] * pixel_size_nm / 1000:.3g} µm), emitters (×) and their number",
        fontsize=TEXT_PT,
    )
    return figure
