"""The plots: each function takes data and returns a :class:`matplotlib.figure.Figure`.

Curves are drawn here, pictures in :mod:`deep_storm.report.pictures`. Save a figure with
:func:`save_figure`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deep_storm.errors import TableError
from deep_storm.report.figures import (
    BLUE,
    GREY,
    SMALL_PT,
    TEXT_PT,
    VERMILION,
    new_figure,
    save_figure,
    style_axes,
)
from deep_storm.report.pictures import example_frames, preview_overlay, side_by_side
from deep_storm.report.sheets import patch_sheet
from deep_storm.report.style import styled

__all__ = [
    "example_frames",
    "loss_curve",
    "patch_sheet",
    "preview_overlay",
    "save_figure",
    "side_by_side",
]


@styled
def loss_curve(history: pd.DataFrame) -> Figure:
    """Draw the loss during training.

    Parameters
    ----------
    history
        A row per entry with the columns ``loss`` and, where they are known, ``step`` or ``epoch``,
        ``validation_loss`` (may have gaps) and ``learning_rate``.

    Raises
    ------
    TableError
        There is no column ``loss``, or no row.
    """
    if "loss" not in history or not len(history):
        raise TableError(
            f"the history has {len(history)} rows and the columns "
            f"{', '.join(map(str, history.columns)) or 'none'}",
            "at least one row and a column loss",
            "train for at least one step",
        )
    along = next((c for c in ("step", "epoch") if c in history), None)
    x = history[along].to_numpy(np.float64) if along else np.arange(1.0, len(history) + 1)
    with_rate = "learning_rate" in history
    figure = new_figure(90, 80 if with_rate else 65)
    ratios = [3, 1] if with_rate else [1]
    panels = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    style_axes(panels[0], "", "loss")
    marker = "o" if len(history) == 1 else None
    loss = history["loss"].to_numpy(np.float64)
    panels[0].plot(x, loss, color=GREY, linewidth=0.9, marker=marker, label="training")
    if "validation_loss" in history:
        _add_validation(panels[0], x, history["validation_loss"].to_numpy(np.float64))
    shown = loss[np.isfinite(loss)]
    if len(shown) and shown.min() > 0 and shown.max() > 10 * shown.min():
        panels[0].set_yscale("log")
    panels[0].legend(fontsize=SMALL_PT, frameon=False)
    if with_rate:
        panels[1].plot(x, history["learning_rate"].to_numpy(np.float64), color=GREY, linewidth=0.9)
        style_axes(panels[1], "", "learning rate")
        panels[1].ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
        panels[1].yaxis.offsetText.set_fontsize(SMALL_PT)
    panels[-1].set_xlabel(f"training {along}" if along else "entry", fontsize=TEXT_PT)
    return figure


def _add_validation(axes: Axes, x: npt.NDArray[np.float64], loss: npt.NDArray[np.float64]) -> None:
    known = np.isfinite(loss)
    if not known.any():
        return
    x, loss = x[known], loss[known]
    best = int(np.argmin(loss))
    axes.plot(x, loss, color=BLUE, linewidth=1.3, label="validation")
    axes.plot(
        x[best], loss[best], "o", color=VERMILION, markersize=4, label=f"best: {loss[best]:.4g}"
    )
