"""Refine what a network proposes for one frame: fit, birth, split, death.

The network's confident candidates are fitted together; the others are tried one by one. Emitters
are split where two explain the light better than one, born where light is left over, and die where
the light is explained as well without them. What decides is the evidence (see
:mod:`deep_storm.refinement.block`), which has no threshold to be chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.refinement.beside import PLACE_COLUMNS, assigned
from deep_storm.refinement.block import MIN_MEAN
from deep_storm.refinement.moves import sweep
from deep_storm.refinement.prior import PARAMETERS, Prior, Values, expected_there
from deep_storm.refinement.residuals import background_from
from deep_storm.refinement.scene import Scene, draw, make_scene
from deep_storm.refinement.search import FIRST_STEPS, Tried, search
from deep_storm.refinement.shapes import Shape

Noise = npt.NDArray[np.float32] | None

START_CONFIDENCE = 0.5
"""Candidates at least this sure are there from the beginning;"""
TRY_CONFIDENCE = 0.1
"""those at least this sure are tried."""
BORDER_PX = 1e-3
"""Of the frame: what lies on it does not belong to the last pixel any more."""
SHARE_OF_PHOTONS = 0.05
SHARE_OF_SIGMA = 0.02
"""Relative errors that mean photons and PSF sigma may have, beside their spread."""


class Proposals(NamedTuple):
    """Candidates of one frame, arrays of length n.

    Attributes
    ----------
    x_px, y_px
        Position (corner rule).
    photons, shape, background_photon
        What the network states, or what is usual; ``shape`` is the fourth parameter of the fit.
    confidence
        Probability that there is an emitter.
    shape_spread
        Standard deviation of the shape; infinite where nothing is known of it.
    """

    x_px: Values
    y_px: Values
    photons: Values
    shape: Values
    background_photon: Values
    confidence: Values
    shape_spread: Values


class Refined(NamedTuple):
    """Emitters of one frame, arrays of length n.

    Attributes
    ----------
    x_px, y_px, photons, background_photon
        As in :class:`Proposals`.
    sigma_px
        Of the Gaussian that comes closest.
    spread_px
        Standard deviation of the position along one axis, from the information of the joint fit.
    evidence
        Log evidence with this emitter less that without it.
    proposed
        Confidence of the proposal that it comes from; 0 for what was born or split.
    expected
        Probability that it is the molecule that the frames beside say is there; 0 for none.
    border_px
        How far from the border of the frame.
    z_px, z_spread_px
        Depth and its standard deviation; of length 0 where the PSF does not tell depth.
    """

    x_px: Values
    y_px: Values
    photons: Values
    sigma_px: Values
    background_photon: Values
    spread_px: Values
    evidence: Values
    proposed: Values
    expected: Values
    border_px: Values
    z_px: Values
    z_spread_px: Values


@dataclass
class Refiner:
    """Refines frame by frame; frames may be refined side by side in threads.

    Attributes
    ----------
    prior
        What is known of emitters and noise.
    shape
        What the fourth parameter of an emitter is.
    read_noise_photon
        Standard deviation of a pixel without light, where the pixels are alike.
    background_photon
        Usual background.
    beyond_border
        Whether emitters lie beyond the border of the frames, too.
    """

    prior: Prior
    shape: Shape
    read_noise_photon: float
    background_photon: float
    beyond_border: bool = True
    _stop: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(1, np.int8))

    def rise(self, noise_photon: Noise = None) -> Any:
        """Return what makes the variance proportional to the mean: ``c``, of each pixel if told."""
        noise = self.read_noise_photon if noise_photon is None else noise_photon
        return noise**2 / self.prior.excess

    @property
    def stopped(self) -> bool:
        """Whether the work was stopped; what is refined since then is not finished."""
        return bool(self._stop[0])

    def begin(self) -> None:
        """Work again after a stop."""
        self._stop[0] = 0

    def stop(self) -> None:
        """End the work under way in any thread, within milliseconds."""
        self._stop[0] = 1

    def prior_in(self, height: int, width: int) -> Prior:
        """Return what is known of emitters in a frame of that size (px)."""
        if self.beyond_border:
            return self.prior
        return self.prior._replace(
            least_px=0.0, most_x_px=width - BORDER_PX, most_y_px=height - BORDER_PX
        )

    def scene(
        self,
        photons: npt.NDArray[np.float32],
        proposals: Proposals,
        noise_photon: Noise = None,
        beside: Values | None = None,
    ) -> tuple[Scene, Values]:
        """Return the finished scene of a frame and its background, both raised by ``c``.

        Parameters: as those of :meth:`refine`.
        """
        rise = self.rise(noise_photon)
        height, width = photons.shape
        prior = self.prior_in(height, width)
        sure = proposals.confidence >= START_CONFIDENCE
        maybe = np.flatnonzero(~sure & (proposals.confidence >= TRY_CONFIDENCE))
        maybe = maybe[np.argsort(-proposals.confidence[maybe], kind="stable")]
        order = np.concatenate([np.flatnonzero(sure), maybe])
        p = np.stack([np.asarray(v, np.float64)[order] for v in proposals[:PARAMETERS]], axis=1)
        p[:, 2] = np.maximum(p[:, 2], 0.1 * self.prior.photons)
        count = int(sure.sum())
        nothing = np.empty((0, PLACE_COLUMNS))
        own, more = assigned(p[:, :2], nothing if beside is None else beside)
        p = np.concatenate([p, own], axis=1)
        background = rise + background_from(
            p[:count],
            np.asarray(proposals.background_photon, np.float64)[order[:count]],
            self.background_photon,
            height,
            width,
        )
        data = photons.astype(np.float64) + rise
        capacity = 3 * (len(p) + len(more)) + height * width // 16 + 16
        scene = make_scene(data, background, p[:count], capacity, prior, self._stop)
        sure_of_shape = proposals.shape_spread[order] <= self.shape.known_std
        unsure = np.ones(capacity, np.int8)
        unsure[:count] = ~sure_of_shape[:count]
        shapes = np.where(sure_of_shape[count:], p[count:, 3], np.nan)
        tried = Tried(
            np.concatenate([more[:, :2], p[count:, :2]]),
            np.concatenate([np.full(len(more), np.nan), shapes]),
            np.concatenate([np.full(len(more), -1), np.arange(count, len(p))]),
            np.concatenate([more, p[count:, PARAMETERS:]]),
            self.shape.starts,
            unsure,
        )
        search(scene, background, tried, prior)
        found = np.flatnonzero(scene.source >= 0)
        scene.source[found] = order[scene.source[found]]
        return scene, background

    def refine(
        self,
        photons: npt.NDArray[np.float32],
        proposals: Proposals,
        noise_photon: Noise = None,
        beside: Values | None = None,
    ) -> Refined:
        """Return the emitters of a frame.

        Parameters
        ----------
        photons
            ``(y, x)``: the frame in photons.
        proposals
            The network's candidates.
        noise_photon
            ``(y, x)``: read-out noise of each pixel, where they differ.
        beside
            ``(n, 6)``: what the frames beside say of places in this one
            (:mod:`deep_storm.refinement.beside`).
        """
        scene, background = self.scene(photons, proposals, noise_photon, beside)
        height, width = photons.shape
        x, y = scene.p[:, 0], scene.p[:, 1]
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        kept = np.flatnonzero((scene.alive == 1) & inside)
        p, judged, source = scene.p[kept], scene.judged[kept], scene.source[kept]
        under = (background - self.rise(noise_photon))[
            p[:, 1].astype(np.intp), p[:, 0].astype(np.intp)
        ]
        known = np.append(proposals.confidence, 0.0)
        nothing = np.empty(0)
        tells = self.shape.tells_depth
        return Refined(
            p[:, 0],
            p[:, 1],
            p[:, 2],
            self.shape.to_sigma(p[:, 3]),
            np.maximum(under, 0.0),
            np.sqrt((judged[:, 1] ** 2 + judged[:, 2] ** 2) / 2.0),
            judged[:, 0],
            known[source],
            expected_there(p, self.prior),
            np.min([p[:, 0], p[:, 1], width - p[:, 0], height - p[:, 1]], axis=0),
            p[:, 3] if tells else nothing,
            judged[:, 4] if tells else nothing,
        )


FREE_PHOTONS = 1.0
"""Relative standard deviation that photons have when they are left free."""


class Free(NamedTuple):
    """A frame fitted with shape and photons left free.

    Attributes
    ----------
    data, mean, background
        ``(y, x)``: photons, expected photons and the background of it, all raised by ``c``.
    p
        ``(n, 4)``: x, y, photons, shape of the emitters.
    sigma_px
        ``(n,)``: their sigma.
    """

    data: Values
    mean: Values
    background: Values
    p: Values
    sigma_px: Values


def freed(
    refiner: Refiner,
    photons: npt.NDArray[np.float32],
    proposals: Proposals,
    noise_photon: Noise = None,
) -> Free:
    """Refine a frame, then let shape and photons of the emitters go where the light wants them."""
    scene, background = refiner.scene(photons, proposals, noise_photon)
    prior = refiner.prior_in(*photons.shape)
    free = prior._replace(
        shape_std=refiner.shape.free_std,
        shape_reach=0.0,
        photons_std=FREE_PHOTONS * prior.photons,
        photons_order=0.0,
    )
    for _ in range(2):
        sweep(scene, free, FIRST_STEPS)
    draw(scene, background, prior)
    mean = np.maximum(scene.mean, MIN_MEAN)  # as the fit has taken it
    p = scene.p[scene.alive == 1]
    return Free(scene.data, mean, background, p, refiner.shape.to_sigma(p[:, 3]))
