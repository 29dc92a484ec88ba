"""Statistics of the light of a movie, from a finished fit of its PSF.

How much molecules differ in width, on what they lie, how uneven the background is, and how much of
it is haze: what a simulation must know besides the PSF to look like the movie.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.optimize import brentq

from deep_storm.estimation.density import (
    SMOOTH_PX,
    Structure,
    filament_length,
    structure_of,
    unevenness_of_frames,
)
from deep_storm.estimation.psf.kernels import Placed
from deep_storm.estimation.psf.state import State
from deep_storm.psf.line_spread import line_square_per_px
from deep_storm.psf.table import SAMPLES_PER_PX
from deep_storm.robust import MEDIAN_OF_NORMAL

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CORE_SIGMAS = 3.0
"""Half the window in which a molecule's width is looked at."""
MAX_WIDTH_ERROR = 0.2
"""Of a molecule whose width counts (relative)."""
MIN_MOLECULES = 30
MIN_SCENES = 8
APART = 0.25
"""Scenes that are compared lie at least this share of all apart: molecules stay on for a few."""
MAX_WIDTH_STD = 0.5
MIN_UNEVENNESS = 0.05
"""A background that varies less than this over the field is even,"""
MIN_HAZE = 0.05
"""and one that scatters less than this from frame to frame has no haze (both relative)."""
MIN_CHANGES = 0.1
"""A background that changes less from frame to frame, in all of the field alike, does not change
(relative)."""
MIN_BACKGROUND_SHARE = 0.2
"""At least this share of the background is not haze."""
SCATTER_OF_HAZE = 0.0121
"""Variance of nodes for an emitter out of focus per pixel, times (sigma / photons)².

Lengths of haze and grid are in sigmas, so only that product matters. It is that of the haze that is
simulated (``simulation/haze.py``), fitted with nodes.
"""


class MovieLight(NamedTuple):
    """Statistics of the light of a movie.

    Attributes
    ----------
    width_std
        Relative standard deviation of the molecules' widths.
    photons_std
        Standard deviation of the molecules' photons in a frame.
    unevenness
        Standard deviation over the mean of the background that stays, over the field.
    haze_per_um2
        Emitters far out of focus that explain how the background changes from frame to frame.
    haze_photon
        Their share of the mean background, photons per pixel.
    structure
        What molecules lie on; an uneven background has no say in it.
    filament_um_per_um2
        Length of the filaments in an area, if it is these; 0 where molecules lie anywhere.
    changes
        Standard deviation over the mean of the background from frame to frame, over all of the
        field at once.
    """

    width_std: float
    photons_std: float
    unevenness: float
    haze_per_um2: float
    haze_photon: float
    structure: Structure
    filament_um_per_um2: float = 0.0
    changes: float = 0.0


def light_of(state: State) -> MovieLight:
    """Return statistics of the light in the scenes of a finished fit."""
    own, scenes = state.seen(), state.scenes
    noise = np.minimum(own.error[:, 0], own.photons)
    spread = float(np.var(own.photons) - np.mean(noise**2)) if len(own) else 0.0
    haze_per_px = _haze_per_px(state)
    area_um2 = (scenes.pixel_size_nm / 1000.0) ** 2
    return MovieLight(
        width_std(state),
        math.sqrt(max(spread, 0.0)) / scenes.efficiency,
        _unevenness(state),
        haze_per_px / area_um2,
        haze_per_px * _mean_photons(state) / scenes.efficiency,
        *_structure(state),
        _changes(state),
    )


def width_std(state: State) -> float:
    """Return the relative standard deviation of the molecules' widths, beyond noise.

    A molecule that is wider than the PSF by the share s adds s times the PSF's derivative by its
    own scale to the residuals. That is fitted to each molecule together with its photons, place
    and background. The median tells the spread, as two molecules taken for one are wide too.
    """
    share, error = _widths(state)
    sure = error < MAX_WIDTH_ERROR
    if sure.sum() < MIN_MOLECULES:
        return 0.0
    share, error = share[sure], error[sure]
    off = np.abs(share - np.median(share))

    def excess(std: float) -> float:
        return float(np.median(off / np.hypot(error, std))) - MEDIAN_OF_NORMAL

    if excess(0.0) <= 0.0:
        return 0.0
    return float(brentq(excess, 0.0, 10.0)) if excess(MAX_WIDTH_STD) < 0.0 else MAX_WIDTH_STD


