"""Gain and baseline of a camera from a movie: photon transfer without a calibration.

The slope of the noise curve (:mod:`~deep_storm.estimation.transfer.curve`) where it is dark is one
over the gain; where its line meets zero lies the baseline, less what read-out noise adds. What the
filter leaves of a narrow PSF makes the slope too steep. It becomes less with the filter's order in
a way that hardly depends on the PSF, so two orders tell what none would show; pairs of frames in
which the same molecule shines tell it in another way. All answers are weighed by their errors, in
which the part stands that was guessed.

Electron multiplication doubles the noise variance of light. The noise cannot tell it from half the
photons, so whoever asks says whether the camera multiplies.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from deep_storm.estimation.quantity import Quantity
from deep_storm.estimation.transfer.curve import (
    CLIP_SIGMAS,
    DARK_SHARE,
    Float32,
    FloatArray,
    Integers,
    Mask,
    NoiseCurve,
    Rise,
    fit_rise,
    noise_curve,
)
from deep_storm.estimation.transfer.high_pass import GROUPS, Filtered, filtered
from deep_storm.estimation.transfer.processed import Processed
from deep_storm.robust import robust_std

ORDERS = (4, 8, 12)
LEFT_OVER = {(4, 8): (0.25, 0.25), (8, 12): (0.9, 0.7)}
"""What a PSF leaves at the higher order, over what it leaves more at the lower one, and how that
varies between PSFs of 0.65 to 1.3 pixels (simulated)."""
MIN_EDGE_PX = 24
"""Smaller frames have no room for the filter of the highest order."""
SLOPE_FLOOR = 0.015
"""Relative error of a slope that no number of pixels makes smaller."""
FEW_VALUES = 35.0
"""Relative error of a slope times the root of the number of pixel values, found on simulations: few
values hold few bright pixels, which the spread between groups of frames does not show."""
MAX_RELATIVE_ERROR = 0.5
"""A gain that is not known better than this is not known."""
COLOURED = 0.7
"""Noise at the highest frequencies over that at all high ones, below which frames were smoothed."""
SHARED = 0.15
"""Correlation of the noise from frame to frame, from which on frames were averaged or filtered over
time (camera's frames: 0.01, running means and medians: 0.4 or more)."""
CHANCE = 6.0
"""Two standard errors of that correlation, times the root of the number of pairs of pixels: the
filter makes neighbours alike, and dim molecules are left over (simulated: 0.055 at 3,000 pairs)."""
TIME_ORDER = 8
"""Order of the filter whose residuals are compared from frame to frame,"""
DARKER_PART, MIN_PAIRS = 0.3, 1000
"""in the darkest share of the pixels, if so many of them are dark in two frames in a row."""
ROUNDING_VARIANCE = 1.0 / 12.0


class Slope(NamedTuple):
    """Slope of variance over level, 1/ADU · ADU², and its standard error."""

    value: float
    error: float


class PhotonTransfer(NamedTuple):
    """Camera properties that follow from the noise of a movie.

    Attributes
    ----------
    slope
        Variance of a pixel per level above the baseline, ADU; None where brightness hardly varies
        between pixels, so that the slope cannot be told.
    level_adu, variance_adu2
        Level and variance of the darkest part of the frames.
    whiteness
        Noise at the highest spatial frequencies over that at all high ones in the darkest part,
        1 for a camera's frames; less where they were interpolated, filtered or compressed.
    frames
        How many frames were looked at.
    over_time
        Correlation of the noise in the darkest part from one frame to the next, at least so much;
        0 for a camera's frames, more where frames were averaged or filtered over time.
    processed
        What the values of the frames tell of what was done to them.
    """

    slope: Slope | None
    level_adu: float
    variance_adu2: float
    whiteness: float
    frames: int
    over_time: float = 0.0
    processed: Processed | None = None

    @property
    def is_smooth(self) -> bool:
        """Whether the noise of neighbouring pixels is correlated."""
        return self.whiteness < COLOURED

    @property
    def is_coloured(self) -> bool:
        """Whether the noise of pixels or frames is correlated."""
        return self.is_smooth or self.over_time > SHARED

    @property
    def is_processed(self) -> bool:
        """Whether the frames are not as a camera wrote them, so that their noise tells no gain."""
        return self.is_coloured or self.processed is not None

    @property
    def processing(self) -> str:
        """What was done to frames that are not a camera's; nothing for those of one."""
        if self.processed is not None:
            return self.processed.what
        if self.is_smooth:
            return "smoothed, interpolated (registered, resized, rotated) or compressed"
        return "filtered (a running mean over frames, a median)" if self.is_coloured else ""

    def processed_frames(self, name: str) -> str:
        """Say that the frames of a stack are not as a camera wrote them; nothing where they are."""
        if not self.is_processed:
            return ""
        whose = "neighbouring pixels" if self.is_smooth else "frames that follow each other"
        evidence = f"the noise of {whose} of {name} is correlated"
        if self.processed is not None:
            evidence = f"in {name} {self.processed.evidence}"
        return (
            f"{evidence}, as in no raw camera frames: the frames "
            f"were {self.processing}. Their noise tells nothing about the camera, and confidences "
            "and uncertainties may not hold; use the frames as the camera wrote them"
        )

    def photons_per_adu(self, em_gain: float | None = None) -> Quantity | None:
        """Return photoelectrons per A/D count before EM gain; None where they are unknown.

        Parameters
        ----------
        em_gain
            Electron-multiplying gain; None: the camera does not multiply.
        """
        if self.slope is None:
            return None
        factor = 1.0 if em_gain is None else 2.0 * em_gain
        value = factor / self.slope.value
        return Quantity(
            value, "photon/ADU", value * self.slope.error / self.slope.value, None, self.frames
        )

    def baseline_adu(self, read_noise_adu: float = 0.0) -> Quantity | None:
        """Return the baseline; None where the slope is unknown.

        Parameters
        ----------
        read_noise_adu
            Standard deviation of a pixel without light. What is left out of it makes the baseline
            come out too low, by its square over the slope.
        """
        if self.slope is None:
            return None
        light = self.variance_adu2 - read_noise_adu**2 - ROUNDING_VARIANCE
        light = max(light, 0.0)
        error = light * self.slope.error / self.slope.value**2
        value = self.level_adu - light / self.slope.value
        error = math.hypot(error, SLOPE_FLOOR * self.variance_adu2 / self.slope.value)
        return Quantity(value, "ADU", error, None, self.frames)


def photon_transfer(
    frames: Float32, numbers: Integers | None = None, used: Mask | None = None
) -> PhotonTransfer | None:
    """Determine gain and baseline from the noise of frames.

    Parameters
    ----------
    frames
        ADU, (t, y, x); pixels without measurement filled from their neighbours.
    numbers
        Which frames of the movie they are, rising, (t,); default: neighbouring ones.
    used
        Pixels that count, (y, x); default: all.

    Returns
    -------
    What was found; None where frames are too small or hold no noise.
    """
    if not len(frames) or min(frames.shape[1:]) < MIN_EDGE_PX:
        return None
    numbers = np.arange(len(frames)) if numbers is None else numbers
    neighbours = np.flatnonzero(np.diff(numbers) == 1)
    alone = _curves(frames, used, None)
    slopes = _without_leftovers({k: _slope(*v) for k, v in alone.items()})
    if neighbours.size:
        paired = _curves(frames, used, neighbours)
        slopes += _without_leftovers({k: _slope(*v) for k, v in paired.items()})
    if not {4, 8} <= alone.keys():
        return None
    curve = alone[8][0]
    level, variance = _dark_point(curve)
    if variance <= 0.0:
        return None
    whiteness = _variance_at(alone[max(alone)][0], level) / _variance_at(alone[4][0], level)
    slope = _weighed(slopes, frames.size)
    over_time = _over_time(filtered(frames, TIME_ORDER, used), neighbours)
    return PhotonTransfer(slope, level, variance, whiteness, len(frames), over_time)


def _over_time(part: Filtered, first: Integers) -> float:
    """Return the correlation of the noise where it is dark, at least: without what may be chance.

    ``first``: frames before another.
    """
    level = part.level[:, part.used]
    if not level.size or not first.size:
        return 0.0
    dark = level <= np.nanquantile(level[:, :: max(1, level.size // 500_000)], DARKER_PART)
    both = dark[first] & dark[first + 1]
    if np.count_nonzero(both) < MIN_PAIRS:
        return 0.0
    residual = part.residual[:, part.used]
    one, next_one = residual[first][both], residual[first + 1][both]
    most = CLIP_SIGMAS * robust_std(one, 0.0)
    kept = (np.abs(one) < most) & (np.abs(next_one) < most)
    if not kept.any():  # without noise
        return 0.0
    product = one[kept].astype(np.float64) * next_one[kept]
    squares = 0.5 * (np.mean(one[kept] ** 2) + np.mean(next_one[kept] ** 2))
    if squares <= 0.0:
        return 0.0
    return max(float(np.mean(product) / squares) - CHANCE / math.sqrt(product.size), 0.0)


def _curves(
    frames: Float32, used: Mask | None, pairs: Integers | None
) -> dict[int, tuple[NoiseCurve, Rise]]:
    """Return the noise curve and its rise for each order at which there is one."""
    found = {}
    for order in ORDERS:
        part = filtered(frames, order, used, pairs)
        measured = noise_curve(part) if part.used.any() else None
        if measured is not None:
            found[order] = measured
    return found


def _slope(curve: NoiseCurve, rise: Rise) -> Slope:
    """Return the slope and its error, by the jackknife over groups of frames."""
    filled = [g for g in range(GROUPS) if curve.counts[g].any()]
    if len(filled) < 2 or not math.isfinite(rise.slope):
        return Slope(rise.slope, math.inf)
    without = np.array([fit_rise(*curve.pooled(g)).slope for g in filled])
    spread = float(np.sum((without - without.mean()) ** 2))
    return Slope(rise.slope, math.sqrt((len(filled) - 1) / len(filled) * spread))


def _without_leftovers(found: dict[int, Slope]) -> list[Slope]:
    """Return the slopes extrapolated from each two orders."""
    answers = []
    for (low, high), (share, unsure) in LEFT_OVER.items():
        if low not in found or high not in found:
            continue
        apart = found[low].value - found[high].value
        value = found[high].value - share * apart
        chance = math.hypot((1.0 + share) * found[high].error, share * found[low].error)
        error = math.hypot(chance, unsure * apart)
        answers.append(Slope(value, math.hypot(error, SLOPE_FLOOR * value)))
    return answers


def _weighed(slopes: list[Slope], count: int) -> Slope | None:
    """Return the mean of slopes, weighted by errors and pixels; None where none is known."""
    known = [s for s in slopes if s.value > 0 and s.error < s.value]
    if not known:
        return None
    values, errors = np.array(known).T
    weights = 1.0 / errors**2
    value = float(np.sum(weights * values) / weights.sum())
    # they come from the same frames, so that together they are hardly surer than the best
    error = max(float(errors.min()), SLOPE_FLOOR * value)
    error = math.hypot(error, FEW_VALUES / math.sqrt(count) * value)
    return Slope(value, error) if error < MAX_RELATIVE_ERROR * value else None


def _dark_point(curve: NoiseCurve) -> tuple[float, float]:
    """Return level and variance of the darkest part."""
    level, variance, counts = curve.pooled()
    reached = np.cumsum(counts) >= DARK_SHARE * counts.sum()
    part = np.arange(counts.size) <= int(np.argmax(reached))
    weights = np.where(part, counts, 0.0)
    return float(np.average(level, weights=weights)), float(np.average(variance, weights=weights))


def _variance_at(curve: NoiseCurve, level_adu: float) -> float:
    """Return the variance at a level, between the bins."""
    level, variance, counts = curve.pooled()
    filled = counts > 0
    order = np.argsort(level[filled])
    values: FloatArray = np.interp([level_adu], level[filled][order], variance[filled][order])
    return max(float(values[0]), 1e-12)
