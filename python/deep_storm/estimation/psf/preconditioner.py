"""Block-diagonal preconditioner of the joint fit.

The unknowns of a scene know of each other, and so do the coefficients of the PSF (seen in a few
scenes, which is enough for that, and by each emitter alone) and the nodes of a view. What these
three do to one another, and what neighbours tell of the PSF together, is left to the conjugate
gradients. So only what is near to each other is in the same equation: matrices are narrow bands,
those of scenes with their unknowns in the order of y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from deep_storm.estimation.psf.banded import factorize, solve, to_band, variances
from deep_storm.estimation.psf.blocks import (
    Blocks,
    add_psf_information,
    scene_information,
    solve_blocks,
)
from deep_storm.estimation.psf.kernels import OF_EMITTER, Placed
from deep_storm.estimation.psf.spline import gauges
from deep_storm.estimation.psf.state import State
from deep_storm.estimation.psf.surface import Grid
from deep_storm.estimation.psf.unknowns import Change, Free, Part, Partition

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CORE_SIGMAS = 4.0
SAMPLED_EMITTERS = 300
"""About so many emitters, in whole scenes, are enough for the PSF's block."""
MIN_SAMPLED = 2
REACH_ROWS = 4
"""Rows of coefficients that know of each other: roughness is in fourth differences."""
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
        self._scenes = partition.map(lambda part: self._scene_blocks(part, weight))
        self._views = self._view_blocks(weight)

    def apply(self, gradient: Change) -> Change:
        """Apply the approximate inverse of the information matrix to a gradient."""
        psf = np.zeros_like(gradient.psf)
        if self._psf is not None:
            psf = self._psf.applied(gradient.psf)
        emitters, nodes = gradient.emitters.copy(), gradient.nodes.copy()

        def work(part: Part, blocks: Blocks) -> None:
            own = nodes[part.scenes]
            solve_blocks(blocks, emitters[part.emitters].reshape(-1), own.reshape(len(own), -1))

        self._partition.map(work, self._scenes)
        views = gradient.views.copy()
        solve_blocks(self._views, np.empty(0), views.reshape(len(views), -1))
        return Change(psf, emitters, nodes, views)

    def _psf_block(self, weight: FloatArray, roughness: csr_matrix) -> PsfBlock:
        state, parts, starts = self._state, self._partition.parts, self._partition.starts
        scenes = len(state.scenes)
        wanted = math.ceil(SAMPLED_EMITTERS * scenes / max(len(state.emitters), 1))
        places = np.linspace(0, scenes - 1, min(max(wanted, MIN_SAMPLED), scenes) + 2)[1:-1]
        sampled = np.unique(places.round()).astype(np.int64)
        edge, reach = state.spline.edge, REACH_ROWS * state.spline.edge

        def work(part: Part) -> tuple[FloatArray, float]:
            band, photons = np.zeros((edge**2, reach + 1)), 0.0
            first = part.emitters.start
            for s in sampled[(sampled >= part.scenes.start) & (sampled < part.scenes.stop)]:
                begin, end = int(starts[s]) - first, int(starts[s + 1]) - first
                add_psf_information(part.placed, begin, end, weight[s], state.spline.knots, band)
                photons += float(part.placed.photons[begin:end].sum())
            return band, photons

        found = self._partition.map(work)
        band: FloatArray = np.sum([own for own, _ in found], axis=0)
        photons = sum(part.placed.photons.sum() for part in parts)
        band *= float(photons) / max(sum(seen for _, seen in found), 1.0)
        rough = roughness.tocoo()
        lower = rough.row >= rough.col
        row, column = rough.row[lower], rough.col[lower]
        band[row, column - row + reach] += rough.data[lower]
        held = gauges(state.coefficients)
        self.gauge = held * np.sqrt(GAUGE * _squares(band, held))
        band[:, reach] *= 1.0 + 1e-6
        return PsfBlock.of(band, self.gauge)

    def _scene_blocks(self, part: Part, weight: FloatArray) -> Blocks:
        """Factorize the information of scenes; note the errors of emitters and nodes."""
        state, grid, starts = self._state, self._state.grid, self._partition.starts
        wide = math.ceil(CORE_SIGMAS * state.sigma_px)
        core_px = min(wide, state.spline.radius_px)
        factors, orders = [], []
        for s in range(part.scenes.start, part.scenes.stop):
            first, stop = (int(starts[k]) - part.emitters.start for k in (s, s + 1))
            own = slice(starts[s], starts[s + 1])
            matrix = scene_information(part.placed, first, stop, weight[s], core_px, *grid)
            if not self._free.positions:
                _fix_positions(matrix, stop - first)
            held = np.full(len(matrix), 1.0 / state.scatter)
            held[: -grid.nodes] = self.trust[own].ravel()
            matrix[np.diag_indices(len(matrix))] += held
            order = _by_height(state.emitters.y_px[own], grid)
            factor = to_band(matrix, order)
            factorize(factor)
            variance = np.empty(len(matrix))
            variance[order] = variances(factor)
            state.emitters.error[own] = np.sqrt(variance[: -grid.nodes]).reshape(-1, OF_EMITTER)
            self.node_variance[s] = variance[-grid.nodes :].reshape(grid.rows, grid.columns)
            factors.append(factor)
            orders.append(order)
        return Blocks.of(factors, orders)

    def _view_blocks(self, weight: FloatArray) -> Blocks:
        state = self._state
        factors = []
        order = np.arange(state.view_grid.nodes, dtype=np.int64)
        for view in range(len(state.views)):
            total = weight[state.scenes.view == view].sum(axis=0)
            matrix = scene_information(nobody(), 0, 0, total, 1, *state.view_grid)
            matrix[np.diag_indices(len(matrix))] += 1e-6 * np.diagonal(matrix).max()
            factors.append(to_band(matrix, order))
            factorize(factors[-1])
        return Blocks.of(factors, [order] * len(factors))


