"""Whether molecules lie beyond the border of the frames, too, as they do at a microscope.

Their light reaches in: without them a frame gets darker towards its border, within the width of
the PSF, by about the half. Simulators that put molecules only into the frame, like ThunderSTORM's,
make such movies; who expects light from beyond there takes molecules at the border for less certain
than they are.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

MAX_EDGE_PX = 64
"""Of larger frames, whose border is a small part, windows of this size are looked at here and
there: beyond the border of those there are molecules in any case."""
INNER_SIGMAS = 0.8
"""How far apart the two rows are that are compared: they have most of their molecules in common, so
that it does not matter how many there are."""
SEGMENT_SIGMAS = 8.0
"""Pieces of the border that are longer than this share few molecules."""
SIGNIFICANT = 2.5
"""Standard errors by which the border has to be too dark."""
MIN_LIGHT = 0.2
"""Least light of the molecules, as a share of the background: its unevenness is small then."""


def ends_at_border(
    mean_photon: FloatArray,
    background_photon: float,
    sigma_px: float,
    field: Mask | None = None,
) -> bool:
    """Return whether no molecules lie beyond the border; False where it cannot be told.

    Parameters
    ----------
    mean_photon
        Temporal mean of the frames, (y, x).
    background_photon
        Of a pixel.
    sigma_px
        Of the PSF.
    field
        Pixels that count, (y, x); default: all. Where some do not, it cannot be told.
    """
    row, length = max(round(INNER_SIGMAS * sigma_px), 1), math.ceil(SEGMENT_SIGMAS * sigma_px)
    shape = mean_photon.shape
    if min(shape) < 2 * length or max(shape) > MAX_EDGE_PX:
        return False
    if field is not None and not field.all():
        return False
    light = mean_photon - background_photon
    turned = light, light[::-1], light.T, light.T[::-1]
    sides = [_pieces(side[[0, row]], length) for side in turned]
    outer, inner = np.concatenate(sides, axis=1)
    if inner.mean() < MIN_LIGHT * background_photon:
        return False
    # With molecules beyond it, the light at the border is as strong as farther in, else this share:
    share = _inside(0.5 / sigma_px) / _inside((row + 0.5) / sigma_px)
    dark = outer - 0.5 * (1.0 + share) * inner
    return bool(dark.mean() < -SIGNIFICANT * dark.std() / math.sqrt(dark.size))


def _inside(far: float) -> float:
    """Return the share of light that reaches a row so many sigmas from the border."""
    return 0.5 * (1.0 + math.erf(far / math.sqrt(2.0)))


def _pieces(rows: FloatArray, length: int) -> FloatArray:
    """Return the means of rows in pieces of about that length, (rows, n)."""
    pieces = np.array_split(rows, max(rows.shape[1] // length, 1), axis=1)
    return np.stack([piece.mean(axis=1) for piece in pieces], axis=1)
