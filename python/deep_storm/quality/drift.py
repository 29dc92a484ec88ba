"""Whether localizations have moved during the movie: a check, not a correction.

The frames are cut into bins of equal length, the bins drawn as coarse histograms, and each
cross-correlated with every other one. The shifts of all pairs are brought to one curve by least
squares, once more without the pairs that contradict the others. Where the pairs disagree altogether
(nothing is seen twice, too few localizations), there is no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

MOST_BINS, LEAST_BINS = 10, 3
ROWS_PER_BIN = 500
MOST_PIXELS_EDGE = 512
FINEST_PIXEL_NM = 10.0
SMOOTHING_NM = 20.0
SEARCH_NM = 1000.0
MOST_DISAGREEMENT_NM = 40.0


@dataclass(frozen=True, eq=False)
class DriftCurve:
    """How far the localizations of each bin are from those of the first one.

    Attributes
    ----------
    frame
        (n,), middle of each bin, 0-based.
    x_nm, y_nm
        (n,), drift.
    error_nm
        How well the curve is known: RMS disagreement of the pairs over √(pairs per bin).
    """

    frame: Values
    x_nm: Values
    y_nm: Values
    error_nm: float

    @property
    def extent_nm(self) -> float:
        """Largest distance between two points of the curve."""
        dx, dy = (v[:, None] - v[None, :] for v in (self.x_nm, self.y_nm))
        return float(np.hypot(dx, dy).max())


class _Pairs(NamedTuple):
    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    shift_nm: Values
    """(pairs, 2), of the second bin against the first, x and y."""


def drift_of(frame: Values, x_nm: Values, y_nm: Values) -> DriftCurve | None:
    """Estimate how localizations have moved.

    Parameters
    ----------
    frame, x_nm, y_nm
        (n,) each, in any order.

    Returns
    -------
    None where the drift cannot be told: too few localizations, one frame, or bins that have
    nothing in common.
    """
    from scipy.fft import irfft2, rfft2

    bins = min(MOST_BINS, len(frame) // ROWS_PER_BIN)
    if bins < LEAST_BINS or np.ptp(frame) < bins or min(np.ptp(x_nm), np.ptp(y_nm)) <= 0:
        return None
    edges = np.linspace(float(frame.min()), float(frame.max()) + 1, bins + 1)
    which = np.clip(np.searchsorted(edges, frame, side="right") - 1, 0, bins - 1)
    if np.bincount(which, minlength=bins).min() < ROWS_PER_BIN / 5:
        return None
    pixel_nm = max(FINEST_PIXEL_NM, float(max(np.ptp(x_nm), np.ptp(y_nm))) / MOST_PIXELS_EDGE)
    images = _images(which, x_nm, y_nm, bins, pixel_nm)
    shape = images[0].shape
    spectra = [rfft2(image - image.mean()) for image in images]
    pairs = np.array([(i, j) for i in range(bins) for j in range(i + 1, bins)])
    shifts = np.array(
        [
            _peak_nm(irfft2(np.conj(spectra[i]) * spectra[j], shape), pixel_nm)
            for i, j in pairs.tolist()
        ]
    )
    solved = _solve(_Pairs(pairs[:, 0], pairs[:, 1], shifts), bins)
    if solved is None:
        return None
    positions, error_nm = solved
    return DriftCurve((edges[:-1] + edges[1:] - 1) / 2, positions[:, 0], positions[:, 1], error_nm)


def _images(
    which: npt.NDArray[np.int64], x_nm: Values, y_nm: Values, bins: int, pixel_nm: float
) -> list[npt.NDArray[np.float32]]:
    """Draw the histogram of each bin; a margin keeps what leaves at one side from the other."""
    from scipy.ndimage import gaussian_filter

    margin = int(np.ceil(SEARCH_NM / pixel_nm / 2))
    column = ((x_nm - x_nm.min()) / pixel_nm).astype(np.int64)
    row = ((y_nm - y_nm.min()) / pixel_nm).astype(np.int64)
    height, width = int(row.max()) + 1 + margin, int(column.max()) + 1 + margin
    place = row * width + column
    return [
        gaussian_filter(
            np.bincount(place[which == one], minlength=height * width)
            .astype(np.float32)
            .reshape(height, width),
            SMOOTHING_NM / pixel_nm,
        )
        for one in range(bins)
    ]


def _peak_nm(correlation: npt.NDArray[np.float32], pixel_nm: float) -> Values:
    """Return (x, y) of the maximum of a correlation, between pixels by parabolas."""
    height, width = correlation.shape
    reach = min(int(SEARCH_NM / pixel_nm), height // 2 - 1, width // 2 - 1)
    lags = np.arange(-reach, reach + 1)
    part = correlation[np.ix_(lags % height, lags % width)].astype(np.float64)
    row, column = np.unravel_index(int(part.argmax()), part.shape)

    def between(line: Values, top: int) -> float:
        if not 0 < top < len(line) - 1:
            return 0.0
        a, b, c = line[top - 1 : top + 2]
        return float(0.5 * (a - c) / (a - 2 * b + c)) if a - 2 * b + c < 0 else 0.0

    x = lags[column] + between(part[row], int(column))
    y = lags[row] + between(part[:, column], int(row))
    return np.array([x, y]) * pixel_nm


def _solve(pairs: _Pairs, bins: int) -> tuple[Values, float] | None:
    """Return the positions that fit the pairs best, the first one at 0, and their error."""
    design = np.zeros((len(pairs.first), bins))
    rows = np.arange(len(pairs.first))
    design[rows, pairs.first], design[rows, pairs.second] = -1.0, 1.0
    design = design[:, 1:]
    kept = np.ones(len(rows), bool)
    for _ in range(3):
        found = np.linalg.lstsq(design[kept], pairs.shift_nm[kept], rcond=None)[0]
        away = np.hypot(*(design @ found - pairs.shift_nm).T)
        limit = 3 * max(float(np.median(away)), 1.0)
        kept = away <= limit
        if np.linalg.matrix_rank(design[kept]) < bins - 1:
            return None
    disagreement_nm = float(np.sqrt(np.mean(away**2)))
    if disagreement_nm > MOST_DISAGREEMENT_NM:
        return None
    positions = np.vstack([np.zeros(2), found])
    return positions, disagreement_nm / np.sqrt(bins - 1)
