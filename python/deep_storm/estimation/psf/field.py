"""Whether the PSF is the same all over the field.

Molecules are fitted with one PSF. Where it changes over the field (aberrations towards the corners,
a tilted or curved focal plane), what the fit leaves over around them is alike within a part of the
field and different in others. What is left over everywhere does not count, nor does noise.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.psf.state import State

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PARTS = 3
"""Parts of the field along each axis: an aberration that grows to all sides is the same in four."""
REACH_SIGMAS = 2.5
MIN_MOLECULES = 20
"""In a part, for it to count;"""
MIN_PARTS = 4
"""and as many parts."""
CHANGES = 0.02
"""The PSF changes where parts differ from the mean by this (relative RMS; one PSF: up to 0.01, an
edge of the background 0.017; aberrations of 0.1 wavelengths at the corners: 0.025)"""
CHANGES_CHI2 = 3.0
"""and by so many times what noise makes (one PSF: up to 1.3, an edge 2.4)."""


class OverField(NamedTuple):
    """How parts of the field differ from each other.

    Attributes
    ----------
    difference
        Of what is left over around a molecule of a part from that of all, relative to its light
        (RMS).
    chi2
        Its square, relative to what noise makes.
    """

    difference: float = 0.0
    chi2: float = 0.0

    @property
    def changes(self) -> bool:
        """Whether the PSF changes over the field."""
        return self.difference >= CHANGES and self.chi2 >= CHANGES_CHI2

    def sentence(self) -> str:
        """Return what that means."""
        return (
            f"The PSF changes over the field: its parts differ by {self.difference:.0%} from the "
            "mean (relative RMS), which is taken everywhere"
        )


ALIKE = OverField()
"""All parts look alike, or it cannot be told: molecules are too few, or crowded on a structure."""


def over_field(state: State) -> OverField:
    """Compare what a finished fit leaves over around molecules of different parts of the field."""
    light = state.light()
    expected = state.background() + light
    reach = math.ceil(REACH_SIGMAS * state.sigma_px)
    chosen, around = _windows(state, reach)
    noise = state.noise(expected)[around]
    known = np.isfinite(noise).all(axis=(1, 2))
    part = _parts(state)[chosen][known]
    images = state.residual(expected)[around], light[around], noise
    left, own, variance = (_sums(values[known], part) for values in images)
    count = np.bincount(part, minlength=PARTS**2)
    seen = count >= MIN_MOLECULES
    if seen.sum() < MIN_PARTS:
        return ALIKE
    usual = left.sum(axis=0) / own.sum()
    off = (left - own.sum(axis=(1, 2))[:, None, None] * usual)[seen]
    own, variance, weight = own[seen], variance[seen], count[seen] / count[seen].sum()
    chi2 = (off**2 / variance).mean(axis=(1, 2))
    beyond = (off**2 - variance).sum(axis=(1, 2)) / (own**2).sum(axis=(1, 2))
    return OverField(math.sqrt(max(float(weight @ beyond), 0.0)), float(chi2.mean()))


def _windows(state: State, reach: int) -> tuple[Integers, tuple[Integers, Integers, Integers]]:
    """Return the emitters with a whole window around them, and the pixels of these."""
    own = state.emitters
    _, height, width = state.scenes.photons.shape
    column, row = np.floor(own.x_px).astype(np.int64), np.floor(own.y_px).astype(np.int64)
    whole = (column >= reach) & (column < width - reach)
    whole &= (row >= reach) & (row < height - reach)
    chosen = np.flatnonzero(whole)
    offsets = np.arange(-reach, reach + 1)
    rows = row[chosen, None, None] + offsets[:, None]
    columns = column[chosen, None, None] + offsets
    return chosen, (own.scene[chosen, None, None], rows, columns)


def _parts(state: State) -> Integers:
    """Return the part of the field that each emitter lies in."""
    own, scenes = state.emitters, state.scenes
    window = scenes.window[own.scene]
    part = np.zeros(len(own), np.int64)
    edges = (
        (own.y_px, np.array([w.top for w in scenes.windows]), scenes.size_px[0]),
        (own.x_px, np.array([w.left for w in scenes.windows]), scenes.size_px[1]),
    )
    for place, first, size in edges:
        span = float(first.max() + size - first.min())
        share = (place + first[window] - first.min()) / span
        part = part * PARTS + np.clip(share * PARTS, 0, PARTS - 1).astype(np.int64)
    return part


def _sums(values: FloatArray, part: Integers) -> FloatArray:
    total = np.zeros((PARTS**2, *values.shape[1:]))
    np.add.at(total, part, values)
    return total
