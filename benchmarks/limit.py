"""What a single frame allows: a joint fit that starts at the truth and knows the number.

Nothing is searched for. All emitters of a frame are fitted together, beginning where they are; the
camera, the spread of photons and PSF sigma and the mean background are known, and so is light from
beyond the border. What is then within the tolerance bounds what a method can find that reads frame
by frame. The RMSE is no strict bound: who leaves out the hardest emitters is closer on the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import deep_storm as ds
from deep_storm.inference.refining import map_frames
from deep_storm.quality.matching import match
from deep_storm.quality.scores import score
from deep_storm.refinement.block import Prior
from deep_storm.refinement.refiner import settle
from deep_storm.refinement.scene import make_scene
from deep_storm.refinement.shapes import gaussian_shape

ROUNDS = 8
MIN_SPREAD = 1e-3
"""Relative, of photons and PSF sigma: a prior without width cannot be computed with."""


def prior_of(data: Any) -> Prior:
    """Return what the settings of a set say about its emitters."""
    camera, emitters = data.camera, data.emitters
    sigma_px = camera.px(data.psf.sigma_nm)
    return Prior(
        photons=emitters.intensity_photon,
        photons_std=max(emitters.intensity_std_photon, MIN_SPREAD * emitters.intensity_photon),
        sigma_px=sigma_px,
        sigma_std_px=max(camera.px(data.psf.sigma_std_nm), MIN_SPREAD * sigma_px),
        excess=camera.excess_noise_factor / camera.quantum_efficiency,
        log_density=0.0,
        **gaussian_shape(sigma_px),
    )


def fitted(photons: Any, every: pd.DataFrame, data: Any, prior: Prior) -> pd.DataFrame:
    """Return the table of one frame: its true emitters, moved to where the light wants them.

    ``every``: those within the frame and those beyond its border.
    """
    nm = data.camera.pixel_size_nm
    rise = data.camera.read_noise_photon**2 / prior.excess
    p = np.column_stack(
        [
            every["x_nm"] / nm,
            every["y_nm"] / nm,
            every["intensity_photon"],
            every["sigma_nm"] / nm,
        ]
    )
    background = np.full(photons.shape, rise + data.background.background_photon)
    raised = photons.astype(np.float64) + rise
    scene = make_scene(raised, background, p, len(p) + 1, prior, np.zeros(1, np.int8))
    for _ in range(ROUNDS):
        settle(scene, background, prior)
    found = scene.p[: len(p)] * nm
    table = pd.DataFrame({"frame": every["frame"], "x_nm": found[:, 0], "y_nm": found[:, 1]})
    return table[~every["beyond"].to_numpy()]


def fitted_table(stack: Any, data: Any) -> pd.DataFrame:
    """Return the table of all frames.

    Parameters
    ----------
    stack
        ``(t, y, x)``: the frames in ADU.
    data
        A ``Set`` of ``accuracy.py``, or what has the same settings and truth.
    """
    prior = prior_of(data)
    photons = data.camera.photons(stack)
    every = data.truth.assign(beyond=False)
    if data.beyond is not None:
        every = pd.concat([every, data.beyond.assign(beyond=True)])
    frames = list(every.groupby("frame"))
    return pd.concat(map_frames(lambda one: fitted(photons[one[0]], one[1], data, prior), frames))


def single_frame_limit(data: Any, tolerance_nm: float = 100.0) -> tuple[float, float]:
    """Return Jaccard index and RMSE (nm) of the fit on all frames of a set."""
    with ds.open_frames(data.stack) as stream:
        found = fitted_table(stream.read(0, stream.shape[0]), data)
    scores = score(found, data.truth, match(found, data.truth, tolerance_nm), tolerance_nm)
    return scores.jaccard, scores.rmse_nm
