"""Fit a sample of frames, draw what was found again, and compare; see ``quality.fits``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.refining import map_frames, proposals_from, refiner_for
from deep_storm.model import ModelCard
from deep_storm.psf.table import PsfTable
from deep_storm.quality.fits import Fits, Residuals, judge
from deep_storm.refinement.refiner import Free, Noise, Proposals, Refiner, freed
from deep_storm.simulation.noise import expose

Float32 = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]
MAX_FRAMES = 12
MAX_EMITTERS = 600
WINDOW_PX = 64
REGION_PX = 16
ALONE_SIGMAS = 4.0
MIN_ALONE = 0.3
"""Where few emitters stand alone, this share of them counts, those furthest from others."""
GOLDEN = 0.6180339887498949
SEED = 20_240_607


class CheckedFrame(NamedTuple):
    """A window of one frame: photons ``(y, x)`` and the network's candidates in it.

    ``noise_photon``: read-out noise of each of its pixels, where they differ.
    """

    photons: Float32
    candidates: Candidates
    noise_photon: Noise = None


def sampled_frames(first: int, last: int) -> list[int]:
    """Return the frames that are looked at; however few of them, they are spread over the movie."""
    count = min(MAX_FRAMES, last - first)
    spread = sorted(range(count), key=lambda k: (k * GOLDEN) % 1.0)
    return [first + int((k + 0.5) * (last - first) / count) for k in spread]


def cut_sample(
    photons: Float32, candidates: Candidates, number: int, noise_photon: Noise = None
) -> CheckedFrame:
    """Cut a window out of a large frame, another one for each number."""
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
    return CheckedFrame(window.copy(), moved.where(inside), noise)


def judge_samples(
    samples: list[CheckedFrame], card: ModelCard, table: PsfTable | None = None
) -> Fits | None:
    """Say whether camera, PSF and density suit some frames.

    Parameters
    ----------
    samples
        In the order in which they are used, until there are emitters enough.
    card
        Of the model that found the candidates.
    table
        The PSF, where more is known of it than the Gaussian of the card.

    Returns
    -------
    The verdict; None when there are too few emitters to say.
    """
    refiner = refiner_for(card, table)
    proposals = [proposals_from(s.candidates, card) for s in samples]
    likely = np.cumsum([p.confidence.sum() for p in proposals])
    count = int(np.searchsorted(likely, MAX_EMITTERS)) + 1
    used = samples[:count]
    if not used:
        return None
    noise = [s.noise_photon for s in used]
    fitted = _fit_all(refiner, [s.photons for s in used], proposals[:count], noise)
    rng = np.random.default_rng(SEED)
    rise = [refiner.rise(n) for n in noise]
    drawn = [_drawn(f, card.camera, n, r, rng) for f, n, r in zip(fitted, noise, rise, strict=True)]
    there = [_as_proposals(free, r) for free, r in zip(fitted, rise, strict=True)]
    again = _fit_all(refiner, drawn, there, noise)
    seen, usual = (_residuals(f, refiner, card.camera.pixel_size_nm) for f in (fitted, again))
    return judge(seen, usual, card.camera, card.psf, card.emitters)


def _fit_all(
    refiner: Refiner, frames: list[Float32], proposals: list[Proposals], noise: list[Noise]
) -> list[Free]:
    every = list(zip(frames, proposals, noise, strict=True))
    return map_frames(lambda one: freed(refiner, *one), every)


def _drawn(
    free: Free, camera: Camera, noise: Noise, rise: Any, rng: np.random.Generator
) -> Float32:
    """Take a picture of the expected photons."""
    expected = np.maximum(free.mean - rise, 0.0)
    maps = None
    if noise is not None:
        maps = CameraMaps(read_noise_adu=noise / np.float32(camera.photons_per_count))
    return camera.photons(expose(expected, camera, rng, maps, np.float32))


def _as_proposals(free: Free, rise: Any) -> Proposals:
    p = free.p
    under = np.full(len(p), float(np.median(free.background - rise)))
    return Proposals(p[:, 0], p[:, 1], p[:, 2], p[:, 3], under, np.ones(len(p)))


def _residuals(fitted: list[Free], refiner: Refiner, pixel_size_nm: float) -> Residuals:
    """Put together what is left of all frames."""
    prior = refiner.prior
    off = [(f.data - f.mean) / np.sqrt(f.mean * prior.excess) for f in fitted]
    alone = np.concatenate([_to_nearest(f.p) for f in fitted]) / prior.sigma_px
    sigma = np.concatenate([f.p[:, 3] for f in fitted]) / prior.sigma_px
    near = np.minimum(alone, ALONE_SIGMAS)  # a single emitter is infinitely far from others
    least = float(np.quantile(near, 1.0 - MIN_ALONE)) if alone.size else 0.0
    return Residuals(
        squared=np.concatenate([v.ravel() ** 2 for v in off]),
        mean=np.concatenate([f.mean.ravel() for f in fitted]),
        neighbours=float(np.mean([_correlation(v) for v in off])),
        sigma=float(np.median(sigma[alone >= least])) if alone.size else 1.0,
        frames=np.array([(v**2).mean() for v in off]),
        regions=np.concatenate([_regions(v**2) for v in off]),
        emitters=sum(_inside(f) for f in fitted),
        area_um2=sum(v.size for v in off) * (pixel_size_nm / 1000.0) ** 2,
    )


def _correlation(off: Values) -> float:
    """Return the correlation of neighbouring pixels."""
    return float((off[1:] * off[:-1]).mean() + (off[:, 1:] * off[:, :-1]).mean()) / 2.0


def _inside(free: Free) -> int:
    """Count the emitters within the window."""
    height, width = free.data.shape
    x, y = free.p[:, 0], free.p[:, 1]
    return int(((x >= 0) & (x < width) & (y >= 0) & (y < height)).sum())


def _regions(squared: Values) -> Values:
    """Return the mean of each region; what is left over at the edge counts to the last one."""
    edges = [np.arange(0, max(n - REGION_PX // 2, 1), REGION_PX) for n in squared.shape]
    total: Any = np.add.reduceat(np.add.reduceat(squared, edges[0], 0), edges[1], 1)
    count: Any = np.add.reduceat(np.add.reduceat(np.ones_like(squared), edges[0], 0), edges[1], 1)
    return (total / count).ravel()


def _to_nearest(p: Values) -> Values:
    """Return the distance of each emitter to the nearest other one (px)."""
    if len(p) < 2:
        return np.full(len(p), np.inf)
    far = np.asarray(cKDTree(p[:, :2]).query(p[:, :2], 2)[0])
    return far[:, 1]
