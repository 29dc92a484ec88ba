"""For how many frames emitters stay on, from the covariance of pixels in frames that follow."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.blind.covariance import amplitude_at, lagged_covariances
from deep_storm.estimation.parts import segments

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]

PIECE_FRAMES = 100
MIN_MEMORY = 0.04
"""Correlation from one frame to the next below which emitters are independent."""
MAX_STAYING = 0.98
LAGS = 3
SHORT, LONG = 0.25, 0.5
"""Correlations from one frame to the next up to which that alone tells q, and from which the next
one does."""
ROUNDS = 8


def on_time(
    blocks: list[Float32], weights: list[FloatArray], sigma_px: float, reach: int
) -> tuple[float, float]:
    """Return in how many frames an emitter is on, in the mean, and the error of that.

    Emitters that go dark with the same probability after each frame (geometric on-times) make
    the covariance fall by the same factor q from one lag to the next; they stay on for 1/(1 − q)
    frames. Those that switch at any time, too, but for the first lag: within a frame more of their
    light belongs together. So where they stay on for long it is the second lag over the first that
    tells q, and the first that tells which of both they do. With a mean on-time of T they have
    q = exp(−1/T) and are seen in T + 1 frames, the first and the last of which get a part.

    Parameters
    ----------
    blocks
        Photoelectrons of contiguous frames, (t, y, x) each.
    weights
        How much each pixel counts, (y, x) each.
    sigma_px, reach
        PSF, and largest distance of pixels that are compared.
    """
    lagged: list[FloatArray] = []
    lengths: list[int] = []
    for block, weight in zip(blocks, weights, strict=True):
        root = np.sqrt(weight)
        for piece in segments(block, PIECE_FRAMES):
            together = lagged_covariances(piece, root, reach, LAGS)
            lagged.append(np.array([amplitude_at(c, sigma_px) for c in together]))
            lengths.append(len(piece))
    frames = float(np.mean(lengths))
    q, first = _staying(np.sum(lagged, axis=0), frames)
    each = [_staying(c, frames)[0] for c in lagged if c[0] > 0]
    error = float(np.std(each) / math.sqrt(len(each))) if len(each) > 1 else 0.02
    if q < max(MIN_MEMORY, 3.0 * error):
        return 1.0, error
    return _frames_on(q, first), error / (1.0 - q) ** 2


def _frames_on(q: float, first: float) -> float:
    """Return in how many frames emitters are on, from q and the correlation at the first lag."""
    with_frames, time = 1.0 / (1.0 - q), -1.0 / math.log(q)
    of_any_time = time * (1.0 - q) ** 2 / (2.0 * (1.0 - time * (1.0 - q)))
    share = float(np.clip((first - q) / (of_any_time - q), 0.0, 1.0))
    return (1.0 - share) * with_frames + share * (time + 1.0)


def _staying(lagged: FloatArray, frames: float) -> tuple[float, float]:
    """Return q and the correlation at the first lag; lags of pieces of so many frames."""
    if lagged[0] <= 0:
        return 0.0, 0.0
    first, second = np.clip(lagged[1:] / lagged[0], 0.0, MAX_STAYING).tolist()
    if first <= MIN_MEMORY:
        return float(first), float(first)
    q = one = first
    for _ in range(ROUNDS):
        rest = hidden_by_mean(q, frames)
        one, two = (raw * (1.0 - rest) + rest for raw in (first, second))
        # the second lag of emitters that are off again by then is noise
        trust = float(np.clip((one - SHORT) / (LONG - SHORT), 0.0, 1.0))
        q = min(trust * two / one + (1.0 - trust) * one, MAX_STAYING)
    return float(q), float(one)


def hidden_by_mean(staying: float, frames: float) -> float:
    """Return the share of the variance that the mean over some frames follows, and so hides."""
    return min((1.0 + staying) / (1.0 - staying) / frames, 0.5)
