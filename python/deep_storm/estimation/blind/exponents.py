"""The exponents Λ(s) = −log⟨exp(−s·Y)⟩ of the pixel values of a stack, and their errors.

Y is the sum of a box of pixels; the mean in the logarithm goes over the frames, that of the
logarithms over the field. The logarithm of a mean of n frames is wrong by a/n + b/n² + …; the two
first terms go away by combining it with the logarithms from halves and quarters of the frames
(Richardson's extrapolation; the generalised jackknife [1]_).

Pixels count less towards the border, so that boxes of all sizes see the same structure.

References
----------
.. [1] W. R. Schucany, H. L. Gray and D. B. Owen, "On bias reduction in estimation", Journal of the
   American Statistical Association 66, 524 (1971).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from deep_storm.estimation.blind.scattering import Scales, peak_share
from deep_storm.kernels import kernel

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BOXES_PX = (1, 2, 3)
BOXES_OF_WIDE_PSF_PX = (1, 3, 5)
WIDE_PSF_PX = 1.9
MIN_SCALE = 0.05
"""The smallest s, in units of one over the peak of an emitter's signal; each next one is twice."""
SCALES = 9
TILE_PX = 16
"""Edge of the pieces of a frame that are taken for independent of each other."""
TAPER_PX = 12.0
MAX_EXPONENT = 4.0
"""Where 1 % of the boxes are dark less often than exp(−4), the mean is too uncertain."""
MAX_CORRECTION = 0.3


class Exponents(NamedTuple):
    """Measured exponents.

    Attributes
    ----------
    scales
        Where, n of them.
    values
        Λ, float64 (n,).
    covariance
        Of their errors, float64 (n, n).
    """

    scales: Scales
    values: FloatArray
    covariance: FloatArray


