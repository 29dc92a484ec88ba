"""Fit a sample of frames, simulate them from the result, and compare; see ``quality.fits``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.bright import BrightLimit, find_bright
from deep_storm.inference.refining import (
    NOTHING_BESIDE,
    Sides,
    map_frames,
    proposals_from,
    refiner_for,
)
from deep_storm.inference.residuals import residual_picture, residuals_of
from deep_storm.model_card import ModelCard
from deep_storm.psf.table import PsfTable
from deep_storm.quality.fits import Fits, judge
from deep_storm.refinement.refiner import Free, Noise, Proposals, Refiner, freed
from deep_storm.simulation.noise import expose

Float32 = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
MAX_FRAMES = 12
MAX_EMITTERS = 600
WINDOW_PX = 64
MARGIN_PX = 4
GOLDEN = 0.6180339887498949
"""Golden ratio, less one: multiples of it modulo 1 are spread evenly, however many there are."""
SEED = 20_240_607


class CheckedFrame(NamedTuple):
    """A window of one frame: photons ``(y, x)`` and the network's candidates in it.

    ``noise_photon``: read-out noise of each of its pixels, where they differ. ``corner_px``: its
    first row and column in the frame, which is number ``frame`` (from 0). ``sides``: the candidates
    in the frames before and after.
    """

    photons: Float32
    candidates: Candidates
    noise_photon: Noise = None
    corner_px: tuple[int, int] = (0, 0)
    frame: int = 0
    sides: Sides = NOTHING_BESIDE


def sampled_frames(first: int, last: int) -> list[int]:
    """Return the frames of the sample, spread over the movie."""
    count = min(MAX_FRAMES, last - first)
    spread = sorted(range(count), key=lambda k: (k * GOLDEN) % 1.0)
    return [first + int((k + 0.5) * (last - first) / count) for k in spread]


def cut_sample(
    photons: Float32, candidates: Candidates, number: int, noise_photon: Noise = None
) -> CheckedFrame:
    """Cut a window out of a large frame, a different one for each number."""
    height, width = photons.shape
    corner = [
        int(((number + 1) * share % 1.0) * max(edge - WINDOW_PX + 1, 1))
        for edge, share in ((height, GOLDEN), (width, GOLDEN**2))
    ]
    rows, columns = (slice(c, c + WINDOW_PX) for c in corner)
    x, y = candidates.x_px - corner[1], candidates.y_px - corner[0]
    window = photons[rows, columns]
    inside = (x >= 0) & (y >= 0) & (x < window.shape[1]) & (y < window.shape[0])
    moved = candidates._replace(x_px=x.astype(np.float32), y_px=y.astype(np.float32))
    noise = None if noise_photon is None else noise_photon[rows, columns]
    return CheckedFrame(window.copy(), moved.where(inside), noise, (corner[0], corner[1]))


def judge_samples(
    samples: list[CheckedFrame],
    card: ModelCard,
    table: PsfTable | None = None,
    counted: Mask | None = None,
    camera_agrees: bool = False,
    estimated: Collection[str] = (),
) -> Fits | None:
    """Judge whether camera, PSF and density suit some frames.

    Parameters
    ----------
    samples
        In the order in which they are used, until there are emitters enough.
    card
        Of the model that found the candidates.
    table
        The PSF, where more is known of it than the Gaussian of the card.
    counted
        Pixels of a whole frame that count, bool ``(y, x)``: lit and measured; default: all.
    camera_agrees
        Whether the noise of the frames, looked at without any model, agrees with the camera.
    estimated
        What the card says as estimated from these frames, see
        :func:`~deep_storm.quality.causes.causes`.

    Returns
    -------
    The verdict; None when there are too few emitters to say.
    """
    # Windows of large frames have molecules beyond their border, wherever the movie has them.
    refiner = replace(refiner_for(card, table), beyond_border=True)
    proposals = [proposals_from(s.candidates, card, refiner.shape) for s in samples]
    likely = np.cumsum([p.confidence.sum() for p in proposals])
    count = int(np.searchsorted(likely, MAX_EMITTERS)) + 1
    used = samples[:count]
    if not used:
        return None
    noise = [s.noise_photon for s in used]
    limit = BrightLimit.of(card)
    lit = [_lit(sample, counted, limit) for sample in used]
    frames = [_filled(s.photons, mask) for s, mask in zip(used, lit, strict=True)]
    fitted = _fit_all(refiner, frames, proposals[:count], noise)
    rng = np.random.default_rng(SEED)
    rise = [refiner.rise(n) for n in noise]
    drawn = [_drawn(f, card.camera, n, r, rng) for f, n, r in zip(fitted, noise, rise, strict=True)]
    there = [_as_proposals(free, r) for free, r in zip(fitted, rise, strict=True)]
    again = _fit_all(refiner, drawn, there, noise)
    # molecules on the edge are cut
    masks = [binary_erosion(mask, iterations=MARGIN_PX, border_value=1) for mask in lit]
    seen, usual = (
        residuals_of(f, masks, refiner, card.camera.pixel_size_nm) for f in (fitted, again)
    )
    if seen is None or usual is None:
        return None
    under = [float(np.median(f.background - r)) for f, r in zip(fitted, rise, strict=True)]
    level = (float(np.median(under)), card.background.background_photon)
    seen = replace(seen, background_photon=level)
    fits = judge(seen, usual, card.camera, card.psf, card.emitters, camera_agrees, estimated)
    if fits is None:
        return None
    places = [(sample.frame, sample.corner_px) for sample in used]
    return replace(fits, picture=residual_picture(fitted, masks, refiner, places))


def _lit(sample: CheckedFrame, counted: Mask | None, limit: BrightLimit) -> Mask:
    """Return which pixels of a sample count: not those of beads and aggregates."""
    (top, left), (height, width) = sample.corner_px, sample.photons.shape
    lit = np.ones((height, width), dtype=bool)
    if counted is not None:
        lit &= counted[top : top + height, left : left + width]
    y, x = np.mgrid[:height, :width] + 0.5
    for thing in find_bright(sample.photons, limit):
        lit &= np.hypot(y - thing.y_px, x - thing.x_px) >= thing.skirt_px
    return lit


def _filled(photons: Float32, counted: Mask) -> Float32:
    """Return a frame with its invalid pixels filled, without an edge around them."""
    if counted.all() or not counted.any():
        return photons
    return np.where(counted, photons, np.float32(np.median(photons[counted])))


def _fit_all(
    refiner: Refiner, frames: list[Float32], proposals: list[Proposals], noise: list[Noise]
) -> list[Free]:
    every = list(zip(frames, proposals, noise, strict=True))
    return map_frames(lambda one: freed(refiner, *one), every)


def _drawn(
    free: Free, camera: Camera, noise: Noise, rise: Any, rng: np.random.Generator
) -> Float32:
    """Simulate a frame of the expected photons."""
    expected = np.maximum(free.mean - rise, 0.0)
    maps = None
    if noise is not None:
        maps = CameraMaps(read_noise_adu=noise / np.float32(camera.photons_per_count))
    return camera.photons(expose(expected, camera, rng, maps, np.float32))


def _as_proposals(free: Free, rise: Any) -> Proposals:
    p = free.p
    under = np.full(len(p), float(np.median(free.background - rise)))
    return Proposals(p[:, 0], p[:, 1], p[:, 2], p[:, 3], under, np.ones(len(p)), np.zeros(len(p)))
