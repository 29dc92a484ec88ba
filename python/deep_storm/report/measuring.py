"""Figure of a matched simulation: the measurements, and frames beside simulated ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deep_storm.estimation.result import Estimate
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

FloatArray = npt.NDArray[np.float64]
Frames = npt.NDArray[np.generic]

BINS = 50
MIN_VALUES = 20


@styled
def estimate_figure(
    found: Estimate, frames: Frames | None = None, simulated: Frames | None = None
) -> Figure:
    """Draw the histograms of an estimate, and frames beside simulated ones.

    Parameters
    ----------
    found
        The estimate.
    frames, simulated
        Frames of the stack and of the matched simulation, (t, y, x) in ADU each; None without a
        stack.
    """
    rows = 2 if frames is None else 4
    figure = new_figure(180, 60 * rows)
    panels = figure.subplots(rows, 2, squeeze=False)
    efficiency = found.camera.quantum_efficiency
    isolated = found.isolated
    alone = None if isolated is None else isolated.photons / efficiency
    table = None if found.table is None else found.table.intensity_photon
    emitters, psf = found.emitters, found.psf
    mean_std = emitters.intensity_photon, emitters.intensity_std_photon
    _distribution(panels[0, 0], alone, table, mean_std, "photons of an emitter in a frame")
    widths = None if isolated is None else found.camera.nm(isolated.sigma_px)
    table = None if found.table is None else found.table.sigma_nm
    _distribution(panels[0, 1], widths, table, (psf.sigma_nm, psf.sigma_std_nm), "PSF sigma (nm)")
    light = None if isolated is None else isolated.background / efficiency
    table = None if found.table is None else found.table.background_photon
    mean_std = found.background.background_photon, found.background.background_std_photon
    _distribution(panels[1, 0], light, table, mean_std, "background (photons per pixel)")
    _local_density(panels[1, 1], found)
    if frames is not None and simulated is not None:
        pictures = (frames[len(frames) // 2], simulated[len(simulated) // 2])
        limits = display_range(np.asarray(pictures[0], dtype=np.float64), 0.5, 99.7)
        for axes, picture, title in zip(
            panels[2], pictures, ("a frame", "a simulated frame"), strict=True
        ):
            show_picture(axes, picture, found.camera.pixel_size_nm, limits, "gray")
            axes.set_title(title, fontsize=TEXT_PT)
            add_scale_bar(axes)
            hide_ticks(axes)
        _pixel_values(panels[3, 0], frames, simulated)
        _density(panels[3, 1], found)
    return figure


def _distribution(
    axes: Axes,
    alone: FloatArray | None,
    table: FloatArray | None,
    mean_std: tuple[float, float],
    label: str,
) -> None:
    """Draw the fitted values, and mean ± standard deviation of the matched simulation."""
    mean, std = mean_std
    high = mean + 5 * max(std, 0.05 * mean)
    edges = np.linspace(max(0.0, mean - 5 * max(std, 0.05 * mean)), high, BINS + 1)
    shown = ((alone, "isolated emitters", GREY), (table, "localization table", BLUE))
    for values, name, colour in shown:
        if values is not None and values.size >= MIN_VALUES:
            axes.hist(
                values,
                edges.tolist(),
                density=True,
                histtype="step",
                color=colour,
                label=f"{name} ({values.size:,})",
            )
    axes.axvspan(mean - std, mean + std, color=VERMILION, alpha=0.15, linewidth=0)
    axes.axvline(mean, color=VERMILION, linewidth=1.2, label=f"matched: {mean:.4g} ± {std:.3g}")
    axes.set_yticks([])
    style_axes(axes, label, "share")
    axes.set_ylim(0, 1.4 * max(axes.get_ylim()[1], 1e-12))  # room for the legend
    axes.legend(fontsize=SMALL_PT, frameon=False, loc="upper right")


def _pixel_values(axes: Axes, frames: Frames, simulated: Frames) -> None:
    """Draw the distribution of pixel values in the frames and in the simulation."""
    values = np.asarray(frames, dtype=np.float64).ravel()
    low, high = np.quantile(values, [0.0, 0.9995])
    # whole steps of ADU: other edges would give some bins more values than others
    step = max(1.0, np.ceil((high - low) / (4 * BINS))) if high - low > 2 else (high - low) / BINS
    edges = np.arange(low - 0.5, high + step, step)
    for stack, name, colour in ((frames, "frames", GREY), (simulated, "simulated", VERMILION)):
        axes.hist(
            np.asarray(stack, dtype=np.float64).ravel(),
            edges.tolist(),
            density=True,
            histtype="step",
            color=colour,
            label=name,
        )
    axes.set_yscale("log")
    style_axes(axes, "pixel value (ADU)", "share")
    axes.legend(fontsize=SMALL_PT, frameon=False)


def _local_density(axes: Axes, found: Estimate) -> None:
    """Draw the local density around emitters, with the percentiles that are stated."""
    values = found.density_map
    if values is not None:
        high = float(np.percentile(values, 99.9)) or 1.0
        axes.hist(
            values.ravel(),
            np.linspace(0.0, high, BINS + 1).tolist(),
            weights=np.maximum(values, 0.0).ravel(),
            density=True,
            histtype="step",
            color=GREY,
            label="around an emitter",
        )
    for quantity, name, line in zip(
        found.local_density, ("median", "90 %", "99 %"), ("-", "--", ":"), strict=False
    ):
        label = f"{name}: {quantity.value:.3g}"
        axes.axvline(quantity.value, color=VERMILION, linewidth=1.0, linestyle=line, label=label)
    axes.set_yticks([])
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.4 * max(axes.get_ylim()[1], 1e-12))  # room for the legend
    style_axes(axes, "local density (per µm² per frame)", "share")
    axes.legend(fontsize=SMALL_PT, frameon=False, loc="upper right")


def _density(axes: Axes, found: Estimate) -> None:
    """Draw where the emitters are."""
    if found.density_map is None:
        axes.set_axis_off()
        return
    limits = 0.0, float(np.percentile(found.density_map, 99.7))
    picture = show_picture(axes, found.density_map, found.camera.pixel_size_nm, limits, "inferno")
    axes.set_title("emitters per µm² per frame", fontsize=TEXT_PT)
    add_scale_bar(axes)
    hide_ticks(axes)
    bar = axes.figure.colorbar(picture, ax=axes, shrink=0.9)
    bar.ax.tick_params(labelsize=SMALL_PT)
