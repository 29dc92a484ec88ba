"""Beads, aggregates and debris: far brighter than overlapping molecules.

The network and the refinement explain such light by many molecules, and what is left of its skirt
by more. Here it becomes one localization, at the centroid of its light, and nothing else is born
where its light outshines molecules. What is much wider than the PSF has no place, and gives no
localization.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from deep_storm.extraction.candidates import Candidates, by_frame, concatenated
from deep_storm.model_card import ModelCard

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]

MIN_TOGETHER = 5.0
"""As many molecules as this, each two standard deviations above the mean, are no molecules,"""
TOGETHER_PER_CROWDING = 4.0
"""and so many more per molecule that lies within a PSF in the mean."""
STRUCTURED = 10.0
"""On a structure it is locally so many times denser."""
MAX_WIDTH = 1.6
"""Wider than so many PSFs, it is debris."""
OUTSHONE = 0.2
"""Its skirt ends where it has this share of the brightest pixel of a molecule left,"""
NOISES = 3.0
"""or so many standard deviations of noise,"""
MAX_SKIRT_SIGMAS = 14.0
CENTROID_ROUNDS = 8
MIN_SPREAD_PX = 0.01
"""Beads are not known better than that: pixels differ."""
UNKNOWN_DEPTH_PX = 10.0
"""Standard deviation of the depth of a bright object, which nobody looks at."""


class BrightThing(NamedTuple):
    """A very bright object in one frame.

    Attributes
    ----------
    x_px, y_px
        Centroid (corner rule).
    photons
        Light within the skirt.
    sigma_px
        Standard deviation along one axis of a Gaussian as wide.
    background
        Photons per pixel around it.
    skirt_px
        Radius within which no molecule can be seen.
    """

    x_px: float
    y_px: float
    photons: float
    sigma_px: float
    background: float
    skirt_px: float


class BrightLimit(NamedTuple):
    """Brightness above which light is not from molecules.

    Attributes
    ----------
    photons
        Light of a PSF that no molecules make.
    sigma_px
        Of the PSF.
    molecule_photon
        Brightest pixel of a usual molecule.
    """

    photons: float
    sigma_px: float
    molecule_photon: float

    @property
    def min_peak_photon(self) -> float:
        """How far the brightest pixel of so much light is above the usual one, at least."""
        # of a spot in the corner of four pixels each has the least; wide ones have less yet
        least = self.photons * (0.5 * math.erf(math.sqrt(0.5) / self.sigma_px)) ** 2
        return 0.5 * least

    @classmethod
    def of(cls, card: ModelCard) -> BrightLimit:
        """Return the limit for the molecules that a model expects."""
        emitters, sigma_px = card.emitters, card.camera.px(card.psf.sigma_nm)
        crowding = emitters.density_per_um2 * 4.0 * math.pi * (card.psf.sigma_nm / 1000.0) ** 2
        crowding *= 1.0 if emitters.structure == "uniform" else STRUCTURED
        photons = emitters.intensity_photon + 2.0 * emitters.intensity_std_photon
        return cls(
            photons * (MIN_TOGETHER + TOGETHER_PER_CROWDING * crowding),
            sigma_px,
            emitters.intensity_photon / (2.0 * math.pi * sigma_px**2),
        )


def find_bright(photons: Float32, limit: BrightLimit) -> list[BrightThing]:
    """Find the very bright objects of one frame, the brightest first.

    Parameters
    ----------
    photons
        ``(y, x)``.
    limit
        From where on.
    """
    usual = float(np.median(photons))
    if float(photons.max()) - usual < limit.min_peak_photon:
        return []
    sigma = limit.sigma_px
    smooth = ndimage.gaussian_filter(photons - np.float32(usual), sigma, mode="nearest")
    light = smooth * (4.0 * math.pi * sigma**2)
    reach = 2 * max(1, math.ceil(2.0 * sigma)) + 1
    peaks = (light == ndimage.maximum_filter(light, reach)) & (light > limit.photons)
    rows, columns = np.nonzero(peaks)
    order = np.argsort(-light[rows, columns])
    found: list[BrightThing] = []
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if all(math.hypot(b.x_px - column, b.y_px - row) > b.skirt_px for b in found):
            found.append(_measured(photons, row, column, usual, limit))
    return found


def _measured(
    photons: Float32, row: int, column: int, usual: float, limit: BrightLimit
) -> BrightThing:
    """Return centre, light, width and skirt radius of a bright object."""
    most = math.ceil(MAX_SKIRT_SIGMAS * limit.sigma_px)
    top, left = max(row - most, 0), max(column - most, 0)
    part = photons[top : row + most + 1, left : column + most + 1].astype(np.float64)
    y, x = np.mgrid[: part.shape[0], : part.shape[1]] + 0.5
    centre_y, centre_x = row - top + 0.5, column - left + 0.5
    sigma = limit.sigma_px
    above = part - usual
    for _ in range(CENTROID_ROUNDS):  # a Gaussian window of the same width halves each step
        window = np.exp(-((y - centre_y) ** 2 + (x - centre_x) ** 2) / (2.0 * sigma**2))
        weight = np.maximum(above, 0.0) * window
        total = max(float(weight.sum()), 1e-9)
        centre_y += 2.0 * (float((weight * y).sum()) / total - centre_y)
        centre_x += 2.0 * (float((weight * x).sum()) / total - centre_x)
    distance = np.hypot(y - centre_y, x - centre_x)
    seen = float((weight * distance**2).sum()) / total / 2.0  # of PSF and window together
    width = math.sqrt(1.0 / max(1.0 / max(seen, 1e-6) - 1.0 / sigma**2, 1e-3))
    skirt = _skirt_px(above, distance, usual, limit)
    return BrightThing(
        left + centre_x,
        top + centre_y,
        max(float(above[distance <= skirt].sum()), 1.0),
        width,
        usual,
        skirt,
    )


def _skirt_px(above: FloatArray, distance: FloatArray, usual: float, limit: BrightLimit) -> float:
    """Return the radius beyond which molecules can be seen beside a bright object."""
    low = max(OUTSHONE * limit.molecule_photon, NOISES * math.sqrt(max(usual, 1.0)))
    start = math.ceil(limit.sigma_px)
    for radius in range(start, math.ceil(MAX_SKIRT_SIGMAS * limit.sigma_px)):
        ring = above[(distance >= radius) & (distance < radius + 1)]
        if ring.size and float(np.median(ring)) < low:
            return radius + limit.sigma_px
    return MAX_SKIRT_SIGMAS * limit.sigma_px


def with_bright_things(
    photons: Float32,
    dead: npt.NDArray[np.bool_],
    candidates: Candidates,
    first: int,
    card: ModelCard,
) -> tuple[Candidates, int]:
    """Return the candidates of some frames with one for each very bright object.

    Parameters
    ----------
    photons
        The frames, ``(t, y, x)``.
    dead
        Those that are left out, ``(t,)``.
    candidates
        Of all frames, in frame order.
    first
        Number of the first frame.
    card
        Of the model.

    Returns
    -------
    The candidates, and the number of very bright objects.
    """
    limit = BrightLimit.of(card)
    contrast = photons.max(axis=(1, 2)).astype(np.float64) - photons.min(axis=(1, 2))
    suspect = (contrast >= limit.min_peak_photon) & ~dead
    if not suspect.any():
        return candidates, 0
    every, count = by_frame(candidates, first, len(photons)), 0
    for k in np.flatnonzero(suspect).tolist():
        every[k], things = with_bright(photons[k], every[k], first + k, card)
        count += things
    return (concatenated(every) if count else candidates), count


def with_bright(
    photons: Float32, candidates: Candidates, frame: int, card: ModelCard
) -> tuple[Candidates, int]:
    """Return candidates with one for each very bright object, and the number of these.

    Parameters
    ----------
    photons
        The frame, ``(y, x)``.
    candidates
        Of the frame.
    frame
        Its number.
    card
        Of the model.
    """
    things = find_bright(photons, BrightLimit.of(card))
    if not things or not candidates.frame.size:
        return candidates, len(things)
    outside = np.ones(candidates.frame.size, dtype=bool)
    points = []
    for thing in things:
        away = np.hypot(candidates.x_px - thing.x_px, candidates.y_px - thing.y_px)
        inside = (away < thing.skirt_px) & outside
        outside &= ~inside
        if inside.any() and thing.sigma_px < MAX_WIDTH * card.camera.px(card.psf.sigma_nm):
            score = float(candidates.score[inside].max())
            points.append(_as_candidate(thing, score, frame, candidates, card))
    return concatenated([candidates.where(outside), *points]), len(things)


def _as_candidate(
    thing: BrightThing, score: float, frame: int, like: Candidates, card: ModelCard
) -> Candidates:
    """Return a bright object as a candidate with the same columns as the others."""
    spread = math.hypot(thing.sigma_px / math.sqrt(thing.photons), MIN_SPREAD_PX)
    values = (
        thing.x_px,
        thing.y_px,
        spread,
        score,
        thing.photons / card.unit_photon,
        thing.sigma_px / card.scales.sigma_px,
        thing.background / card.unit_background_photon,
        0.0,
        UNKNOWN_DEPTH_PX,
    )
    columns: list[Any] = [
        np.full(1 if known.size else 0, value, np.float32)
        for value, known in zip(values, like[1:], strict=True)
    ]
    return Candidates(np.full(1, frame, np.int64), *columns)
