"""How bright molecules on a structure are: the network's answers on a movie and on simulation.

On a structure molecules lie so close together that no fit tells all of them apart: it finds fewer
and brighter ones than there are. On simulated frames it does the same. So frames are simulated
where the network finds molecules in the movie, with the movie's light shared among few bright or
many dim molecules, and read by the same network. The brightness is the one whose simulated answers
are most like those on the movie in number, in mean photons and in their spread. How much of the
light is the background's is found with it: a fit of a crowd takes the skirts of molecules for
background, up to 15 % of their light. What is so found depends on no truth (indirect inference,
https://doi.org/10.1002/jae.3950080507).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize

from deep_storm.camera_maps import CameraMaps, covering, photons_from
from deep_storm.estimation.movie_psf import BLINKING
from deep_storm.extraction.candidates import Candidates, concatenated
from deep_storm.inference.reading import WindowReader, window_reader
from deep_storm.model import Model
from deep_storm.settings import Background, Emitters
from deep_storm.simulation.patches import PatchSimulator
from deep_storm.words import rounded

Frames = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

SEED = 1
MIN_SCORE = 0.3
"""Of candidates that count, on the movie as on simulation."""
MIN_CANDIDATES = 400
"""With fewer of them nothing is said."""
MIN_LIGHT = 0.1
"""Windows with less light than this share of the mean have too few molecules to be simulated."""
EMITTERS, MORE_ON_STRUCTURES = 300, 5
"""Simulated for each brightness that is tried, and how many times as many on structures, whose
answers spread more."""
BATCH, AT_ONCE = 4, 32
"""Frames that are simulated and read at a time."""
MAX_BATCHES = 24
SAMPLES_PER_PX = 10
BLUR_PX = 0.1
"""Of the places at which molecules were found: about their uncertainty."""
SHARES, NEAR_SHARES = (0.5, 0.7, 0.9, 1.15), (0.6, 0.8, 1.0, 1.25)
SPREADS = (0.1, 0.4, 0.7, 1.0)
"""Tried: photons over those of a fit, or of an estimate; and their relative standard deviation."""
BROAD, BROAD_SPREADS = 0.6, (0.1, 0.45, 0.8, 1.2)
"""Tried where the fit's spread is broader than that: photons of molecules that are on for a part of
a frame may spread more than by an exponential distribution."""
MORE_LIGHT = 0.16
MAX_OF_BACKGROUND = 0.5
"""Light of the molecules beyond that of the fit that is tried; the background loses at most half
for it."""
ERRORS = np.array([0.025, 0.025, 0.02])
"""Of number and mean photons (relative), and of the relative spread."""


class _Known(NamedTuple):
    """What is known of photons before, from what fits and estimates find on simulation.

    ``share``: natural logarithm of the photons over those found, ``spread``: their relative spread
    over that found, ``light``: natural logarithm of all light over that found; ``errors``: of the
    logarithm, of the spread, and of the logarithm of the light.
    """

    share: float
    spread: float
    light: float
    errors: tuple[float, float, float]


ANYWHERE = _Known(0.0, 1.0, 0.03, (0.4, 0.3, 0.06))
ON_STRUCTURES = _Known(-0.3, 1.25, 0.03, (0.2, 0.3, 0.06))
"""On simulated filaments fits had 14 to 71 % too many photons, and too narrow a spread."""
ESTIMATED = _Known(0.0, 1.0, 0.0, (0.05, 0.15, 0.03))
"""An estimate without fits, for a Gaussian PSF, is right in the mean, wherever molecules lie: on
simulation within 7 % where it states less than 6 %."""


class _Answers(NamedTuple):
    """Candidates per frame, their mean photons, and the relative standard deviation of these."""

    per_frame: float
    photons: float
    spread: float


class _Simulated(NamedTuple):
    """Frames ``(t, y, x)``, photons of the molecules in them, and how many were expected."""

    photons: Frames
    molecules: Frames
    expected: float


class Light(NamedTuple):
    """What a movie's light is shared among."""

    emitters: Emitters
    background: Background


