"""Whether camera maps lie over a movie as they should: what they call noisy must be noisy there.

Calibrations are kept as (x, y) or (y, x), and cameras are mirrored and turned on their way to a
file. Over pixels without molecules, the variance in time follows the map's only if it lies right;
rank correlation tells that with a handful of frames. What a map that lies right would give is
simulated, so that too few frames are not taken for a wrong map.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

DARK_SHARE = 0.7
"""Of the pixels, the darker ones: without molecules in most frames."""
MAX_PIXELS = 100_000
MIN_FRAMES = 4
SURE = 8.0
"""A rank correlation of so many standard errors is none by chance."""
EXPECTED = 3.0
"""A map that lies right has at least the expected correlation over this."""
TURNS = {
    "with rows and columns swapped": (True, 1, 1),
    "mirrored left to right": (False, 1, -1),
    "mirrored top to bottom": (False, -1, 1),
    "rotated by 180°": (False, -1, -1),
    "rotated by 90° clockwise": (True, 1, -1),
    "rotated by 90° counterclockwise": (True, -1, 1),
    "with rows and columns swapped and rotated by 180°": (True, -1, -1),
}
"""Whether rows and columns are swapped, and then the steps along y and x."""


class Fit(NamedTuple):
    """How a map lies over a movie.

    Attributes
    ----------
    turn
        What must be done with it, a name of :data:`TURNS`; "" for nothing.
    contradicts
        Whether it fits in no way, although that would be seen.
    """

    turn: str = ""
    contradicts: bool = False


def turned(values: npt.NDArray[np.float32], turn: str) -> npt.NDArray[np.float32]:
    """Return a map (y, x) as a name of :data:`TURNS` says."""
    swapped, down, across = TURNS[turn]
    return np.ascontiguousarray((values.T if swapped else values)[::down, ::across])


def how_it_lies(read_noise_adu: npt.NDArray[np.float32], frames: npt.NDArray[np.generic]) -> Fit:
    """Compare a map of read-out noise with the frames' noise.

    Parameters
    ----------
    read_noise_adu
        (y, x), or (x, y) by mistake.
    frames
        (t, y, x) in ADU, spread over the movie.
    """
    if len(frames) < MIN_FRAMES:
        return Fit()
    values = frames.astype(np.float64)
    mean, variance = values.mean(axis=0), values.var(axis=0, ddof=1)
    fine = np.isfinite(variance)
    dark = fine & (mean <= np.quantile(mean[fine], DARK_SHARE)) if fine.any() else fine
    chosen = np.flatnonzero(dark)
    chosen = chosen[:: -(-chosen.size // MAX_PIXELS) or 1]
    seen = variance.ravel()[chosen]
    fits = {
        name: _correlation(there.ravel()[chosen], seen)
        for name, there in _ways(read_noise_adu, mean.shape).items()
    }
    if not fits or not seen.size or np.ptp(seen) == 0:
        return Fit()
    own, best = fits.get("", 0.0), max(fits, key=lambda name: fits[name])
    error = 1.0 / np.sqrt(chosen.size)
    least = _expected(read_noise_adu, seen, len(frames)) / EXPECTED
    if own >= max(least, SURE * error) or least < SURE * error:
        return Fit()
    if best and fits[best] > max(least, own + SURE * error):
        return Fit(turn=best)
    return Fit(contradicts=own < min(least, SURE * error))


def _ways(values: npt.NDArray[np.float32], shape: tuple[int, ...]) -> dict[str, Values]:
    """Return the map in all ways that have the frames' shape."""
    ways = {"": values} | {name: turned(values, name) for name in TURNS}
    return {name: way.astype(np.float64) for name, way in ways.items() if way.shape == shape}


def _correlation(one: Values, other: Values) -> float:
    """Return the rank correlation of two series; 0 where one is constant."""
    from scipy.stats import spearmanr  # scipy.stats

    if one.size < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one, other).statistic)


def _expected(read_noise_adu: npt.NDArray[np.float32], seen: Values, frames: int) -> float:
    """Return the rank correlation that a map has with noise that follows it."""
    rng = np.random.default_rng(1)
    map_variance = rng.choice(read_noise_adu.ravel(), seen.size).astype(np.float64) ** 2
    rest = max(float(np.median(seen)) - float(np.median(map_variance)), 0.0)
    free = frames - 1
    drawn = (map_variance + rest) * rng.chisquare(free, seen.size) / free
    return _correlation(map_variance, drawn)
