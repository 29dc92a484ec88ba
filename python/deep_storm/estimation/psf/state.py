"""State of the fit: PSF, emitters and background of scenes, and the residual they leave."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.psf.emitters import Emitters
from deep_storm.estimation.psf.kernels import Placed, add_light, place
from deep_storm.estimation.psf.scenes import Scenes
from deep_storm.estimation.psf.spline import Spline
from deep_storm.estimation.psf.surface import (
    SHARED_STEP_SIGMAS,
    STEP_SIGMAS,
    Grid,
    add_surfaces,
    gather_nodes,
    make_grid,
    moved_to,
    surfaces,
)
from deep_storm.psf.fitting import GaussianFit, fit_gaussian
from deep_storm.psf.table import SAMPLES_PER_PX

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FIRST_SCATTER = 0.1
"""Backgrounds of one view scatter by this share of their mean, until the movie tells."""
MIN_SCATTER = 0.002
CHANGING = 0.1
"""Backgrounds that scatter by more than this around their view's change (relative): as they bleach
with the molecules, a PSF with wide tails would explain them."""
MIN_EXPECTED = 0.05
MIN_SHARED = 4
"""Scenes a view, in the mean, from which on what they share is known finely."""


@dataclass
class State:
    """PSF, emitters and background of some scenes.

    Attributes
    ----------
    scenes
        What is explained.
    spline, coefficients
        The PSF.
    emitters
        Whatever shines.
    grid
        Nodes of what scenes do not share of the background.
    nodes
        How the background of each scene differs from that of its view, photoelectrons, float64 of
        shape (s, rows, columns).
    view_grid
        Nodes of what they share.
    views
        Background of each view, float64 of shape (views, rows, columns).
    levels
        How much brighter all of a scene's background is than its view's, photoelectrons, float64 of
        shape (s,); None where they hardly differ.
    scatter
        Variance of ``nodes``, photoelectrons².
    variance
        Of a pixel without light, float64 of shape (windows, y, x): the camera's, raised where a
        pixel turns out to be noisier.
    sigma_px
        Of the Gaussian that fits the PSF best.
    misfit
        Relative error of the PSF that is added to the noise: where there is light enough to see
        every error of it (beads).
    """

    scenes: Scenes
    spline: Spline
    coefficients: FloatArray
    emitters: Emitters
    grid: Grid
    nodes: FloatArray
    view_grid: Grid
    views: FloatArray
    scatter: float
    variance: FloatArray
    sigma_px: float
    misfit: float = 0.0
    levels: FloatArray | None = None

    @classmethod
    def begun(
        cls, scenes: Scenes, sigma_px: float, emitters: Emitters, blinking: bool = True
    ) -> State:
        """Return the initial state of a fit: a Gaussian, and a flat background in each view.

        Only of molecules that blink the background of a view can be told finely: beside beads,
        their tails would be taken for it.
        """
        spline = Spline.for_sigma(sigma_px, min(scenes.size_px))
        grid = make_grid(*scenes.size_px, sigma_px)
        count = int(scenes.view.max()) + 1
        level = [np.nanmedian(scenes.photons[scenes.view == k]) for k in range(count)]
        flat = np.maximum(np.array(level), MIN_EXPECTED)[:, None, None]
        shared = _shared_grid(scenes, sigma_px) if blinking else grid
        views = np.broadcast_to(flat, (count, shared.rows, shared.columns)).copy()
        return cls(
            scenes,
            spline,
            spline.gaussian(sigma_px),
            emitters,
            grid,
            np.zeros((len(scenes), grid.rows, grid.columns)),
            shared,
            views,
            (FIRST_SCATTER * float(views.mean())) ** 2,
            scenes.variance.copy(),
            sigma_px,
            levels=_levels(scenes) if blinking else None,
        )

    def for_scenes(self, scenes: Scenes) -> State:
        """Return the initial state for other scenes of the same movie, without emitters."""
        # The nodes stay at the distance that fitted the first guess of the PSF's width.
        sigma_px = self.grid.step_px / STEP_SIGMAS
        grid, window = _shared_grid(scenes, sigma_px), self.window_of_views()
        before = moved_to(grid, self.views, self.view_grid)
        usual = before.mean(axis=0)
        views = np.empty((int(scenes.view.max()) + 1, *usual.shape))
        for view, own in set(zip(scenes.view.tolist(), scenes.window.tolist(), strict=True)):
            seen = before[window == own]
            views[view] = seen.mean(axis=0) if len(seen) else usual
        return replace(
            self,
            scenes=scenes,
            emitters=Emitters.none(),
            view_grid=grid,
            views=views,
            nodes=np.zeros((len(scenes), self.grid.rows, self.grid.columns)),
            variance=self.variance.copy(),
            levels=_levels(scenes),
        )

    @property
    def peak(self) -> float:
        """Largest share of the photons in a pixel."""
        return float(self.spline.values(self.coefficients).max())

    def shares(self, radius_px: int) -> FloatArray:
        """Return the PSF at the centres of the pixels around an emitter, (2 · radius + 1)²."""
        radius_px = min(radius_px, self.spline.radius_px)
        values = self.spline.values(self.coefficients, 1)
        middle = slice(self.spline.radius_px - radius_px, self.spline.radius_px + radius_px + 1)
        return values[middle, middle]

    def gaussian(self) -> GaussianFit:
        """Return the Gaussian that fits the PSF best."""
        return fit_gaussian(self.spline.values(self.coefficients), SAMPLES_PER_PX)

    def placed(self) -> Placed:
        """Return the emitters with their windows."""
        own = self.emitters
        return place(
            own.scene,
            own.x_px,
            own.y_px,
            own.photons,
            self.coefficients,
            self.spline.radius_px,
            self.spline.knots,
        )

    def background(self) -> FloatArray:
        """Return the background of the scenes, float64 of shape (s, y, x)."""
        background = surfaces(self.views, self.view_grid.step_px, *self.scenes.size_px)
        background = background[self.scenes.view]
        if self.levels is not None:
            background += self.levels[:, None, None]
        add_surfaces(self.nodes, self.grid.step_px, background)
        return background

    def light(self) -> FloatArray:
        """Return the expected photons of the emitters, float64 of shape (s, y, x)."""
        light = np.zeros(self.scenes.photons.shape)
        add_light(self.placed(), light)
        return light

    def noise(self, expected: FloatArray) -> FloatArray:
        """Return the variance of each pixel; infinite where the pixel is unknown."""
        variance = np.maximum(expected, MIN_EXPECTED) * self.scenes.excess
        variance += self.variance[self.scenes.window]
        return np.where(np.isnan(self.scenes.photons), np.inf, variance)

    def residual(self, expected: FloatArray) -> FloatArray:
        """Return data minus model; 0 where the pixel is unknown."""
        return np.nan_to_num(self.scenes.photons - expected, nan=0.0)

    def seen(self) -> Emitters:
        """Return the emitters but those whose own pixel is unknown."""
        own = self.emitters
        _, height, width = self.scenes.photons.shape
        row = np.clip(np.floor(own.y_px).astype(np.int64), 0, height - 1)
        column = np.clip(np.floor(own.x_px).astype(np.int64), 0, width - 1)
        return own.kept(np.isfinite(self.scenes.photons[own.scene, row, column]))

    def window_of_views(self) -> Integers:
        """Return the window of each view, int64 of shape (views,)."""
        window = np.zeros(len(self.views), np.int64)
        window[self.scenes.view] = self.scenes.window
        return window

    def known_nodes(self, grid: Grid) -> npt.NDArray[np.bool_]:
        """Return which nodes lie among mostly known pixels, (windows, rows, columns)."""
        scenes = self.scenes
        known = np.zeros((len(scenes.windows), grid.rows, grid.columns), dtype=bool)
        for k in np.unique(scenes.window):
            share = np.isfinite(scenes.photons[scenes.window == k]).mean(axis=0)
            weights = np.zeros((2, grid.rows, grid.columns))
            gather_nodes(np.stack([share, np.ones_like(share)]), grid.step_px, weights)
            known[k] = weights[0] > 0.5 * weights[1]
        return known

    def mean_background(self) -> float:
        """Return the mean background of the views, where pixels are known; photoelectrons."""
        known = self.known_nodes(self.view_grid)[self.window_of_views()]
        return float(self.views[known].mean() if known.any() else self.views.mean())

    def settle_levels(self) -> None:
        """Put down to all of a scene's background what its nodes have in common, in place."""
        if self.levels is None:
            return
        expected = self.background() + self.light()
        weight = 1.0 / self.noise(expected)
        known = np.maximum(weight.sum(axis=(1, 2)), 1e-12)
        left = (weight * self.residual(expected)).sum(axis=(1, 2)) / known
        common = self.nodes.mean(axis=(1, 2))
        self.nodes -= common[:, None, None]
        self.levels = self.levels + common + left
        view = self.scenes.view
        usual = np.bincount(view, self.levels) / np.bincount(view)
        self.levels -= usual[view]
        self.views += usual[:, None, None]

    def normalize(self, light: float) -> None:
        """Scale the PSF so that its window holds this share of the light, in place."""
        factor = light / self.spline.light(self.coefficients)
        self.coefficients *= factor
        self.emitters.photons /= factor
        self.emitters.error[:, 0] /= factor


def _levels(scenes: Scenes) -> FloatArray | None:
    """Return how much brighter scenes are than their views, if that matters."""
    level = np.nanmedian(scenes.photons, axis=(1, 2))
    usual = np.bincount(scenes.view, level) / np.bincount(scenes.view)
    apart: FloatArray = level - usual[scenes.view]
    return apart if np.std(apart) > CHANGING * usual.mean() else None


def _shared_grid(scenes: Scenes, sigma_px: float) -> Grid:
    """Return the nodes of what the scenes of a view share."""
    shared = len(scenes) >= MIN_SHARED * len(np.unique(scenes.view))
    step_sigmas = SHARED_STEP_SIGMAS if shared else STEP_SIGMAS
    return make_grid(*scenes.size_px, sigma_px, step_sigmas)
