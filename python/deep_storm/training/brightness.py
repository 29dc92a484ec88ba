"""How bright molecules on a structure are: the network's answers on a movie and on simulation.

On a structure molecules lie so close together that no fit tells all of them apart: it finds fewer
and brighter ones than there are. On simulated frames it does the same. So frames are simulated
where the network finds molecules in the movie, with the movie's light shared among few bright or
many dim molecules, and read by the same network. The brightness is the one whose simulated answers
are most like those on the movie in number, in mean photons and in their spread. How much of the
light is the background's is found with it: a fit of a crowd takes the skirts of molecules for
background, up to 15 % of their light. Where molecules lie on a structure, how strongly the movie's
light fluctuates counts, too. What is so found depends on no truth (indirect inference,
https://doi.org/10.1002/jae.3950080507).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from deep_storm.camera_maps import CameraMaps, covering, photons_from
from deep_storm.estimation.blind.covariance import overlap_of_psf
from deep_storm.estimation.blind.fluctuation import fluctuation
from deep_storm.extraction.candidates import Candidates, concatenated
from deep_storm.inference.reading import WindowReader, window_reader
from deep_storm.model import Model
from deep_storm.psf.overlap import overlap_of_table
from deep_storm.simulation.patches import PatchSimulator
from deep_storm.training.likeness import known_before, most_alike
from deep_storm.training.sharing import Light, shared, sharings

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
REACH_PX = 4
SHAPE_ERROR = 0.1
"""Relative, of the fluctuation that a measured PSF says of molecules."""
DENSITY_ERROR = 0.3
"""Of the logarithm of how dense molecules are in a part of the field, from their light there."""


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


class _Part(NamedTuple):
    """A part of the field: frames ``(t, y, x)``, what is found in them, and where molecules are.

    ``mask``: how likely they are at each place; None: anywhere. ``density``: of molecules over that
    of the field.
    """

    photons: Frames
    found: Candidates
    mask: Values | None
    density: float


def brightness(
    model: Model,
    windows: Sequence[Frames],
    maps: CameraMaps | None = None,
    background_known: bool = False,
    estimated: float | None = None,
    everywhere: bool = True,
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
    everywhere
        Whether the windows are all of the field. On a structure a part of it may be denser or
        sparser than the mean, and only how bright its molecules are tells something.

    Returns
    -------
    Emitters with other photons, spread of photons and density, and the mean background that is
    left; None where too few are found.
    """
    card = model.card
    uniform = card.emitters.structure == "uniform"
    size_px = windows[0].shape[1]
    reader = window_reader(model, size_px, size_px)
    parts = _parts(model, reader, windows, everywhere or uniform)
    if not parts:
        return None
    own, area_um2 = Light(card.emitters, card.background), card.camera.pixel_area_um2
    tried = sharings(own, area_um2, estimated is None, background_known)
    given = [_given(model, reader, shared(own, *place, area_um2), parts, maps) for place in tried]
    seen = _answers([part.found for part in parts], sum(len(part.photons) for part in parts))
    known = known_before(own.spread, uniform, estimated)
    if not (everywhere or uniform):
        known = known._replace(density_error=DENSITY_ERROR)
    if not uniform and estimated is None:
        known = known._replace(fluctuating=_fluctuating(model, parts))
    best = most_alike(np.array(tried), np.array(given), np.array(seen), known)
    return shared(own, *best, area_um2)


def _parts(
    model: Model, reader: WindowReader, windows: Sequence[Frames], everywhere: bool
) -> list[_Part]:
    """Return the windows with light, with what is found in them; none where that is too little."""
    size_px = windows[0].shape[1]
    found = [concatenated(_read(reader, window)) for window in windows]
    if sum(len(one.score) for one in found) < MIN_CANDIDATES:
        return []
    emitters = model.card.emitters
    light = np.array([c.photons.sum() / len(w) for c, w in zip(found, windows, strict=True)])
    lit = np.flatnonzero(light >= MIN_LIGHT * light.mean()).tolist()
    expected = emitters.density_per_um2 * model.card.camera.pixel_area_um2 * size_px**2
    density = light / (light[lit].mean() if everywhere else expected)
    uniform = emitters.structure == "uniform"
    masks = [None if uniform else _where(one, size_px) for one in found]
    return [_Part(windows[k], found[k], masks[k], float(density[k])) for k in lit]


def _given(
    model: Model,
    reader: WindowReader,
    light: Light,
    parts: Sequence[_Part],
    maps: CameraMaps | None,
) -> _Answers:
    """Return the network's answers on simulated frames of the windows."""
    answers, drawn = [], []
    size_px = parts[0].photons.shape[1]
    for k, part in enumerate(parts):
        frames = _simulated(
            model, light, part.mask, size_px, part.density, len(parts), maps, SEED + k
        )
        answers += _read(reader, frames.photons)
        drawn.append(frames)
    return _without_chance(_answers(answers, len(answers)), drawn, light)


def _fluctuating(model: Model, parts: Sequence[_Part]) -> tuple[float, float] | None:
    """Return how much more light fluctuates than that of molecules all as bright as those found.

    The natural logarithm, with its error; None: nobody can tell.
    """
    card, table = model.card, model.table
    if table is None:
        overlap = overlap_of_psf(card.camera.px(card.psf.sigma_nm), REACH_PX)
    else:
        overlap = overlap_of_table(table, card.psf.spread_in_depth_nm, REACH_PX)
    emitters = card.emitters
    found = fluctuation([part.photons for part in parts], overlap, emitters.seen_frames)
    if found is None:
        return None
    per_px = emitters.density_per_um2 * card.camera.pixel_area_um2
    alike = per_px * float(np.mean([part.density for part in parts])) * emitters.intensity_photon**2
    return math.log(found.per_px / alike), math.hypot(found.error, SHAPE_ERROR)


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

    ``part``: density of this window over that of the field; ``windows``: how many there are.
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
