"""Molecules that stay on for several frames, at one place.

A molecule switches on at any time and goes out after a time that is exponentially distributed; a
frame gets the share of its light that falls into it. With a mean on-time of T frames a molecule is
seen in T + 1 frames in the mean, so 1 / (T + 1) of a frame's emitters are new in it.

Starts are drawn for blocks of frames, each with its own random numbers. What is on in a frame
started in its block or in the one before: a movie can be read at any frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.settings import Emitters, Psf
from deep_storm.simulation.emitters import EmitterSet, draw_densities, place_emitters
from deep_storm.simulation.field import Field, Structure
from deep_storm.simulation.light import Light
from deep_storm.simulation.on_times import draw_on_times, mean_frames_seen

FloatArray = npt.NDArray[np.float64]

START_STREAM = 4
"""Second word of the seeds; ``frames`` and ``patches`` use others."""

MEAN_TIMES = math.log(1e4)
"""After so many mean on-times all but 1 of 10,000 molecules have gone out; the last go out then."""

MIN_BLOCK_FRAMES = 16
"""Fewer frames in a block would take longer for each."""

KEPT_BLOCKS = 4
"""Two for reading in order, and two for a second reader."""


def switched(
    molecules: EmitterSet, start_frames: FloatArray, on_frames: FloatArray, frames: int
) -> EmitterSet:
    """Return what the frames of sequences see of molecules that switch on and off.

    Parameters
    ----------
    molecules
        ``frame`` is the number of the sequence, ``intensity_photon`` the photons of a whole frame.
    start_frames, on_frames
        When each switches on, in frames after its sequence began (before it, if negative), and
        for how long it stays on; each of shape (n,).
    frames
        Number of frames of a sequence.

    Returns
    -------
    EmitterSet
        A row for each molecule and frame that it is on in, with the photons of that frame; place,
        sigma and depth are the molecule's. ``frame`` is sequence × ``frames`` + number within it;
        rows are sorted by it, and those of one frame in the order of the molecules.
    """
    end = start_frames + on_frames
    first = np.maximum(np.floor(start_frames), 0.0).astype(np.int64)
    after = np.minimum(np.ceil(end), frames).astype(np.int64)
    count = np.maximum(after - first, 0)
    which = np.repeat(np.arange(len(molecules)), count)
    within = np.arange(which.size) - np.repeat(np.cumsum(count) - count, count)
    t = first[which] + within
    share = np.minimum(t + 1.0, end[which]) - np.maximum(t, start_frames[which])
    frame = molecules.frame[which] * frames + t
    seen = np.flatnonzero(share > 0.0)
    seen = seen[np.argsort(frame[seen], kind="stable")]
    rows = molecules.where(which[seen])
    return replace(rows, frame=frame[seen], intensity_photon=rows.intensity_photon * share[seen])


class Starts(NamedTuple):
    """Molecules that switch on in a block of frames.

    Attributes
    ----------
    molecules
        Their ``frame`` is 0, their photons are those of a whole frame.
    start, on
        When they switch on, in frames after the block's first, and for how long; shape (n,).
    """

    molecules: EmitterSet
    start: FloatArray
    on: FloatArray


@dataclass(eq=False)
class Switching:
    """The molecules of a movie that stay on for several frames.

    Parameters
    ----------
    structure, field
        Where they lie.
    emitters, psf, light
        How many there are, for how long they are on, and how they look.
    seed
        The movie's.
    """

    structure: Structure
    field: Field
    emitters: Emitters
    psf: Psf
    light: Light
    seed: int
    # Neither a lock nor a dictionary: the tuple is replaced as a whole, so that threads can read
    # at once and movies can be sent to other processes.
    _kept: tuple[tuple[int, Starts], ...] = ()

    @property
    def block_frames(self) -> int:
        """Frames in a block; no molecule is on for longer."""
        mean = self.emitters.on_time_frames or self.emitters.seen_frames
        return max(MIN_BLOCK_FRAMES, math.ceil(MEAN_TIMES * mean))

    def at(self, t: int) -> EmitterSet:
        """Return the emitters of frame ``t``; their own ``frame`` is 0."""
        size = self.block_frames
        here = t // size
        parts = []
        for number in (here - 1, here):
            starts = self._block(number)
            start = starts.start - (t - number * size)
            on = (start < 1.0) & (start + starts.on > 0.0)
            parts.append(switched(starts.molecules.where(on), start[on], starts.on[on], 1))
        return joined(parts)

    def _block(self, number: int) -> Starts:
        for kept, starts in self._kept:
            if kept == number:
                return starts
        starts = self._drawn(number)
        self._kept = ((number, starts), *self._kept[: KEPT_BLOCKS - 1])
        return starts

    def _drawn(self, number: int) -> Starts:
        """Draw the molecules that switch on in a block; the one before the movie is number −1."""
        rng = np.random.default_rng([self.seed, START_STREAM, number + 1])
        size = self.block_frames
        densities = draw_densities(self.emitters, size, rng) / mean_frames_seen(self.emitters)
        whole = self.emitters.model_copy(update={"on_time_frames": 0.0})
        total = densities.sum(keepdims=True)
        drawn = place_emitters([self.structure], total, self.field, whole, self.psf, rng)
        molecules = self.light.placed(drawn, rng)
        frame = rng.choice(size, len(molecules), p=densities / total)
        within, on = draw_on_times(self.emitters, len(molecules), rng)
        return Starts(molecules, frame + within, np.minimum(on, size))


def joined(parts: list[EmitterSet]) -> EmitterSet:
    """Return several sets of emitters as one, in this order."""
    names = ("frame", "x_px", "y_px", "sigma_px", "intensity_photon", "z_nm")
    return EmitterSet(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))
