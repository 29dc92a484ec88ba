"""Block-diagonal preconditioner of the joint fit.

The unknowns of a scene know of each other, and so do the coefficients of the PSF (seen in a few
scenes, which is enough for that) and the nodes of a view. What these three do to one another is
left to the conjugate gradients.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix

from deep_storm.estimation.psf.blocks import scene_information
from deep_storm.estimation.psf.kernels import OF_EMITTER, Placed, add_psf_information
from deep_storm.estimation.psf.spline import gauges
from deep_storm.estimation.psf.state import State
from deep_storm.estimation.psf.unknowns import Change, Free, Part, Partition

FloatArray = npt.NDArray[np.float64]
Factor = tuple[Any, bool]

CORE_SIGMAS = 4.0
SAMPLED_EMITTERS = 300
"""About so many emitters, in whole scenes, are enough for the PSF's block."""
MIN_SAMPLED = 2
TRUST_PX = 0.2
TRUST_PHOTONS = 0.5
"""How far a step may lead, about: in px, and as a share of the photons."""
GAUGE = 10.0
"""How strongly scale and place of the PSF are held, against how well they are known otherwise."""


class Preconditioner:
    """Blocks of the information matrix, factorized.

    Parameters
    ----------
    state
        Where a step begins; its emitters' errors are noted.
    free
        What the step may change.
    weight
        Inverse variance of each pixel, (s, y, x).
    roughness
        Of the PSF.
    partition
        Scenes by threads.

    Attributes
    ----------
    trust
        What holds emitters where they are: added to the diagonal of their information, (n, 3).
    gauge
        What holds scale and place of the PSF: columns whose squares are added to its information.
    node_variance
        Of each scene's nodes, as far as they are known, (s, rows, columns).
    """

    def __init__(
        self,
        state: State,
        free: Free,
        weight: FloatArray,
        roughness: csr_matrix,
        partition: Partition,
    ) -> None:
        self._state, self._free, self._partition = state, free, partition
        self.trust = np.empty((len(state.emitters), OF_EMITTER))
        self.trust[:, 0] = 1.0 / (TRUST_PHOTONS * state.emitters.photons) ** 2
        self.trust[:, 1:] = 1.0 / TRUST_PX**2
        self.gauge = np.zeros((state.spline.edge**2, 0))
        self.node_variance = np.empty(state.nodes.shape)
        self._psf = self._psf_block(weight, roughness) if free.psf else None
        blocks = partition.map(lambda part: self._scene_blocks(part, weight))
        self._scenes = [factor for part in blocks for factor in part]
        self._views = self._view_blocks(weight)

    def apply(self, gradient: Change) -> Change:
        """Apply the approximate inverse of the information matrix to a gradient."""
        grid, starts = self._state.grid, self._partition.starts
        psf = np.zeros_like(gradient.psf)
        if self._psf is not None:
            psf = _solved(self._psf, gradient.psf)
        emitters, nodes = np.empty_like(gradient.emitters), np.empty_like(gradient.nodes)
        for s, factor in enumerate(self._scenes):
            own = slice(starts[s], starts[s + 1])
            right = np.concatenate([gradient.emitters[own].ravel(), gradient.nodes[s].ravel()])
            answer = _solved(factor, right)
            emitters[own] = answer[: -grid.nodes].reshape(-1, OF_EMITTER)
            nodes[s] = answer[-grid.nodes :].reshape(grid.rows, grid.columns)
        views = [_solved(f, own) for f, own in zip(self._views, gradient.views, strict=True)]
        return Change(psf, emitters, nodes, np.array(views))

    def _psf_block(self, weight: FloatArray, roughness: csr_matrix) -> Factor:
        state, parts, starts = self._state, self._partition.parts, self._partition.starts
        scenes = len(state.scenes)
        wanted = math.ceil(SAMPLED_EMITTERS * scenes / max(len(state.emitters), 1))
        places = np.linspace(0, scenes - 1, min(max(wanted, MIN_SAMPLED), scenes) + 2)[1:-1]
        sampled = np.unique(places.round()).astype(np.int64)
        edge = state.spline.edge

        def work(part: Part) -> tuple[FloatArray, float]:
            half, photons = np.zeros((edge**2, edge**2)), 0.0
            first = part.emitters.start
            for s in sampled[(sampled >= part.scenes.start) & (sampled < part.scenes.stop)]:
                begin, end = int(starts[s]) - first, int(starts[s + 1]) - first
                add_psf_information(part.placed, begin, end, weight[s], state.spline.knots, half)
                photons += float(part.placed.photons[begin:end].sum())
            return half, photons

        found = self._partition.map(work)
        matrix: FloatArray = np.sum([half for half, _ in found], axis=0)
        matrix += matrix.T.copy()
        photons = sum(part.placed.photons.sum() for part in parts)
        matrix *= float(photons) / max(sum(seen for _, seen in found), 1.0)
        matrix += roughness.toarray()
        held = gauges(state.coefficients)
        self.gauge = held * np.sqrt(GAUGE * np.einsum("ai,ai->i", held, matrix @ held))
        matrix += self.gauge @ self.gauge.T
        matrix[np.diag_indices(edge**2)] *= 1.0 + 1e-6
        return _factorized(matrix)

    def _scene_blocks(self, part: Part, weight: FloatArray) -> list[Factor]:
        """Factorize the information of scenes; note the errors of emitters and nodes."""
        state, grid, starts = self._state, self._state.grid, self._partition.starts
        wide = math.ceil(CORE_SIGMAS * state.sigma_px)
        core_px = min(wide, state.spline.radius_px)
        factors = []
        for s in range(part.scenes.start, part.scenes.stop):
            first, stop = (int(starts[k]) - part.emitters.start for k in (s, s + 1))
            own = slice(starts[s], starts[s + 1])
            matrix = scene_information(part.placed, first, stop, weight[s], core_px, *grid)
            if not self._free.positions:
                _fix_positions(matrix, stop - first)
            held = np.full(len(matrix), 1.0 / state.scatter)
            held[: -grid.nodes] = self.trust[own].ravel()
            matrix[np.diag_indices(len(matrix))] += held
            factor = _factorized(matrix)
            inverse = cho_solve(factor, np.eye(len(held)), check_finite=False)
            variance = np.maximum(np.diagonal(inverse), 0.0)
            state.emitters.error[own] = np.sqrt(variance[: -grid.nodes]).reshape(-1, OF_EMITTER)
            self.node_variance[s] = variance[-grid.nodes :].reshape(grid.rows, grid.columns)
            factors.append(factor)
        return factors

    def _view_blocks(self, weight: FloatArray) -> list[Factor]:
        state = self._state
        factors = []
        for view in range(len(state.views)):
            total = weight[state.scenes.view == view].sum(axis=0)
            matrix = scene_information(nobody(), 0, 0, total, 1, *state.grid)
            matrix[np.diag_indices(len(matrix))] += 1e-6 * np.diagonal(matrix).max()
            factors.append(_factorized(matrix))
        return factors


def nobody() -> Placed:
    """Return no emitters."""
    corner = np.empty((0, 2), np.int64)
    window = np.empty((0, OF_EMITTER, 2, 2), np.float32)
    return Placed(corner[:, 0], np.empty(0), corner, corner, np.empty((0, 2, 4)), window)


def _fix_positions(matrix: FloatArray, emitters: int) -> None:
    fixed = np.zeros(len(matrix), bool)
    fixed[: OF_EMITTER * emitters] = np.arange(OF_EMITTER * emitters) % OF_EMITTER > 0
    matrix[fixed], matrix[:, fixed] = 0.0, 0.0


def _factorized(matrix: FloatArray) -> Factor:
    factor: Factor = cho_factor(matrix, overwrite_a=True, check_finite=False)
    return factor


def _solved(factor: Factor, right: FloatArray) -> FloatArray:
    answer: FloatArray = cho_solve(factor, right.ravel(), check_finite=False)
    return answer.reshape(right.shape)