@kernel(fastmath=True)
def _exponents(
    values: Float32,
    weight: FloatArray,
    scale: float,
    tile_of_row: IntArray,
    tile_of_column: IntArray,
    tile_columns: int,
    exponents: FloatArray,
    corrections: FloatArray,
    plain: Float32,
    influence: FloatArray,
) -> None:
    """Add up Λ, the correction, and what each frame and tile contributes to Λ's error.

    ``values`` is (y, x, t); ``plain`` (y, x, n) takes the uncorrected exponents of each box,
    ``influence`` (t, tiles, n) the contributions.
    """
    height, width, frames = values.shape
    scales = exponents.size
    quarter = frames // 4
    used = 4 * quarter
    least = 1e-30
    terms = np.empty((frames, scales))
    sums = np.empty((4, scales))
    for i in range(height):
        for j in range(width):
            w = weight[i, j]
            if w <= 0.0:
                continue
            sums[:] = 0.0
            for t in range(frames):
                e = np.exp(-scale * values[i, j, t])
                for k in range(scales):
                    terms[t, k] = e
                    if t < used:
                        sums[t // quarter, k] += e
                    e = e * e if e > 1e-30 else 0.0
            tile = tile_of_row[i] * tile_columns + tile_of_column[j]
            for k in range(scales):
                a, b = max(sums[0, k] / quarter, least), max(sums[1, k] / quarter, least)
                c, d = max(sums[2, k] / quarter, least), max(sums[3, k] / quarter, least)
                mean = 0.25 * (a + b + c + d)
                whole = -np.log(mean)
                halves = -0.5 * (np.log(0.5 * (a + b)) + np.log(0.5 * (c + d)))
                quarters = -0.25 * (np.log(a) + np.log(b) + np.log(c) + np.log(d))
                exponents[k] += w * (8.0 * whole - 6.0 * halves + quarters) / 3.0
                corrections[k] += w * (quarters - whole)
                plain[i, j, k] = whole
                inverse = w / mean
                for t in range(frames):
                    influence[t, tile, k] += w - terms[t, k] * inverse


def border_weights(
    height: int, width: int, sigma_px: float, excluded: npt.NDArray[np.bool_] | None = None
) -> FloatArray:
    """Return how much each pixel counts: 1 inside, falling smoothly to 0 at the border.

    Parameters
    ----------
    height, width
        Of the window.
    sigma_px
        PSF sigma.
    excluded
        Pixels to stay away from, (y, x).
    """
    most = min(height, width) / 3.0
    taper = min(max(TAPER_PX, 6.0 * sigma_px), most)
    first = 1.5  # the outermost pixels are in fewer boxes

    def line(length: int) -> FloatArray:
        centre = np.arange(length) + 0.5
        return np.minimum(centre, length - centre) - first

    distance = np.minimum.outer(line(height), line(width))
    if excluded is not None and excluded.any():
        apart = distance_transform_edt(~excluded) - 3.0 * sigma_px
        distance = np.minimum(distance, np.asarray(apart, dtype=np.float64))
    weights: FloatArray = np.sin(np.clip(distance / taper, 0.0, 1.0) * np.pi / 2.0) ** 2
    return weights


def measure_exponents(
    pieces: Sequence[Float32],
    weights: Sequence[FloatArray],
    sigma_px: float,
    photons: float,
    memory_frames: float = 1.0,
) -> Exponents:
    """Measure the exponents of a stack.

    Parameters
    ----------
    pieces
        Contiguous frames, (t, y, x) each, in photoelectrons.
    weights
        How much their pixels count, (y, x) each.
    sigma_px, photons
        Roughly, to choose boxes and scales.
    memory_frames
        Frames that an emitter stays on: so many fewer frames are independent.

    Returns
    -------
    Exponents
        Without the scales at which they are too uncertain.
    """
    boxes = BOXES_PX if sigma_px < WIDE_PSF_PX else BOXES_OF_WIDE_PSF_PX
    starts = [MIN_SCALE / (photons * peak_share(sigma_px, box)) for box in boxes]
    scales = Scales(
        np.concatenate([start * 2.0 ** np.arange(SCALES) for start in starts]),
        np.repeat(np.array(boxes, dtype=np.int64), SCALES),
    )
    values = np.zeros((len(pieces), scales.s.size))
    corrections, high = np.zeros_like(values), np.zeros_like(values)
    covariance = np.zeros((scales.s.size, scales.s.size))
    for n, (piece, weight) in enumerate(zip(pieces, weights, strict=True)):
        parts = [
            _measured(piece, weight, box, start) for box, start in zip(boxes, starts, strict=True)
        ]
        values[n] = np.concatenate([part[0] for part in parts])
        corrections[n] = np.concatenate([part[1] for part in parts])
        high[n] = np.concatenate([part[2] for part in parts])
        influence = np.concatenate([part[3] for part in parts], axis=1)
        covariance += influence.T @ influence / len(piece) ** 2
    covariance *= (2.0 * memory_frames - 1.0) / len(pieces) ** 2
    mean, correction = values.mean(axis=0), corrections.mean(axis=0)
    sure = (high.mean(axis=0) < MAX_EXPONENT) & (correction < MAX_CORRECTION) & (mean > 0)
    sure &= np.isfinite(mean)
    kept = Scales(scales.s[sure], scales.box_px[sure])
    return Exponents(kept, mean[sure], covariance[np.ix_(sure, sure)])


def _measured(
    piece: Float32, weight: FloatArray, box: int, scale: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return exponents, corrections, high percentile and influences (frames · tiles, n)."""
    summed = box_sums(piece, box)
    frames, height, width = summed.shape
    shares = _box_weights(weight, box)
    first = (box - 1) / 2
    rows = (np.arange(height) + first).astype(np.int64) // TILE_PX
    columns = (np.arange(width) + first).astype(np.int64) // TILE_PX
    across = -(-piece.shape[2] // TILE_PX)
    tiles = -(-piece.shape[1] // TILE_PX) * across
    exponents, corrections = np.zeros(SCALES), np.zeros(SCALES)
    plain = np.full((height, width, SCALES), np.nan, np.float32)
    influence = np.zeros((frames, tiles, SCALES))
    _exponents(
        np.ascontiguousarray(np.moveaxis(summed, 0, 2)),
        shares / shares.sum(),
        scale,
        rows,
        columns,
        across,
        exponents,
        corrections,
        plain,
        influence,
    )
    high = np.asarray(np.nanpercentile(plain.reshape(-1, SCALES), 99, axis=0), dtype=np.float64)
    return exponents, corrections, high, influence.reshape(-1, SCALES)


def box_sums(frames: Float32, box: int) -> Float32:
    """Return the sums over all boxes of pixels: (t, y − box + 1, x − box + 1)."""
    if box == 1:
        return frames
    height, width = frames.shape[1] - box + 1, frames.shape[2] - box + 1
    rows = frames[:, :height].copy()
    for k in range(1, box):
        rows += frames[:, k : k + height]
    result: Float32 = rows[:, :, :width].copy()
    for k in range(1, box):
        result += rows[:, :, k : k + width]
    return result


def _box_weights(weight: FloatArray, box: int) -> FloatArray:
    """Return the weights at the boxes' centres (between pixels for even boxes)."""
    inner = 2 - box % 2
    rim = (box - inner) // 2
    height, width = weight.shape
    core = weight[rim : height - rim, rim : width - rim]
    if inner == 1:
        return core
    rows = core[:-1] + core[1:]
    result: FloatArray = (rows[:, :-1] + rows[:, 1:]) / 4.0
    return result
