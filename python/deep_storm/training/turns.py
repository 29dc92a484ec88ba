"""Flips and rotations that leave the PSF of a stack unchanged.

Frames are flipped and rotated to train on more of them. That is right only as far as the PSF looks
the same afterwards: that of a microscope with coma does not, and neither does one whose ground
truth lies beside the emitters. So the mean light around the true emitters is looked at, after a
Gaussian of each one's sigma and photons has been taken off, and what that leaves of the neighbours
by a linear fit: the rest is asymmetric or not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import erf

from deep_storm.psf.convolution import convolved
from deep_storm.psf.table import PsfTable
from deep_storm.simulation.psf import add_emitters

FloatArray = npt.NDArray[np.float64]

TURNS = tuple(range(8))
"""Symmetries of a square: bit 0 flips x, bit 1 then y, bit 2 then exchanges the axes."""
MAX_ASYMMETRY = 0.04
"""Difference to the turned PSF, over the PSF (both: root of the sum of squares). Coma of 0.03
wavelengths rms makes as much."""
SIGNIFICANT = 4.0
"""Less than this many standard deviations of noise are no difference."""
REACH_SIGMAS = 3.0
MAX_REACH_PX = 10
RIDGE = 1e-3
MAX_EMITTERS = 20_000
"""Enough to see an asymmetry of 0.04 in all but the dimmest movies."""


class Emitted(NamedTuple):
    """One frame in photons (y, x) and its emitters: x, y, sigma (px), photons, shape (n, 4)."""

    photons: npt.NDArray[np.floating]
    emitters: FloatArray
    background_photon: float


class _Sums(NamedTuple):
    """Emitters, and sums over their surroundings.

    In windows around the emitters' pixels: the Gaussians, what is left after them and the square of
    that, weighted with the photons (squared, once, squared). ``pairs``: products of the photons of
    two emitters by their distance, (0, 0) in the middle.
    """

    emitters: int
    gaussians: FloatArray
    rest: FloatArray
    square: FloatArray
    pairs: FloatArray


def turned(image: npt.NDArray[Any], turn: int) -> npt.NDArray[Any]:
    """Return an image (y, x) after one of :data:`TURNS`."""
    image = image[:, ::-1] if turn & 1 else image
    image = image[::-1] if turn & 2 else image
    return image.T if turn & 4 else image


def leaves_alike(table: PsfTable, turn: int) -> bool:
    """Whether one of :data:`TURNS` changes a PSF, at all of its depths, by next to nothing.

    An astigmatic PSF with its axes exchanged is that of the opposite depth: in the mean over all
    emitters, which :func:`allowed_turns` looks at, it may look the same.
    """
    values = table.values.astype(np.float64)
    other = table.turned(bool(turn & 1), bool(turn & 2), bool(turn & 4)).values
    return float(np.sum((values - other) ** 2)) <= MAX_ASYMMETRY**2 * float(np.sum(values**2))


def allowed_turns(frames: Iterable[Emitted]) -> tuple[int, ...]:
    """Return the turns that change the PSF by at most :data:`MAX_ASYMMETRY`.

    Parameters
    ----------
    frames
        Frames with their true emitters; so many are taken as give enough emitters.

    Returns
    -------
    Some of :data:`TURNS`, 0 always among them. All where there is too little light to tell.
    """
    sums: list[_Sums] = []
    count, reach = 0, 0
    for frame in frames:
        if not reach and len(frame.emitters):
            sigma_px = float(np.median(frame.emitters[:, 2]))
            reach = int(np.clip(math.ceil(REACH_SIGMAS * sigma_px), 2, MAX_REACH_PX))
        sums.append(_sums(frame, reach))
        count += sums[-1].emitters
        if count >= MAX_EMITTERS:
            break
    if not count:
        return TURNS
    _, gaussians, rest, square, pairs = (sum(values) for values in zip(*sums, strict=True))
    inverse = np.linalg.inv(_neighbours(pairs, 2 * reach + 1))
    mean = (inverse @ rest.ravel()).reshape(rest.shape)
    variance = (inverse**2 @ square.ravel()).reshape(rest.shape)
    light = mean + gaussians / pairs[2 * reach, 2 * reach]
    return tuple(turn for turn in TURNS if _is_same(mean, light, variance, turn))


def _neighbours(pairs: FloatArray, edge: int) -> FloatArray:
    """Return the matrix by which neighbours' residuals add up around an emitter.

    Where emitters lie on lines, what a neighbour's Gaussian has left over looks like an
    asymmetry; the inverse of this matrix takes it off.
    """
    row, column = np.divmod(np.arange(edge**2), edge)
    apart = row[:, None] - row + edge - 1, column[:, None] - column + edge - 1
    matrix = pairs[apart]
    matrix[np.diag_indices(edge**2)] += RIDGE * pairs[edge - 1, edge - 1]
    return matrix


def _sums(frame: Emitted, reach: int) -> _Sums:
    """Sum the light around emitters whose surroundings lie entirely in the frame."""
    e = frame.emitters
    height, width = frame.photons.shape
    expected = np.full((1, height, width), frame.background_photon, np.float32)
    add_emitters(
        expected, np.zeros(len(e), np.int64), *(np.ascontiguousarray(e[:, k]) for k in range(4))
    )
    column, row = np.floor(e[:, 0]).astype(np.int64), np.floor(e[:, 1]).astype(np.int64)
    whole = (column >= reach) & (column < width - reach) & (row >= reach) & (row < height - reach)
    offset = np.arange(-reach, reach + 1)
    rows = row[whole, None, None] + offset[:, None]
    columns = column[whole, None, None] + offset
    weight = e[whole, 3][:, None, None]
    rest = weight * (frame.photons - expected[0])[rows, columns]
    places, around = np.zeros((2, *frame.photons.shape))
    np.add.at(places, (np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)), e[:, 3])
    np.add.at(around, (row[whole], column[whole]), e[whole, 3])
    across, down = (
        _profiles(offset + place[whole, None] + 0.5, e[whole, axis, None], e[whole, 2, None])
        for axis, place in enumerate((column, row))
    )
    gaussians = weight**2 * down[:, :, None] * across[:, None, :]
    pairs = convolved(np.pad(places, 2 * reach), around[::-1, ::-1], "valid")
    return _Sums(
        int(whole.sum()), gaussians.sum(axis=0), rest.sum(axis=0), np.sum(rest**2, axis=0), pairs
    )


def _profiles(pixel: Any, centre: Any, sigma: Any) -> FloatArray:
    """Return the share of pixels along one axis of Gaussians, (n, pixels)."""
    low, high = ((pixel + edge - centre) / (math.sqrt(2.0) * sigma) for edge in (-0.5, 0.5))
    share: FloatArray = 0.5 * (erf(high) - erf(low))
    return share


def _is_same(mean: FloatArray, light: FloatArray, variance: FloatArray, turn: int) -> bool:
    """Whether the residual after the Gaussians looks the same after a turn."""
    if turn == 0:
        return True
    difference = float(np.sum((mean - turned(mean, turn)) ** 2))
    noise = variance + turned(variance, turn)
    spread = 2.0 * math.sqrt(float(np.sum(noise**2)))  # each pair of pixels counts twice
    limit = MAX_ASYMMETRY**2 * float(np.sum(light**2))
    return difference - float(noise.sum()) <= max(limit, SIGNIFICANT * spread)
