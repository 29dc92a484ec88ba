"""Invalid frames of a movie: dark ones, flashes, dropped and repeated ones.

Frames are compared by their level (the median pixel) and their noise (what a second difference
leaves), which rises with light whatever the baseline is. Frames fall into groups where their
sorted levels have a gap. The reference is the largest group in which molecules are seen. A group
below it without molecules is dark; frames above it with three times its noise are too bright, and
so are single ones far above it without more noise, as light has: their baseline jumped.
A background that fades slowly leaves no gap, and stays.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MIN_ROWS, MAX_ROWS = 64, 256
MAX_VALUES = 16_384
"""So many pixels of a frame are looked at, in rows that are spread evenly: at least MIN_ROWS, if
there are so many, and at most MAX_ROWS."""
MIN_FRAMES = 5
STRUCTURE_SIGMAS = 6.0
STRUCTURE_QUANTILE = 0.998
"""Molecules are seen where the brightest 0.2 % of the smoothed pixels stand out that far."""
STRUCTURED, BLANK = 0.5, 0.2
"""Shares of a group's frames in which molecules are seen, or nearly none."""
GAP_SIGMAS = 1.0
"""A gap between levels is at least so many standard deviations of a pixel."""
MIN_GAP_ADU = 1.0
"""and more than the step from one whole value to the next, which is larger than the noise of frames
that were resized, or of a camera with many photons per ADU."""
MIN_REFERENCE_SHARE, MIN_REFERENCE = 0.1, 10
"""Share and number of frames that a group needs in order to be the reference."""
DARKER = 0.77
"""Dark frames have at most this share of the reference's noise variance."""
BRIGHTER = 3.0
JUMP_SIGMAS, SAME_NOISE = 10.0, 1.2
"""The baseline jumped where the level is so many standard deviations of a pixel above the reference
and the variance at most so many times the reference's: light would make it 1.3 times as large on a
background of 1,000 photons, and more on a dimmer one."""
MEDIAN_OF_SQUARES = 0.4549
"""Median of the square of a standard normal variable."""


class FrameLooks(NamedTuple):
    """Statistics of frames, (n,) each.

    Attributes
    ----------
    level_adu
        Median pixel.
    variance_adu2
        Noise variance of a pixel.
    structure
        How far the brightest smoothed pixels stand out, in standard deviations.
    dead
        All pixels are equal, or none is valid.
    """

    level_adu: FloatArray
    variance_adu2: FloatArray
    structure: FloatArray
    dead: Mask


class FrameRule(NamedTuple):
    """Criteria that tell invalid frames from valid ones.

    Attributes
    ----------
    dark_below_adu
        Frames whose level is lower are dark.
    bright_above_adu, bright_variance_adu2
        Frames with a higher level and a larger variance are too bright.
    typical_adu
        Levels of the reference; frames outside of it are left out of estimates.
    jumped_above_adu, jumped_variance_adu2
        In frames with a higher level and a smaller variance the baseline jumped.
    """

    dark_below_adu: float = -math.inf
    bright_above_adu: float = math.inf
    bright_variance_adu2: float = math.inf
    typical_adu: tuple[float, float] = (-math.inf, math.inf)
    jumped_above_adu: float = math.inf
    jumped_variance_adu2: float = 0.0

    def dark(self, looks: FrameLooks) -> Mask:
        """Return which frames are dark."""
        return ~looks.dead & (looks.level_adu < self.dark_below_adu)

    def bright(self, looks: FrameLooks) -> Mask:
        """Return which frames are too bright."""
        above = looks.level_adu > self.bright_above_adu
        lit = above & (looks.variance_adu2 > self.bright_variance_adu2)
        jumped = looks.level_adu > self.jumped_above_adu
        jumped &= looks.variance_adu2 < self.jumped_variance_adu2
        return ~looks.dead & (lit | jumped)

    def typical(self, looks: FrameLooks) -> Mask:
        """Return which frames are like the reference."""
        low, high = self.typical_adu
        return ~looks.dead & (looks.level_adu >= low) & (looks.level_adu <= high)


def look_at_frames(frames: npt.NDArray[Any]) -> FrameLooks:
    """Measure level, noise and structure of frames, each by itself.

    Parameters
    ----------
    frames
        ADU, (t, y, x), at least 3 × 3 pixels; NaN and infinity are no measurement.
    """
    looks = np.zeros((3, len(frames)))
    dead = np.zeros(len(frames), dtype=bool)
    for t, frame in enumerate(frames):
        middle = _level(frame)
        dead[t] = middle is None
        if middle is not None:
            above, own, below = (_filled(_rows(frame, k), middle) for k in range(3))
            looks[:, t] = _look(above, own, below, middle)
    return FrameLooks(looks[0], looks[1], looks[2], dead)


def levels_adu(frames: npt.NDArray[Any]) -> tuple[FloatArray, Mask]:
    """Return level and death of frames, as :func:`look_at_frames` does; the rest costs more.

    Returns
    -------
    (t,) each; the level of a dead frame is 0.
    """
    found = [_level(frame) for frame in frames]
    level = np.array([0.0 if value is None else value for value in found])
    return level, np.array([value is None for value in found], dtype=bool)


