"""Where beads lie in x, y and z, by correlation with their mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.fft import irfftn, next_fast_len, rfftn

FloatArray = npt.NDArray[np.float64]

ROUNDS = 3
MAX_LATERAL_PX = 3


class Shift(NamedTuple):
    """How far a bead lies from the reference, in planes and pixels."""

    z: float
    y: float
    x: float


def align(cut: list[FloatArray]) -> list[Shift]:
    """Return where each bead lies relative to their mean.

    Parameters
    ----------
    cut
        Each bead's planes without background, float64 of shape (z, n, n); z may differ. The
        brightest comes first.
    """
    planes = max(len(light) for light in cut)
    edge = cut[0].shape[1]
    size = tuple(next_fast_len(2 * n, real=True) for n in (planes, edge, edge))
    spectra = [rfftn(light / np.linalg.norm(light), size) for light in cut]
    reference = np.conj(spectra[0])
    shifts: list[Shift] = []
    for _ in range(ROUNDS):
        shifts = [_best(irfftn(spectrum * reference, size), planes) for spectrum in spectra]
        moved = [s * _phase(shift, size) for s, shift in zip(spectra, shifts, strict=True)]
        reference = np.conj(np.mean(moved, axis=0))
    return shifts


def _best(correlation: FloatArray, planes: int) -> Shift:
    """Return the place of the maximum, between samples by parabolas."""
    reach = (planes - 1, MAX_LATERAL_PX, MAX_LATERAL_PX)
    places = [np.arange(-r, r + 1) for r in reach]
    near = correlation[np.ix_(*[p % n for p, n in zip(places, correlation.shape, strict=True)])]
    peak = np.unravel_index(int(np.argmax(near)), near.shape)
    found = []
    for axis, place in enumerate(places):
        k = int(peak[axis])
        step = 0.0
        if 0 < k < place.size - 1:
            line = np.moveaxis(near, axis, 0)[(slice(k - 1, k + 2), *np.delete(peak, axis))]
            bend = line[0] - 2 * line[1] + line[2]
            step = 0.5 * float((line[0] - line[2]) / bend) if bend < 0 else 0.0
        found.append(float(place[k]) + step)
    return Shift(*found)


def _phase(shift: Shift, size: tuple[int, ...]) -> npt.NDArray[np.complex128]:
    """Return the factor that moves a spectrum back by a shift in whole samples."""
    turns = [np.fft.fftfreq(n) * round(s) for n, s in zip(size, shift, strict=True)]
    turns[2] = np.fft.rfftfreq(size[2]) * round(shift.x)
    total = turns[0][:, None, None] + turns[1][:, None] + turns[2]
    phase: npt.NDArray[np.complex128] = np.exp(2j * np.pi * total)
    return phase
