"""The plots: each function takes data and returns a :class:`matplotlib.figure.Figure`.

Curves are drawn here, pictures in :mod:`deep_storm.report.pictures`. Save a figure with
:func:`save_figure`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from deep_storm.errors import TableError
from deep_storm.quality.calibration import calibration_error, reliability
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
    "calibration_curve",
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


@styled
def calibration_curve(
    confidence: npt.NDArray[np.floating[Any]], correct: npt.NDArray[np.bool_], bins: int = 10
) -> Figure:
    """Draw the share of correct localizations against their confidence.

    Parameters
    ----------
    confidence
        (n,), in 0–1.
    correct
        (n,), whether each localization found an emitter.
    bins
        Number of bins of equal width.
    """
    counts, mean_confidence, share = reliability(confidence, correct, bins)
    used = counts > 0
    spread = np.sqrt(share[used] * (1 - share[used]) / counts[used])
    figure = new_figure(80, 95)
    curve, histogram = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    curve.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    curve.errorbar(
        mean_confidence[used],
        share[used],
        yerr=spread,
        color=BLUE,
        marker="o",
        markersize=3.5,
        linewidth=1.1,
        elinewidth=0.8,
    )
    style_axes(curve, "", "localizations that are right")
    curve.set(xlim=(0, 1), ylim=(0, 1.02))
    curve.yaxis.set_major_formatter(PercentFormatter(1.0))
    error = calibration_error(confidence, correct, bins)
    text = f"expected calibration error {error:.3f}" if used.any() else "no localizations"
    curve.text(0.04, 0.96, text, transform=curve.transAxes, fontsize=SMALL_PT, va="top")
    histogram.bar(
        (np.arange(bins) + 0.5) / bins,
        counts,
        width=0.92 / bins,
        color=BLUE,
        alpha=0.6,
        linewidth=0,
    )
    style_axes(histogram, "confidence", "count")
    return figure