def _rows(frame: npt.NDArray[Any], shift: int) -> Float32:
    """Return the rows that are looked at, or (by ``shift`` 0 or 2) those above or below them."""
    inner = frame.shape[0] - 2
    most = min(max(MAX_VALUES // frame.shape[1], MIN_ROWS), MAX_ROWS)
    step = max(1, -(-inner // most))
    return np.asarray(frame[shift : inner + shift : step], np.float32)


def _filled(rows: Float32, level: float) -> Float32:
    finite = np.isfinite(rows)
    return rows if finite.all() else np.where(finite, rows, np.float32(level))


def _level(frame: npt.NDArray[Any]) -> float | None:
    """Return the median of a frame; None if it is dead."""
    rows = _rows(frame, 1)
    if frame.dtype.kind == "f":
        rows = rows[np.isfinite(rows)]
    if not rows.size or frame.min() == frame.max():
        return None
    return float(np.median(rows))


def _look(above: Float32, own: Float32, below: Float32, level: float) -> tuple[float, float, float]:
    """Return level, variance and structure from rows and their neighbours, (n, x) each."""
    second = above - 2.0 * own + below
    second = second[:, :-2] - 2.0 * second[:, 1:-1] + second[:, 2:]
    variance = max(float(np.median(second**2)) / MEDIAN_OF_SQUARES / 36.0, 1e-6)
    smooth = above + own + below
    smooth = (smooth[:, :-2] + smooth[:, 1:-1] + smooth[:, 2:]) / 9.0
    stands_out = float(np.quantile(smooth, STRUCTURE_QUANTILE)) - level
    return level, variance, 3.0 * stands_out / math.sqrt(variance)


class _Group(NamedTuple):
    """Frames whose levels have no gap between them; ``chosen`` of them shall be used."""

    size: int
    chosen: int
    low_adu: float
    high_adu: float
    variance_adu2: float
    structured: float


def frame_rule(looks: FrameLooks, chosen: Mask | None = None) -> FrameRule:
    """Find the criteria that tell invalid frames from valid ones.

    Parameters
    ----------
    looks
        Of frames spread over the movie.
    chosen
        Those of them that shall be used: the reference is the group of most of these, if molecules
        can be estimated from it. Default: all.

    Returns
    -------
    The rule; one that lets everything pass where there are too few frames to compare.
    """
    kept = ~looks.dead
    if np.count_nonzero(kept) < MIN_FRAMES:
        return FrameRule()
    wanted = kept if chosen is None else chosen
    level, variance, structure = (values[kept] for values in looks[:3])
    groups = _groups(level, variance, structure, wanted[kept])
    reference = _reference(groups, int(np.count_nonzero(kept)))
    own = groups[reference]
    dark_below = -math.inf
    for k in range(reference):
        blank = groups[k].structured < BLANK and own.structured >= STRUCTURED
        if blank and groups[k].variance_adu2 < DARKER * own.variance_adu2:
            dark_below = 0.5 * (groups[k].high_adu + groups[k + 1].low_adu)
    bright_above = own.high_adu + GAP_SIGMAS * math.sqrt(own.variance_adu2)
    for k in range(len(groups) - 1, reference, -1):
        if groups[k].variance_adu2 > BRIGHTER * own.variance_adu2:
            bright_above = 0.5 * (groups[k].low_adu + groups[k - 1].high_adu)
    slack = 0.5 * GAP_SIGMAS * math.sqrt(own.variance_adu2)
    return FrameRule(
        dark_below,
        bright_above,
        BRIGHTER * own.variance_adu2,
        (own.low_adu - slack, own.high_adu + slack),
        _jumped_above(groups, reference, int(np.count_nonzero(kept))),
        SAME_NOISE * own.variance_adu2,
    )


def _jumped_above(groups: list[_Group], reference: int, frames: int) -> float:
    """Return the level above which the baseline jumped: not that of a large part of the movie."""
    own = groups[reference]
    large = [g.high_adu for g in groups[reference:] if g.size >= MIN_REFERENCE_SHARE * frames]
    return max([own.high_adu, *large]) + JUMP_SIGMAS * math.sqrt(own.variance_adu2)


def _groups(
    level: FloatArray, variance: FloatArray, structure: FloatArray, chosen: Mask
) -> list[_Group]:
    """Cut frames into groups where their sorted levels have a gap."""
    order = np.argsort(level, kind="stable")
    level, variance, structure = level[order], variance[order], structure[order]
    chosen = chosen[order]
    whole = bool(np.all(2.0 * level == np.rint(2.0 * level)))  # a median may be half a value
    least = GAP_SIGMAS * np.sqrt(np.minimum(variance[1:], variance[:-1]))
    gap = np.diff(level) > np.maximum(least, MIN_GAP_ADU if whole else 0.0)
    ends = [0, *(np.flatnonzero(gap) + 1).tolist(), level.size]
    return [
        _Group(
            stop - start,
            int(np.count_nonzero(chosen[start:stop])),
            float(level[start]),
            float(level[stop - 1]),
            float(np.median(variance[start:stop])),
            float(np.mean(structure[start:stop] > STRUCTURE_SIGMAS)),
        )
        for start, stop in pairwise(ends)
    ]


def _reference(groups: list[_Group], frames: int) -> int:
    """Return which group the others are compared with."""
    large = [k for k, g in enumerate(groups) if g.size >= MIN_REFERENCE_SHARE * frames]
    large = large or list(range(len(groups)))
    told = [k for k in large if groups[k].structured >= STRUCTURED] or large
    asked = max(told, key=lambda k: groups[k].chosen)
    if groups[asked].size >= MIN_REFERENCE and groups[asked].chosen > 0:
        return asked
    return max(told, key=lambda k: groups[k].size)


def repeated(frames: npt.NDArray[Any]) -> Mask:
    """Return which frames are identical to the one before, (t,)."""
    same = [bool(np.array_equal(a, b)) for a, b in pairwise(frames)]
    return np.array([False, *same][: len(frames)], dtype=bool)