def brightness(
    model: Model,
    windows: Sequence[Frames],
    maps: CameraMaps | None = None,
    background_known: bool = False,
    estimated: float | None = None,
) -> Light | None:
    """Return emitters and background whose simulated frames are answered as those of a movie.

    Parameters
    ----------
    model
        Conditioned on the experiment as it was found: PSF and all light together stay.
    windows
        Parts of the movie, photons ``(t, y, x)`` each: square, all of one size.
    maps
        Camera maps that frames are simulated with.
    background_known
        Whether the background, and so the light of the emitters, is right as it is.
    estimated
        Relative error of the photons, where an estimate without fits has found them; None: a fit.

    Returns
    -------
    Emitters with other photons, spread of photons and density, and the mean background that is
    left; None where too few are found.
    """
    size_px = windows[0].shape[1]
    reader = window_reader(model, size_px, size_px)
    found = [concatenated(_read(reader, window)) for window in windows]
    if sum(len(one.score) for one in found) < MIN_CANDIDATES:
        return None
    light = np.array([c.photons.sum() / len(w) for c, w in zip(found, windows, strict=True)])
    lit = np.flatnonzero(light >= MIN_LIGHT * light.mean()).tolist()
    found, light = [found[k] for k in lit], light[lit]
    seen = _answers(found, sum(len(windows[k]) for k in lit))
    uniform = model.card.emitters.structure == "uniform"
    masks = [None if uniform else _where(one, size_px) for one in found]
    own = Light(model.card.emitters, model.card.background)
    area_um2 = model.card.camera.pixel_area_um2
    tried, given = [], []
    relative = own.emitters.intensity_std_photon / own.emitters.intensity_photon
    spreads = SPREADS if relative <= BROAD else BROAD_SPREADS
    shares = SHARES if estimated is None else NEAR_SHARES
    more = 0.0 if background_known else MORE_LIGHT
    for place in _places(own, shares, spreads, area_um2, more):
        here = _shared(own, *place, area_um2)
        answers, drawn = [], []
        for k, (mask, part) in enumerate(zip(masks, light / light.mean(), strict=True)):
            frames = _simulated(model, here, mask, size_px, part, len(masks), maps, SEED + k)
            answers += _read(reader, frames.photons)
            drawn.append(frames)
        tried.append(place)
        given.append(_without_chance(_answers(answers, len(answers)), drawn, here))
    known = _known(uniform, estimated)
    best = _most_alike(np.array(tried), np.array(given), np.array(seen), relative, known)
    return _shared(own, *best, area_um2)


def _known(uniform: bool, estimated: float | None) -> _Known:
    """Return what is known of photons before."""
    if estimated is None:
        return ANYWHERE if uniform else ON_STRUCTURES
    share, spread, light = ESTIMATED.errors
    return ESTIMATED._replace(errors=(math.hypot(share, estimated), spread, light))


def _places(
    own: Light,
    shares: tuple[float, ...],
    spreads: tuple[float, ...],
    area_um2: float,
    more: float,
) -> list[tuple[float, float, float]]:
    """Return what is tried: logarithms of share and light, and spread of photons.

    ``area_um2``: of a pixel. ``more``: light that is tried. More and less of it take turns, as the
    fields of a chessboard.
    """
    of_emitters = own.emitters.density_per_um2 * own.emitters.intensity_photon * area_um2
    more = min(more, MAX_OF_BACKGROUND * own.background.background_photon / of_emitters)
    light = math.log1p(-more / 2.0), math.log1p(more)
    return [
        (math.log(share), spread, light[(k + n) % 2])
        for k, share in enumerate(shares)
        for n, spread in enumerate(spreads)
    ]


def _read(reader: WindowReader, photons: Frames) -> list[Candidates]:
    """Return what the network finds in frames, each with its candidates that count."""
    every: list[Candidates] = []
    for start in range(0, len(photons), AT_ONCE):
        every += reader(photons[start : start + AT_ONCE], start)
    return [one.where(one.score >= MIN_SCORE) for one in every]


def _answers(found: Sequence[Candidates], frames: int) -> _Answers:
    """Summarize candidates of so many frames."""
    photons = np.concatenate([one.photons for one in found])
    mean = float(photons.mean()) if photons.size else 0.0
    spread = float(photons.std()) / mean if mean > 0 else 0.0
    return _Answers(photons.size / frames, mean, spread)


def _where(found: Candidates, size_px: int) -> Values:
    """Return how likely a molecule is at each place, from what was found there."""
    edges = np.linspace(0.0, size_px, size_px * SAMPLES_PER_PX + 1)
    count, _, _ = np.histogram2d(found.y_px, found.x_px, (edges, edges), weights=found.score)
    blurred: Values = gaussian_filter(count, BLUR_PX * SAMPLES_PER_PX)
    return blurred


