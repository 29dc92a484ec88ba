"""Simulated frames of the kind that a model is for, as the model sees them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.camera_maps import CameraMaps, covering, noise_photon, photons_from
from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.reading import window_reader
from deep_storm.model import Model
from deep_storm.settings import Emitters
from deep_storm.simulation.patch_batch import beside_photons
from deep_storm.simulation.patches import PatchSimulator

FIELD_PX = 64
MAX_FRAMES = 120
BATCH, MOVIE_FRAMES = 8, 4
"""Frames that are simulated at a time, and those of a movie, where the ones beside are wanted."""
DENSITY_FACTORS = (0.7, 1.4)
MAX_DENSITY_FACTOR = 4.0
CROWDED_PER_UM2 = 12.0
"""On structures the density of the field says little of how crowded emitters are, unless the length
of filaments is known: frames up to four times as dense are looked at too, as far as this."""


class Seen(NamedTuple):
    """One simulated frame: photons ``(y, x)``, the network's candidates, true places ``(n, 3)``.

    ``intensity_photon``: of the true emitters, ``(n,)``. ``background_photon``: ``(y, x)``, or
    ``(1, 1)`` where it is even. ``noise_photon``: read-out noise of each pixel, where they differ.
    ``sides``: the candidates in the frames before and after.
    """

    photons: npt.NDArray[np.float32]
    candidates: Candidates
    xyz_nm: npt.NDArray[np.float64]
    intensity_photon: npt.NDArray[np.float32]
    background_photon: npt.NDArray[np.float32]
    noise_photon: npt.NDArray[np.float32] | None = None
    sides: tuple[Candidates | None, Candidates | None] = (None, None)

    def background_at_candidates(self) -> npt.NDArray[np.float64]:
        """Return the true background in the candidates' pixels."""
        height, width = self.background_photon.shape
        row = np.clip(self.candidates.y_px.astype(np.int64), 0, height - 1)
        column = np.clip(self.candidates.x_px.astype(np.int64), 0, width - 1)
        return self.background_photon[row, column].astype(np.float64)


def seen_frames(
    model: Model,
    seed: int,
    maps: CameraMaps | None,
    emitters: int,
    min_frames: int = 8,
    max_frames: int = MAX_FRAMES,
    with_sides: bool = False,
) -> Iterator[Seen]:
    """Simulate frames and run the network on them, until there are enough emitters.

    Parameters
    ----------
    emitters
        Wanted; the number of frames is kept within ``min_frames`` to ``max_frames``.
    with_sides
        Whether the candidates in the frames beside are wanted, too, by a model that sees those.
    """
    card = model.card
    per_frame = card.emitters.density_per_um2 * (FIELD_PX * card.camera.pixel_size_nm / 1e3) ** 2
    frames = int(np.clip(np.ceil(emitters / per_frame), min_frames, max_frames))
    movie_frames = 1 if model.frames_at_once > 1 else 0
    if with_sides:
        movie_frames = MOVIE_FRAMES
    simulator = _simulator(model, seed, maps, movie_frames)
    read = window_reader(model, FIELD_PX, FIELD_PX)
    # Of a movie, the first and the last frame only stand beside others.
    kept = [k for k in range(BATCH) if not with_sides or 0 < k % movie_frames < movie_frames - 1]
    for number in range(-(-frames // len(kept))):
        batch = simulator.batch_at(number)
        photons = photons_from(batch.adu, card.camera, batch.maps)
        noise = noise_photon(card.camera, batch.maps)
        beside = beside_photons(batch, card.camera)
        found = read(photons, BATCH * number, beside)
        for k in kept:
            there = batch.present[k]
            xy = batch.xy_px[k][there] * card.camera.pixel_size_nm
            xyz = np.column_stack([xy, batch.z_nm[k][there]]).astype(np.float64)
            background = batch.expected_background_photon[k]
            here = None if noise is None else noise[k]
            sides = (found[k - 1], found[k + 1]) if with_sides else (None, None)
            true = batch.intensity_photon[k][there]
            yield Seen(photons[k], found[k], xyz, true, background, here, sides)


def _simulator(
    model: Model, seed: int, maps: CameraMaps | None, movie_frames: int
) -> PatchSimulator:
    """Return what simulates frames of the light that a model was trained for."""
    card = model.card
    return PatchSimulator(
        card.camera,
        card.psf,
        card.emitters,
        card.background,
        patch_size_px=FIELD_PX,
        batch=BATCH,
        seed=seed,
        maps=covering(maps, FIELD_PX),
        density_factors=_density_factors(card.emitters),
        uniform_share=0.0,
        table=model.table,
        movie_frames=movie_frames,
    )


def _density_factors(emitters: Emitters) -> tuple[float, float]:
    """Return the factors by which frames are sparser and denser than the mean."""
    low, high = DENSITY_FACTORS
    if emitters.structure == "uniform" or emitters.filament_um_per_um2 > 0:
        return low, high
    most = CROWDED_PER_UM2 / emitters.density_per_um2
    return low, float(np.clip(most, high, MAX_DENSITY_FACTOR))
