"""One step of the joint fit: PSF, emitters and background of all scenes at once.

Expected photons are linear in the PSF's coefficients and in the background, and nearly so in small
changes of the emitters. A Gauss-Newton step solves the least-squares problem in all of them
together (weights 1/variance, residuals clipped), because none is known without the others: crowded
emitters are in the same equations, and what a wrong PSF leaves over is not put down to their
number.

The problem has some ten thousand unknowns and is solved by conjugate gradients.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.psf.kernels import OF_EMITTER, add_light, gather, spread
from deep_storm.estimation.psf.preconditioner import Preconditioner
from deep_storm.estimation.psf.state import MIN_SCATTER, State
from deep_storm.estimation.psf.surface import add_surfaces, gather_nodes, moved_to, surfaces
from deep_storm.estimation.psf.unknowns import Change, Free, Part, Partition

FloatArray = npt.NDArray[np.float64]

CLIP = 4.0
"""A pixel further off than so many standard deviations counts as this much."""
ITERATIONS = 60
CONVERGED = 1e-6
"""What is left (squared) over what there was when a step has converged. With 1e-4, tails and
background, which are told apart last, were not: in a crowd the PSF's error was twice as large."""
MAX_STEP_PX = 0.3
MIN_PHOTON_SHARE = 0.2
"""A step leaves at least this share of an emitter's photons."""
MIN_BACKGROUND = 0.01


