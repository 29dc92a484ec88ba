"""What tells refined emitters that are right, and exact, from others.

Score and uncertainty of an emitter are learnt as functions of these.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from deep_storm.refinement.moves import MAX_EVIDENCE
from deep_storm.refinement.prior import Prior
from deep_storm.refinement.refiner import Refined

FEATURES = 11
MAX_BRIGHT = 3.0
WIDE, MAX_WIDE = 0.1, 4.0
CROWD_SIGMAS = 2.0
"""An emitter whose nearest neighbour is much farther away than this stands alone."""
BORDER_SIGMAS = 2.0
"""Much farther from the border than this, no light of an emitter is cut off."""
NEAR_END, MAX_BEYOND = 1.5, 3.0
"""In standard deviations: within the depths where emitters lie, this is close to their end; farther
beyond that is all the same."""
MIN_SPREAD_PX = 0.005


def features(refined: Refined, prior: Prior) -> npt.NDArray[np.float64]:
    """Return features by which emitters of one frame are classified, ``(n, 11)``.

    Two emitters taken for one look bright and wide, and are farther off than the fit of one says.
    So are emitters at the border, whose light is cut off and mixed with that of others beyond it,
    and those that a fit has driven out of the depths where emitters lie.

    Parameters
    ----------
    prior
        What is usual.
    """
    bright = np.clip(refined.photons / prior.photons, 0.0, MAX_BRIGHT)
    wide = np.clip((refined.sigma_px / prior.sigma_px - 1.0) / WIDE, -MAX_WIDE, MAX_WIDE)
    return np.stack(
        [
            np.ones_like(refined.evidence),
            np.clip(refined.evidence, -2.0, MAX_EVIDENCE) / MAX_EVIDENCE,
            np.log(np.maximum(refined.spread_px, MIN_SPREAD_PX)),
            refined.proposed,
            (refined.proposed == 0.0).astype(np.float64),
            crowding(refined, prior.sigma_px),
            bright,
            wide,
            refined.expected,
            near_border(refined, prior.sigma_px),
            near_last_depth(refined, prior),
        ],
        axis=1,
    )


def near_border(refined: Refined, sigma_px: float) -> npt.NDArray[np.float64]:
    """Return the proximity of the frame's border: 1 at it, 0 far away."""
    near: npt.NDArray[np.float64] = np.exp(
        -0.5 * (refined.border_px / (BORDER_SIGMAS * sigma_px)) ** 2
    )
    return near


def near_last_depth(refined: Refined, prior: Prior) -> npt.NDArray[np.float64]:
    """Return how close emitters lie to the end of the depths that are as likely: 0 far within."""
    if not refined.z_px.size or prior.shape_reach == 0.0:
        return np.zeros(refined.x_px.size)
    beyond = (np.abs(refined.z_px - prior.shape) - prior.shape_reach) / prior.shape_std
    close: npt.NDArray[np.float64] = np.clip(beyond + NEAR_END, 0.0, MAX_BEYOND)
    return close


def crowding(refined: Refined, sigma_px: float) -> npt.NDArray[np.float64]:
    """Return the proximity of the nearest neighbour: 1 at the same position, 0 far away."""
    if refined.x_px.size < 2:
        return np.zeros(refined.x_px.size)
    places = np.stack([refined.x_px, refined.y_px], axis=1)
    distance = np.asarray(cKDTree(places).query(places, 2)[0])
    near: npt.NDArray[np.float64] = np.exp(-0.5 * (distance[:, 1] / (CROWD_SIGMAS * sigma_px)) ** 2)
    return near