def _widths(state: State) -> tuple[FloatArray, FloatArray]:
    """Return each molecule's width relative to the PSF's, minus one, and its error."""
    placed = state.placed()
    expected = state.background() + state.light()
    variance, residual = state.noise(expected), state.residual(expected)
    inside = _inside(placed, state)
    if not inside.size:
        return np.empty(0), np.empty(0)
    rows, columns, core = _core(placed, state, inside)
    scene = placed.scene[inside][:, None, None]
    weight = 1.0 / variance[scene, rows, columns]
    pull = residual[scene, rows, columns]
    window = placed.window[inside][:, :, core, core].astype(np.float64)
    photons = placed.photons[inside][:, None, None]
    across = columns + 0.5 - state.emitters.x_px[inside][:, None, None]
    down = rows + 0.5 - state.emitters.y_px[inside][:, None, None]
    # Scale s: PSF(r / s) / s², of which the derivative at 1 is −2 PSF − r · gradient; by place it
    # is minus the gradient.
    wider = -2.0 * photons * window[:, 0] + across * window[:, 1] + down * window[:, 2]
    flat = np.ones_like(wider)
    design = np.stack([window[:, 0], window[:, 1], window[:, 2], flat, wider], axis=1)
    design = design.reshape(*design.shape[:2], -1)
    weighted = design * weight.reshape(len(weight), 1, -1)
    information = weighted @ design.swapaxes(1, 2)
    wanted = weighted @ pull.reshape(len(pull), -1, 1)
    covariance = np.linalg.pinv(information, hermitian=True)
    share: FloatArray = (covariance @ wanted)[:, -1, 0]
    return share, np.sqrt(np.maximum(covariance[:, -1, -1], 0.0))


def _inside(placed: Placed, state: State) -> Integers:
    """Return the molecules whose core lies within the scene, without unknown pixels."""
    reach = _reach_px(placed, state)
    height, width = state.scenes.size_px
    x, y = state.emitters.x_px, state.emitters.y_px
    inside = (x >= reach) & (x < width - reach) & (y >= reach) & (y < height - reach)
    index = np.flatnonzero(inside)
    rows, columns, _ = _core(placed, state, index)
    scene = placed.scene[index][:, None, None]
    known = np.isfinite(state.scenes.photons[scene, rows, columns]).all(axis=(1, 2))
    return index[known]


