"""Bright objects that are not single molecules, in part of the frames: debris, aggregates, beads.

The field is cut into cells. A cell in one frame is odd where even its dark part is far brighter
than it usually is (a blurred thing lies over it), or where its brightest spot is many times
brighter than molecules are. What is odd now and then is replaced by the same cell of another
frame, which keeps the statistics of molecules and of noise; what is odd most of the time is
marked, to be left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from deep_storm.robust import MEDIAN_OF_NORMAL, robust_std

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

CELL_PX = 8
DARK_QUANTILE = 0.25
"""Molecules leave a quarter of the pixels of two by two cells nearly dark, unless very dense."""
QUANTILE_ERROR = 1.36
"""Standard error of that quantile of normal noise over that of the mean."""
ODD_SIGMAS = 10.0
"""A dark part that is so many deviations brighter than usual is odd."""
BRIGHT_FACTOR = 8.0
"""A spot that is so many times brighter than the median molecule is odd."""
SPOT_SIGMAS = 6.0
MIN_SPOTS = 20
MAX_ODD_SHARE = 0.4
"""Where more is odd than this, it is what there is to be measured."""
ALWAYS = 0.5
"""A cell that is odd in this share of the frames is left out."""
MIN_FRAMES = 10
CHUNK_FRAMES, CHUNK_VALUES = 50, 8_000_000
"""Frames that are worked on at a time, at most, and values in them."""
BAND_VALUES = 2_000_000
"""Of rows that are worked on at a time: each is held six times."""
ROWS = 64
"""Rows that are compared over time at a time."""
FILLING_STEP = 31
"""Cells that fill others are so many apart, so that neighbours are not filled from neighbours."""


def replace_odd_cells(frames: Float32, used: Mask) -> tuple[Mask, float]:
    """Replace outlying cells of frames, in place.

    Nothing is replaced where there are too few frames to compare, or nearly all are odd.

    Parameters
    ----------
    frames
        Photons or photoelectrons, (t, y, x).
    used
        Pixels that count, (y, x).

    Returns
    -------
    Pixels with something odd most of the time, (y, x), which stays; and the share of cells and
    frames that was replaced.
    """
    odd = _odd_cells(frames, used)
    if odd is None:
        return np.zeros(frames.shape[1:], dtype=bool), 0.0
    always = odd.mean(axis=0) > ALWAYS
    odd &= ~always
    _replace(frames, odd)
    return _in_pixels(always, frames.shape[1:]), float(odd.mean())


def find_odd_pixels(frames: Float32) -> Mask | None:
    """Return the pixels of outlying cells and of those around them, (t, y, x); None without any.

    Parameters
    ----------
    frames
        Photons or photoelectrons, (t, y, x).
    """
    odd = _odd_cells(frames, np.ones(frames.shape[1:], dtype=bool))
    return None if odd is None else _in_pixels(odd, frames.shape[1:])


def fill_odd_cells(frames: Float32) -> None:
    """Replace outlying cells of frames, in place, also those that are odd in most frames.

    A cell that always is gets what another place of the same frame shows.

    Parameters
    ----------
    frames
        Photons or photoelectrons, (t, y, x).
    """
    odd = _odd_cells(frames, np.ones(frames.shape[1:], dtype=bool))
    if odd is None:
        return
    always = odd.mean(axis=0) > ALWAYS
    good = np.argwhere(~always)
    for n, (row, column) in enumerate(np.argwhere(always).tolist()):
        from_row, from_column = good[n * FILLING_STEP % len(good)].tolist()
        (y, x), (from_y, from_x) = _place(row, column), _place(from_row, from_column)
        frames[:, y, x] = frames[:, from_y, from_x]
        odd[:, row, column] = odd[:, from_row, from_column]
    _replace(frames, odd)


def _odd_cells(frames: Float32, used: Mask) -> Mask | None:
    """Return the outlying cells and those around them, (t, rows, columns).

    None where there are none, where there are too few frames to compare, or where most is odd.
    """
    height, width = (n // CELL_PX for n in frames.shape[1:])
    if len(frames) < MIN_FRAMES or min(height, width) < 3:
        return None
    counted = _cells(used.astype(np.float32)[None], height, width).mean(axis=3)[0] > 0.5
    odd = (_lifted(frames, height, width, counted) | _too_bright(frames, height, width)) & counted
    if not odd.any() or odd[:, counted].mean() > MAX_ODD_SHARE:
        return None
    odd = np.asarray(ndimage.binary_dilation(odd, np.ones((1, 3, 3), dtype=bool)), dtype=bool)
    always = odd.mean(axis=0) > ALWAYS
    if always[counted].mean() > MAX_ODD_SHARE:  # in a small field the surroundings are much of it
        return None
    return odd


def _cells(frames: Float32, height: int, width: int) -> Float32:
    """Return the pixels of each cell, (t, rows, columns, pixels)."""
    cut = frames[:, : height * CELL_PX, : width * CELL_PX]
    parts = cut.reshape(len(frames), height, CELL_PX, width, CELL_PX).swapaxes(2, 3)
    return parts.reshape(len(frames), height, width, CELL_PX**2)


def _lifted(frames: Float32, height: int, width: int, counted: Mask) -> Mask:
    """Return the cells whose dark part is far brighter than it usually is."""
    dark = np.empty((len(frames), height - 1, width - 1))
    for chunk in _chunks(frames):
        for first, last in _bands(frames[chunk], height - 1):
            band = frames[chunk, first * CELL_PX : (last + 1) * CELL_PX]
            cells = _cells(band, last + 1 - first, width)
            four = np.concatenate(
                [cells[:, :-1, :-1], cells[:, 1:, :-1], cells[:, :-1, 1:], cells[:, 1:, 1:]], axis=3
            )
            rank = int(DARK_QUANTILE * four.shape[3])
            four.partition(rank, axis=3)
            dark[chunk, first:last] = four[..., rank]
    apart = dark
    apart -= np.median(dark, axis=0)
    apart -= np.median(apart, axis=(1, 2), keepdims=True)  # what all of the field does
    four_counted = counted[:-1, :-1] & counted[1:, :-1] & counted[:-1, 1:] & counted[1:, 1:]
    if not four_counted.any():
        return np.zeros((len(frames), height, width), dtype=bool)
    scale = robust_std(apart[:, four_counted], 0.0)
    high = apart > ODD_SIGMAS * max(scale, _least_scale(frames))
    odd = np.zeros((len(frames), height, width), dtype=bool)
    for rows, columns in ((0, 0), (1, 0), (0, 1), (1, 1)):
        odd[:, rows : height - 1 + rows, columns : width - 1 + columns] |= high
    return odd


def _least_scale(frames: Float32) -> float:
    """Return how much noise alone moves the dark part of two by two cells, at least.

    Of whole numbers most dark parts are equal, which is not for lack of noise.
    """
    some = frames[:, ::3, ::3]
    apart = np.empty(some.shape, some.dtype)
    for first in range(0, some.shape[1], ROWS):
        rows = some[:, first : first + ROWS]
        np.abs(rows - np.median(rows, axis=0), out=apart[:, first : first + ROWS])
    noise = float(np.median(apart, overwrite_input=True)) / MEDIAN_OF_NORMAL
    return max(QUANTILE_ERROR * noise / (2.0 * CELL_PX), 1e-6)


def _too_bright(frames: Float32, height: int, width: int) -> Mask:
    """Return the cells whose brightest spot is far brighter than molecules are."""
    highest = np.empty((len(frames), height, width), np.float32)
    deviations = []
    for chunk in _chunks(frames):
        smooth = ndimage.uniform_filter(frames[chunk], (0, 3, 3), mode="nearest")
        smooth -= np.median(smooth, axis=(1, 2), keepdims=True)
        highest[chunk] = _cells(smooth, height, width).max(axis=3)
        np.abs(smooth, out=smooth)
        deviations.append(float(np.median(smooth, overwrite_input=True)))
    noise = float(np.median(deviations)) / MEDIAN_OF_NORMAL
    spots = highest[highest > SPOT_SIGMAS * noise]
    if spots.size < MIN_SPOTS:
        return np.zeros(highest.shape, dtype=bool)
    return np.asarray(highest > BRIGHT_FACTOR * float(np.median(spots)), dtype=bool)


def _chunks(frames: Float32) -> list[slice]:
    """Return parts of the frames that are worked on at a time."""
    step = min(CHUNK_FRAMES, max(1, CHUNK_VALUES // frames[0].size))
    return [slice(start, start + step) for start in range(0, len(frames), step)]


def _bands(frames: Float32, rows: int) -> list[tuple[int, int]]:
    """Return parts of the rows of cells that are worked on at a time."""
    step = max(1, BAND_VALUES // (len(frames) * frames.shape[2] * CELL_PX))
    return [(first, min(first + step, rows)) for first in range(0, rows, step)]


def _replace(frames: Float32, odd: Mask) -> None:
    """Replace outlying cells by the same cell of frames in which it is normal, in turn."""
    for row, column in np.argwhere(odd.any(axis=0)).tolist():
        good = np.flatnonzero(~odd[:, row, column])
        bad = np.flatnonzero(odd[:, row, column])
        if not good.size:
            continue
        y, x = row * CELL_PX, column * CELL_PX
        bottom = frames.shape[1] if row == odd.shape[1] - 1 else y + CELL_PX
        right = frames.shape[2] if column == odd.shape[2] - 1 else x + CELL_PX
        taken = good[np.arange(bad.size) * max(good.size // bad.size, 1) % good.size]
        frames[bad, y:bottom, x:right] = frames[taken, y:bottom, x:right]


def _place(row: int, column: int) -> tuple[slice, slice]:
    """Return the pixels of a cell."""
    y, x = row * CELL_PX, column * CELL_PX
    return slice(y, y + CELL_PX), slice(x, x + CELL_PX)


def _in_pixels(cells: Mask, shape: tuple[int, ...]) -> Mask:
    """Return which pixels belong to the cells; remaining rows and columns join the last ones.

    ``cells``: (rows, columns), or (t, rows, columns); ``shape``: of all frames or of one.
    """
    whole = np.repeat(np.repeat(cells, CELL_PX, axis=-2), CELL_PX, axis=-1)
    size = shape[-2:]
    more = [(0, n - m) for n, m in zip(size, whole.shape[-2:], strict=True)]
    before: list[tuple[int, int]] = [(0, 0)] * (cells.ndim - 2)
    return np.asarray(np.pad(whole, before + more, mode="edge"), dtype=bool)
