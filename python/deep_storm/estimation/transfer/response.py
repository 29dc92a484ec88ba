"""How differently the pixels of a camera respond to light, from a movie.

Every pixel of an sCMOS camera has its own amplifier: the same light gives 1 to 5 % more in one than
in the next. Without maps of the camera nobody can correct that, but how much it is can be seen.
What differs from pixel to pixel and stays the same during the movie is no image of molecules, which
has no light at the highest spatial frequencies (:mod:`~deep_storm.estimation.transfer.high_pass`).
The mean filtered values R₁ and R₂ of two halves of the frames have independent noise, and so::

    ⟨R₁ R₂⟩ = differences of the baseline² + differences of the response² · Σ h² (I − baseline)²

A narrow PSF does leave something, which grows with the light, too. It becomes less with the
filter's order, as differences between pixels do not: so much is taken off that none is left of
PSFs down to 0.6 pixels (simulated, on for up to 6 frames), and with it a part of the differences
there are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.transfer.high_pass import (
    Float32,
    FloatArray,
    Mask,
    along_both,
    coefficients,
    mean_of,
    whole_surroundings,
)

LOW_ORDER, ORDER = 4, 8
LEFT_OVER, UNSURE = 1.5, 0.5
"""What a PSF leaves at the higher order, over what it leaves more at the lower one, at most; and
which share of that is its error."""
RUNS = 20
"""Frames are cut into so many runs, which belong to one half and the other by turns: molecules that
stay on, drift and bleaching are in both."""
MIN_FRAMES, MIN_PIXELS = 40, 500
TILES, MIN_TILES = 4, 6
"""Along each axis: what comes out differently without one of them is the error. And in all."""
SURE, SURE_OF_LIGHT = 4.0, 2.0
"""Standard errors by which pixels differ at all, and by which more so where there is more light."""
MIN_RESPONSE = 0.01
"""Relative; less than this changes nothing."""
OUTLIER = 30.0
"""Values of so many times what is expected are those of defective pixels."""
BRIGHT = 6.0
"""Pixels with so many times the usual light belong to beads, of which any filter leaves much."""
ROUNDS = 4
LEAST_NOISE_ADU2 = 1e-9


class _Pattern(NamedTuple):
    """What stays the same from frame to frame after a filter, and differs from pixel to pixel.

    Attributes
    ----------
    product
        R₁ R₂ of the module's docstring, ADU², (n,).
    light, square
        Σ h² I and Σ h² I² of the mean frame, (n,): the same pixels.
    tile
        Which part of the field they lie in, (n,).
    noise
        Mean square of what the noise of the frames leaves in R₁ and R₂, ADU².
    """

    product: FloatArray
    light: FloatArray
    square: FloatArray
    tile: npt.NDArray[np.int64]
    noise: float

    def differences(self, baseline_adu: float) -> tuple[float, float, bool]:
        """Return the squared differences of the response, their error, and whether any are sure."""
        light = self.square - 2.0 * baseline_adu * self.light + baseline_adu**2
        tiles = np.unique(self.tile)
        if len(tiles) < MIN_TILES:
            return 0.0, np.inf, False
        found = self._fitted(light)
        without = np.array([self._fitted(light, self.tile != k) for k in tiles])
        usual = np.array([1.0, np.median(light)])  # both together, in the median pixel
        total_error, (_, error) = (
            np.std(values, axis=0) * np.sqrt(len(tiles) - 1.0)
            for values in (without @ usual, without)
        )
        return float(found[1]), float(error), bool(found @ usual > SURE * total_error)

    def _fitted(self, light: FloatArray, kept: Mask | None = None) -> FloatArray:
        """Return the squared differences of baseline (ADU²) and response, both at least 0."""
        chosen = slice(None) if kept is None else kept
        product, light = self.product[chosen], light[chosen]
        dim: Mask = np.asarray(light <= BRIGHT**2 * np.median(light), dtype=bool)
        weight, found = dim.astype(np.float64), np.zeros(2)
        base, slope = 0.0, 0.0
        for _ in range(ROUNDS):
            mean = np.average(light, weights=weight)
            apart = light - mean
            slope = float(np.average(apart * product, weights=weight))
            slope /= max(float(np.average(apart**2, weights=weight)), 1e-12)
            base = float(np.average(product, weights=weight) - slope * mean)
            if base < 0.0:  # all of it goes with the light
                base = 0.0
                slope = float(np.average(light * product, weights=weight))
                slope /= max(float(np.average(light**2, weights=weight)), 1e-12)
            found = np.array([base, max(slope, 0.0)])
            expected = found[0] + found[1] * light + 2.0 * self.noise
            usual = dim & (np.abs(product) <= OUTLIER * expected)
            weight = np.where(usual, expected**-2, 0.0)
            if not weight.any():
                return np.zeros(2)
        return found


class FixedPattern(NamedTuple):
    """What stays the same from frame to frame and differs from pixel to pixel.

    ``low``, ``high``: after a filter of low and of high order.
    """

    low: _Pattern
    high: _Pattern

    def response(self, baseline_adu: float) -> float:
        """Return the relative standard deviation of the pixels' response; 0 where none is seen.

        Parameters
        ----------
        baseline_adu
            Value of a pixel without light.
        """
        found, error, sure = self.high.differences(baseline_adu)
        left = LEFT_OVER * max(self.low.differences(baseline_adu)[0] - found, 0.0)
        square = found - left
        if not sure or square <= max(
            SURE_OF_LIGHT * np.hypot(error, UNSURE * left), MIN_RESPONSE**2
        ):
            return 0.0
        return float(np.sqrt(square))


def fixed_pattern(frames: Float32, used: Mask | None = None) -> FixedPattern | None:
    """Look for what differs from pixel to pixel in all frames alike.

    Parameters
    ----------
    frames
        ADU, (t, y, x); NaN where nothing was measured.
    used
        Pixels that count, (y, x); default: all.

    Returns
    -------
    None where there are too few frames or pixels.
    """
    if len(frames) < MIN_FRAMES or min(frames.shape[1:]) <= ORDER:
        return None
    run = np.arange(len(frames)) * RUNS // len(frames)
    counting = np.ones(frames.shape[1:], dtype=bool) if used is None else used
    known: Mask = np.asarray(np.isfinite(frames).any(axis=0) & counting, dtype=bool)
    halves = np.stack([mean_of(frames[run % 2 == k]) for k in (0, 1)])
    low, high = (_filtered(halves, known, order) for order in (LOW_ORDER, ORDER))
    return None if low is None or high is None else FixedPattern(low, high)


def _filtered(halves: Float32, known: Mask, order: int) -> _Pattern | None:
    """Filter the mean frames of two halves, (2, y, x); None where too few pixels are left."""
    whole = whole_surroundings(known.shape, order, known)
    if np.count_nonzero(whole) < MIN_PIXELS:
        return None
    line = coefficients(order)
    mean = halves.mean(axis=0, keepdims=True)
    one, other = along_both(halves, line)[:, whole].astype(np.float64)
    light, square = (
        along_both(image, line**2)[0][whole].astype(np.float64) for image in (mean, mean**2)
    )
    rows, columns = np.nonzero(whole)
    tile = rows * TILES // whole.shape[0] * TILES + columns * TILES // whole.shape[1]
    noise = max(float(np.mean((one - other) ** 2)) / 4.0, LEAST_NOISE_ADU2)
    return _Pattern(one * other, light, square, tile, noise)