def _reach_px(placed: Placed, state: State) -> int:
    """Return half the edge of a molecule's core."""
    return min(math.ceil(CORE_SIGMAS * state.sigma_px), placed.window.shape[2] // 2)


def _core(placed: Placed, state: State, index: Integers) -> tuple[Integers, Integers, slice]:
    """Return rows (n, k, 1) and columns (n, 1, k) of the cores, and their slice of the windows."""
    reach, radius = _reach_px(placed, state), placed.window.shape[2] // 2
    core = slice(radius - reach, radius + reach)
    along = np.arange(core.start, core.stop)
    rows = (placed.corner[index, 0, None] + along)[:, :, None]
    columns = (placed.corner[index, 1, None] + along)[:, None, :]
    return rows, columns, core


def _structure(state: State) -> tuple[Structure, float]:
    """Return what molecules lie on and the length of filaments, if it is these.

    Both by the mean without background. A part of the field with few frames may be all spots; how
    uneven it is does not depend on that. Lengths of all parts together: what each adds to the mean
    square beyond that of its mean is the light on its own filaments.
    """
    scenes = state.scenes
    light = scenes.photons - state.background()
    kinds: list[Structure] = []
    means, beyond = [], []
    for k in np.unique(scenes.window):
        own = light[scenes.window == k]
        if len(own) < MIN_SCENES:
            continue
        smooth = ndimage.gaussian_filter(_known(own), (0.0, SMOOTH_PX, SMOOTH_PX), mode="nearest")
        uneven = unevenness_of_frames(smooth, max(int(APART * len(own)), 1))
        kinds.append(structure_of(smooth.mean(axis=0), uneven, state.sigma_px))
        means.append(float(smooth.mean()))
        beyond.append((uneven - 1.0) * means[-1] ** 2)
    most: Structure = max(kinds, key=kinds.count) if kinds else "mixed"
    together = sum(beyond) * len(beyond)
    if most == "uniform" or together <= 0.0:
        return most, 0.0
    values = state.spline.values(state.coefficients)
    line_square = line_square_per_px(values, SAMPLES_PER_PX, SMOOTH_PX)
    uneven = 1.0 + together / sum(means) ** 2
    return most, filament_length(uneven, line_square, scenes.pixel_size_nm)


def _known(light: FloatArray) -> FloatArray:
    """Return scenes whose unknown pixels are as they are in the others in the mean, or as all."""
    known = np.isfinite(light)
    if known.all():
        return light
    count = known.sum(axis=0)
    mean = np.where(known, light, 0.0).sum(axis=0) / np.maximum(count, 1)
    usual = light[known].mean() if known.any() else 0.0
    return np.where(known, light, np.where(count > 0, mean, usual))


def _unevenness(state: State) -> float:
    """Return the relative standard deviation of the constant background over the field."""
    known, window = state.known_nodes(state.view_grid), state.window_of_views()
    parts = [state.views[window == k].mean(axis=0)[known[k]] for k in np.unique(window)]
    field = np.concatenate(parts)
    relative = float(field.std() / field.mean()) if field.size else 0.0
    return relative if relative >= MIN_UNEVENNESS else 0.0


def _haze_per_px(state: State) -> float:
    """Return the number of out-of-focus emitters per pixel and frame."""
    level = state.mean_background()
    scenes, together = _together(state)
    if state.levels is not None:  # the scatter is that around them
        together = together - state.levels[scenes]
    scatter = state.scatter - float(np.var(together)) if together.size else state.scatter
    if scatter <= (MIN_HAZE * level) ** 2:
        return 0.0
    photons = _mean_photons(state)
    density = scatter / (SCATTER_OF_HAZE * (photons / state.sigma_px) ** 2)
    return min(density, (1.0 - MIN_BACKGROUND_SHARE) * level / photons)


def _together(state: State) -> tuple[Integers, FloatArray]:
    """Return by how much scenes with known nodes are brighter than their view: lamps, not haze.

    Returns
    -------
    Which scenes, and the mean of their nodes.
    """
    known = state.known_nodes(state.grid)[state.scenes.window]
    counts = known.sum(axis=(1, 2))
    scenes = np.flatnonzero(counts)
    apart = np.where(known, state.nodes, 0.0).sum(axis=(1, 2))
    together = apart[scenes] / counts[scenes]
    return scenes, together if state.levels is None else together + state.levels[scenes]


def _changes(state: State) -> float:
    """Return the standard deviation of the background from frame to frame, over its mean."""
    scenes, together = _together(state)
    if not scenes.size:
        return 0.0
    known, window = state.known_nodes(state.view_grid), state.window_of_views()
    level = np.zeros(len(state.views))
    for k in np.unique(window):
        own = window == k
        if known[k].any():
            level[own] = state.views[own][:, known[k]].mean(axis=1)
            level[own] -= level[own].mean()
    std = float(np.std(together + level[state.scenes.view[scenes]]))
    relative = std / max(state.mean_background(), 1e-6)
    return relative if relative >= MIN_CHANGES else 0.0


def _mean_photons(state: State) -> float:
    photons = state.seen().photons
    return float(photons.mean()) if len(photons) else 1.0