def _shared(own: Light, share: float, spread: float, light: float, area_um2: float) -> Light:
    """Share light among molecules that are brighter by a factor, and take it from the background.

    ``share`` and ``light``: logarithms of the photons and of all light of emitters over those of
    the fit.
    """
    emitters, level = own.emitters, own.background.background_photon
    photons = math.exp(share) * emitters.intensity_photon
    density = math.exp(light - share) * emitters.density_per_um2
    of_emitters = emitters.density_per_um2 * emitters.intensity_photon * area_um2
    return Light(
        emitters.model_copy(
            update={
                "intensity_photon": rounded(photons),
                "intensity_std_photon": rounded(spread * photons, 3),
                "density_per_um2": rounded(density),
                "spread": "gamma" if spread > BLINKING else emitters.spread,
            }
        ),
        own.background.model_copy(
            update={"background_photon": rounded(level - math.expm1(light) * of_emitters)}
        ),
    )


def _simulated(
    model: Model,
    light: Light,
    mask: Values | None,
    size_px: int,
    part: float,
    windows: int,
    maps: CameraMaps | None,
    seed: int,
) -> _Simulated:
    """Simulate frames of a window.

    ``part``: light of this window over that of all, of which there are so many.
    """
    card = model.card
    density = light.emitters.density_per_um2 * part
    here = light.emitters.model_copy(update={"density_per_um2": density})
    per_frame = here.density_per_um2 * (size_px * card.camera.pixel_size_nm / 1000.0) ** 2
    emitters = EMITTERS * (1 if mask is None else MORE_ON_STRUCTURES)
    batches = math.ceil(emitters / windows / per_frame / BATCH)
    simulator = PatchSimulator(
        card.camera,
        card.psf,
        here,
        light.background,
        patch_size_px=size_px,
        batch=BATCH,
        seed=seed,
        maps=covering(maps, size_px),
        mask=mask,
        mask_field_px=(size_px, size_px),
        density_factors=(1.0, 1.0),
        uniform_share=0.0,
        table=model.table,
    )
    drawn = [simulator.batch_at(k) for k in range(min(batches, MAX_BATCHES))]
    return _Simulated(
        np.concatenate([photons_from(b.adu, card.camera, b.maps) for b in drawn]),
        np.concatenate([b.intensity_photon[b.present] for b in drawn]),
        per_frame * BATCH * len(drawn),
    )


def _without_chance(answers: _Answers, drawn: Sequence[_Simulated], light: Light) -> _Answers:
    """Return answers as to frames with the expected number of molecules, of the expected mean.

    How many there are, and how bright, is chance, but known, and the answers follow it: without
    this chance a third of the frames does.
    """
    photons = np.concatenate([one.molecules for one in drawn])
    if not photons.size:
        return answers
    number = sum(one.expected for one in drawn) / photons.size
    brighter = light.emitters.intensity_photon / float(photons.mean())
    return answers._replace(
        per_frame=answers.per_frame * number, photons=answers.photons * brighter
    )


def _most_alike(
    tried: Values, given: Values, seen: Values, relative: float, known: _Known
) -> tuple[float, float, float]:
    """Return the place whose answers are most like the movie's.

    Parameters
    ----------
    tried
        ``(n, 3)``, logarithm of the share, spread of photons, and logarithm of the light.
    given, seen
        ``(n, 3)`` and ``(3,)``, answers on simulation and on the movie.
    relative
        Spread of photons that was found.
    known
        What is known before.
    """
    off = np.column_stack([given[:, :2] / seen[:2] - 1.0, given[:, 2] - seen[2]]) / ERRORS
    coefficients, *_ = np.linalg.lstsq(_smooth(tried), off, rcond=None)
    expected = np.array([known.share, known.spread * relative, known.light])

    def unlike(place: Values) -> float:
        own = _smooth(place[None])[0] @ coefficients
        return float(np.sum(own**2) + np.sum(((place - expected) / known.errors) ** 2))

    ends = list(zip(tried.min(axis=0), tried.max(axis=0), strict=True))
    start = tried[int(np.argmin([unlike(place) for place in tried]))]
    share, spread, light = minimize(unlike, start, bounds=ends).x.tolist()
    return share, spread, light


def _smooth(places: Values) -> Values:
    """Return the terms of a polynomial in share, spread (second degree) and light, (n, 9)."""
    a, b, c = places.T
    return np.stack([np.ones_like(a), a, b, c, a * a, a * b, b * b, a * c, b * c], axis=1)
