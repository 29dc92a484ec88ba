"""Candidate localizations: the common form of what is read from any network's output.

A candidate carries a score; calibration turns it into a confidence, and a threshold decides which
candidates become localizations.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
NOT_STATED: Float32 = np.empty(0, np.float32)
MAX_ANSWER = 1e9
"""A larger answer, in the scale in which an emitter is about 1, is none: its square overflows."""


class Candidates(NamedTuple):
    """Candidates of one or several frames, arrays of the same length n.

    Attributes
    ----------
    frame
        0-based frame, int64.
    x_px, y_px
        Position in camera pixels (corner rule).
    spread_px
        The network's own standard deviation of a position along one axis.
    score
        The higher, the more likely there is an emitter.
    photons, sigma, background
        In the network's scales; arrays of length 0 when the network does not say.
    z_px, z_spread_px
        Depth and its standard deviation, in camera pixels; arrays of length 0 without depth.
    """

    frame: npt.NDArray[np.int64]
    x_px: Float32
    y_px: Float32
    spread_px: Float32
    score: Float32
    photons: Float32
    sigma: Float32
    background: Float32
    z_px: Float32 = NOT_STATED
    z_spread_px: Float32 = NOT_STATED

    def where(self, kept: npt.NDArray[np.bool_]) -> Candidates:
        """Return the candidates that are marked."""
        chosen: list[Any] = [v[kept] if v.size else v for v in self]
        return Candidates(*chosen)

    def shifted(self, frames: int) -> Candidates:
        """Return the same candidates with later frame numbers."""
        return self._replace(frame=self.frame + frames)


def by_frame(candidates: Candidates, first: int, frames: int) -> list[Candidates]:
    """Cut candidates, which are in frame order, into those of each of some frames."""
    at = np.searchsorted(candidates.frame, np.arange(first, first + frames + 1))
    every: list[Any] = list(candidates)
    return [
        Candidates(*(v[begin:end] if v.size else v for v in every))
        for begin, end in pairwise(at.tolist())
    ]


def concatenated(parts: Sequence[Candidates]) -> Candidates:
    """Join candidates in the order given."""
    if not parts:
        nothing = np.empty(0, np.float32)
        return Candidates(np.empty(0, np.int64), *([nothing] * 7))
    return Candidates(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
