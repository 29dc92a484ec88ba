"""Whether refinement suits a movie: tried on a few of its frames before the run.

A PSF or background that is not what the model expects leaves light over in every frame, and births
and splits explain it: refined frames then have many more localizations than the network found,
which on simulation they have not. That ratio needs no truth, so it is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from deep_storm.camera_maps import noise_photon
from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.chunks import load_with_sides
from deep_storm.inference.fits import CheckedFrame, cut_sample, sampled_frames
from deep_storm.inference.reading import window_reader
from deep_storm.inference.refining import Refinement, map_frames
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.model import Model
from deep_storm.model_card import ModelCard

MAX_EXCESS = 0.06
"""More localizations than the network found, beyond what simulation has: relative."""
MIN_ROWS = 100
"""With fewer of them the ratio is chance."""


def row_ratio(
    seen: Iterable[CheckedFrame], card: ModelCard, refinement: Refinement
) -> float | None:
    """Return the number of refined over that of the network's own localizations of some frames.

    Parameters
    ----------
    seen
        Frames and the network's candidates in them.
    card
        Of the model, with the calibration of the network's own candidates.
    refinement
        Of these candidates.

    Returns
    -------
    The ratio; None where there are too few localizations to say.
    """

    def count(one: CheckedFrame) -> tuple[int, int]:
        own = card.calibration.confidence_of(one.candidates.score) >= card.threshold
        refined = refinement.candidates(one.photons, one.candidates, 0, one.noise_photon, one.sides)
        sure = refinement.calibration.confidence_of(refined.score) >= refinement.threshold
        return int(own.sum()), int(sure.sum())

    counts = np.array(map_frames(count, list(seen))).reshape(-1, 2).sum(axis=0)
    return float(counts[1] / counts[0]) if counts[0] >= MIN_ROWS else None


def movie_windows(
    stream: FrameStream, model: Model, with_sides: bool = False
) -> Iterator[CheckedFrame]:
    """Read a window of some frames all over the movie, with the network's candidates in it.

    Parameters
    ----------
    with_sides
        Whether those in the frames before and after are wanted, too.
    """
    camera, alignment_px = model.card.camera, model.network.alignment_px
    noise, read = noise_photon(camera, stream.noise), None
    for number, t in enumerate(sampled_frames(0, stream.shape[0])):
        beside = 1 if with_sides else 0
        chunk = load_with_sides(stream, model.card, t, t + 1, model.frames_at_once, beside)
        own = chunk.own.start
        if chunk.dead[own]:
            continue
        nothing = Candidates(*(np.empty(0, kind) for kind in (np.int64, *[np.float32] * 7)))
        cut = cut_sample(chunk.photons[own], nothing, number, noise)
        height, width = (n - n % alignment_px for n in cut.photons.shape)
        if not height * width:
            return
        rows, columns = (
            slice(c, c + n) for c, n in zip(cut.corner_px, (height, width), strict=True)
        )
        seen = [chunk.shown.beside(k) for k in range(chunk.frame_count)]
        around = [two[rows, columns] for two in seen if two is not None]
        read = read or window_reader(model, height, width)  # all windows are of one size
        photons = chunk.photons[:, rows, columns]
        found = read(photons, chunk.start, np.stack(around) if around else None)
        here = None if cut.noise_photon is None else cut.noise_photon[:height, :width]
        window = cut.photons[:height, :width]
        yield CheckedFrame(window, found[own], here, sides=chunk.sides(own, found))


def excess_rows(stream: FrameStream, model: Model, refinement: Refinement) -> float | None:
    """Return the relative excess of localizations by refinement, compared with simulation.

    Returns
    -------
    None where there are too few localizations to say.
    """
    if refinement.row_ratio is None:
        return None
    seen = movie_windows(stream, model, refinement.beside)
    ratio = row_ratio(seen, model.card, refinement)
    return None if ratio is None else ratio / refinement.row_ratio - 1.0
