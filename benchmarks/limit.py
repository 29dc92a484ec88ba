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
from deep_storm.psf.table import PsfTable
from deep_storm.quality.matching import match
from deep_storm.quality.scores import score
from deep_storm.refinement.prior import Prior
from deep_storm.refinement.scene import make_scene
from deep_storm.refinement.search import settle
from deep_storm.refinement.shapes import depth_shape, gaussian_shape, width_shape

ROUNDS = 8
MIN_SPREAD = 1e-3
"""Relative, of photons and PSF sigma: a prior without width cannot be computed with."""


def prior_of(data: Any) -> Prior:
    """Return what the settings of a set say about its emitters; their PSF is a Gaussian."""
    return prior_for(data.camera, data.psf, data.emitters, None)


def prior_for(camera: Any, psf: Any, emitters: Any, table: PsfTable | None) -> Prior:
    """Return what settings say about emitters.

    With a PSF of several depths the fourth parameter of an emitter is its depth in pixels, and not
    its sigma.
    """
    sigma_px = camera.px(psf.sigma_nm)
    spread_px = max(camera.px(psf.sigma_std_nm), MIN_SPREAD * sigma_px)
    if table is None:
        shape = gaussian_shape(sigma_px, spread_px)
    elif len(table.z_nm) == 1:
        shape = width_shape(table, sigma_px, spread_px)
    else:
        shape = depth_shape(table, max(psf.depth_std_nm, 1.0))
    return Prior(
        photons=emitters.intensity_photon,
        photons_std=max(emitters.intensity_std_photon, MIN_SPREAD * emitters.intensity_photon),
        sigma_px=sigma_px,
        excess=camera.excess_noise_factor / camera.quantum_efficiency,
        log_density=0.0,
        **shape.fields,
    )


def settled(photons: Any, start: Any, rise: float, background: float, prior: Prior) -> Any:
    """Return where the light of a frame wants its true emitters: x, y, photons and the fourth.

    Parameters
    ----------
    photons
        ``(y, x)``: the frame.
    start
        ``(n, 4)``: the true parameters, in pixels and photons.
    rise
        Read-out variance over the excess of the noise.
    background
        Mean photons of a pixel without emitters.
    prior
        Of the emitters.
    """
    under = np.full(photons.shape, rise + background)
    raised = photons.astype(np.float64) + rise
    scene = make_scene(raised, under, start, len(start) + 1, prior, np.zeros(1, np.int8))
    for _ in range(ROUNDS):
        settle(scene, under, prior)
    return scene.p[: len(start)]


def fitted(photons: Any, every: pd.DataFrame, data: Any, prior: Prior) -> pd.DataFrame:
    """Return the table of one frame: its true emitters, moved to where the light wants them.

    ``every``: those within the frame and those beyond its border.
    """
    nm = data.camera.pixel_size_nm
    columns = [
        every["x_nm"] / nm,
        every["y_nm"] / nm,
        every["intensity_photon"],
        every["sigma_nm"] / nm,
    ]
    rise = data.camera.read_noise_photon**2 / prior.excess
    level = data.background.background_photon
    found = settled(photons, np.column_stack(columns), rise, level, prior) * nm
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