@dataclass(frozen=True)
class PsfBlock:
    """The block of the PSF's coefficients.

    Attributes
    ----------
    factor
        Of the information, but for what holds scale and place.
    gauge
        Columns of that.
    answer
        What the factor solves for them.
    """

    factor: FloatArray
    gauge: FloatArray
    answer: FloatArray

    @classmethod
    def of(cls, band: FloatArray, gauge: FloatArray) -> PsfBlock:
        """Factorize a block, in place."""
        factorize(band)
        answer = np.ascontiguousarray(gauge.T)
        for column in answer:
            solve(band, column)
        inner = np.eye(len(answer)) + answer @ gauge
        held: FloatArray = np.asarray(np.linalg.solve(inner, answer).T, np.float64)
        return cls(band, gauge, held)

    def applied(self, gradient: FloatArray) -> FloatArray:
        """Return what solves the equations for a gradient (Woodbury's formula)."""
        found = gradient.ravel().copy()
        solve(self.factor, found)
        found -= self.answer @ (self.gauge.T @ found)
        return found.reshape(gradient.shape)


def _squares(band: FloatArray, columns: FloatArray) -> FloatArray:
    """Return the square of each column by a matrix of which the band is given."""
    reach = band.shape[1] - 1
    total = band[:, reach] @ columns**2
    for d in range(1, reach + 1):
        total += 2.0 * (band[d:, reach - d] @ (columns[d:] * columns[:-d]))
    squares: FloatArray = total
    return squares


def _by_height(y_px: FloatArray, grid: Grid) -> Integers:
    """Return the order of a scene's unknowns by y: what does not overlap is far from each other."""
    nodes = np.repeat((np.arange(grid.rows) + 0.5) * grid.step_px, grid.columns)
    at = np.concatenate([np.repeat(y_px, OF_EMITTER), nodes])
    return np.argsort(at, kind="stable").astype(np.int64)


def nobody() -> Placed:
    """Return no emitters."""
    corner = np.empty((0, 2), np.int64)
    window = np.empty((0, OF_EMITTER, 2, 2), np.float32)
    return Placed(corner[:, 0], np.empty(0), corner, corner, np.empty((0, 2, 4)), window)


def _fix_positions(matrix: FloatArray, emitters: int) -> None:
    fixed = np.zeros(len(matrix), bool)
    fixed[: OF_EMITTER * emitters] = np.arange(OF_EMITTER * emitters) % OF_EMITTER > 0
    matrix[fixed], matrix[:, fixed] = 0.0, 0.0