class Linear:
    """The least-squares problem, linearized around a state.

    Parameters
    ----------
    state
        Where the step begins.
    free
        What it may change.
    pool
        Threads for the work.

    Attributes
    ----------
    chi2
        Mean square of the residuals in standard deviations.
    """

    def __init__(self, state: State, free: Free, pool: ThreadPoolExecutor) -> None:
        self._state, self._free = state, free
        self._partition = Partition.of(
            state.placed(), state.emitters.starts(len(state.scenes)), pool
        )
        light = np.zeros(state.scenes.photons.shape)
        self._partition.map(lambda part: add_light(part.placed, light[part.scenes]))
        expected = state.background() + light
        variance = state.noise(expected) + (state.misfit * light) ** 2
        self._weight = 1.0 / variance
        known = np.isfinite(variance)
        limit = CLIP * np.sqrt(np.where(known, variance, 0.0))
        self._residual = np.clip(state.residual(expected), -limit, limit)
        self.chi2 = float(np.sum(self._residual**2 * self._weight) / max(known.sum(), 1))
        self._roughness = state.spline.roughness(state.sigma_px)
        self._about = Preconditioner(state, free, self._weight, self._roughness, self._partition)

    def gradient(self) -> Change:
        """Return the gradient of the log posterior by each unknown."""
        state = self._state
        seen = self._gathered(self._weight * self._residual)
        rough = (self._roughness @ state.coefficients.ravel()).reshape(seen.psf.shape)
        scattered = state.nodes / state.scatter
        return self._fixed(seen._replace(psf=seen.psf - rough, nodes=seen.nodes - scattered))

    def noise(self, rng: np.random.Generator) -> Change:
        """Draw a gradient as noise alone would make it."""
        deviation = np.sqrt(self._weight * max(self.chi2, 1.0))
        return self._fixed(self._gathered(deviation * rng.standard_normal(deviation.shape)))

    def solve(self, gradient: Change) -> Change:
        """Solve the normal equations for a gradient, by preconditioned conjugate gradients."""
        rest = gradient
        found = rest.plus(-1.0, rest)
        along = self._about.apply(rest)
        height = first = rest.dot(along)
        for _ in range(ITERATIONS):
            if height <= CONVERGED * first or height <= 0.0:
                break
            answer = self._applied(along)
            length = height / along.dot(answer)
            found, rest = found.plus(length, along), rest.plus(-length, answer)
            towards = self._about.apply(rest)
            before, height = height, rest.dot(towards)
            along = towards.plus(height / before, along)
        return found

    def scatter_with(self, found: Change) -> float:
        """Return the variance of scenes' backgrounds around their views' after a change.

        Squares over the number of nodes that the frames, and not the variance assumed before,
        decide (D. J. C. MacKay, *Neural Comput.* 4, 415, 1992).
        """
        state = self._state
        apart = state.nodes + found.nodes
        decided = apart.size - float(self._about.node_variance.sum()) / state.scatter
        return float(np.sum(apart**2)) / max(decided, 1.0)

    def _fixed(self, change: Change) -> Change:
        """Return a gradient with zeros for the unknowns that are held fixed."""
        if not self._free.psf:
            change = change._replace(psf=np.zeros_like(change.psf))
        if not self._free.positions:
            change.emitters[:, 1:] = 0.0
        return change

    def _gathered(self, image: FloatArray) -> Change:
        """Apply the transposed derivatives to images (s, y, x)."""
        state, grid = self._state, self._state.grid
        emitters = np.empty((len(state.emitters), OF_EMITTER))
        nodes = np.zeros((len(state.scenes), grid.rows, grid.columns))

        def work(part: Part) -> FloatArray:
            psf, own = np.zeros_like(state.coefficients), image[part.scenes]
            wanted = psf if self._free.psf else None
            gather(part.placed, own, state.spline.knots, wanted, emitters[part.emitters])
            gather_nodes(own, grid.step_px, nodes[part.scenes])
            return psf

        psf: FloatArray = np.sum(self._partition.map(work), axis=0)
        views = np.zeros_like(state.views)
        together = np.zeros((len(views), *image.shape[1:]))
        for seen, own in zip(image, state.scenes.view, strict=True):
            together[own] += seen
        gather_nodes(together, state.view_grid.step_px, views)
        return Change(psf, emitters, nodes, views)

    def _applied(self, change: Change) -> Change:
        """Apply the information matrix."""
        state, about = self._state, self._about
        shared = surfaces(change.views, state.view_grid.step_px, *state.scenes.size_px)
        image = shared[state.scenes.view]

        def work(part: Part) -> None:
            own, emitters = image[part.scenes], change.emitters[part.emitters]
            psf = change.psf if self._free.psf else None
            spread(part.placed, psf, emitters, state.spline.knots, own)
            add_surfaces(change.nodes[part.scenes], state.grid.step_px, own)

        self._partition.map(work)
        seen = self._gathered(self._weight * image)
        flat = change.psf.ravel()
        held = self._roughness @ flat + about.gauge @ (about.gauge.T @ flat)
        return self._fixed(
            Change(
                seen.psf + held.reshape(seen.psf.shape),
                seen.emitters + about.trust * change.emitters,
                seen.nodes + change.nodes / state.scatter,
                seen.views,
            )
        )


def step(state: State, free: Free, pool: ThreadPoolExecutor) -> float:
    """Move a state, in place, to the minimum of the linearized problem.

    Returns
    -------
    Mean square of the residuals in standard deviations, before the step.
    """
    linear = Linear(state, free, pool)
    found = linear.solve(linear.gradient())
    least = (MIN_SCATTER * float(state.views.mean())) ** 2
    state.scatter = max(linear.scatter_with(found), least, 1e-6)
    own = state.emitters
    state.coefficients = state.coefficients + found.psf
    own.photons = np.maximum(own.photons + found.emitters[:, 0], MIN_PHOTON_SHARE * own.photons)
    own.x_px = own.x_px + np.clip(found.emitters[:, 1], -MAX_STEP_PX, MAX_STEP_PX)
    own.y_px = own.y_px + np.clip(found.emitters[:, 2], -MAX_STEP_PX, MAX_STEP_PX)
    state.views = np.maximum(state.views + found.views, MIN_BACKGROUND)
    usual = moved_to(state.grid, state.views, state.view_grid)
    least_nodes = MIN_BACKGROUND - usual[state.scenes.view]
    if state.levels is not None:
        least_nodes -= state.levels[:, None, None]
    state.nodes = np.maximum(state.nodes + found.nodes, least_nodes)
    state.settle_levels()
    return linear.chi2
