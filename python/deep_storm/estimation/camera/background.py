"""Baseline and read-out noise from the dark part of a stack.

As by hand in Fiji (threshold, create selection, measure): the mean of pixels without light is the
camera's baseline, their standard deviation its read-out noise. Light makes both too large –
background photons raise the mean, and their shot noise the standard deviation – and leaves
traces: the distribution is skewed, and pixels with more of it scatter more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.errors import SettingsError, StackError
from deep_storm.estimation.camera.light import (
    MIN_PIXELS,
    clip_limits,
    pixel_variances,
    share_of_deviation,
    traces_in,
)
from deep_storm.estimation.parts import MIN_FRAMES
from deep_storm.estimation.quantity import Quantity
from deep_storm.estimation.sampling import check_values, constant_frames
from deep_storm.estimation.shapes import smoothed_density
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.settings import Measurement
from deep_storm.words import counted

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MAX_VALUES = 20_000_000
MAX_FRAMES = 300
DARK_SIGMAS = 2.5
"""Pixels belong to the dark part up to so many deviations above its mode."""
MIN_DARK_PEAK = 0.1
"""A maximum of the histogram counts as the dark part from this share of the highest one on."""
UNEQUAL_PIXELS = 0.3
DARK_ROI_SIGMAS = 6.0
LIT = (
    "background photons make both numbers too large: the mean of a lit background is not the "
    "baseline, and its shot noise is not read-out noise; measure with the shutter closed or in a "
    "covered corner, or give --photons-per-adu to derive the baseline from the noise"
)


class BackgroundMeasurement(NamedTuple):
    """The dark part of a stack, measured.

    Attributes
    ----------
    baseline, read_noise
        Mean and standard deviation, ADU.
    share
        Share of the field's pixels that were used.
    mask
        Which ones, bool (y, x).
    lit
        Whether they hold light, so that the numbers are not the camera's.
    warnings
        Each a sentence.
    """

    baseline: Quantity
    read_noise: Quantity
    share: float
    mask: Mask
    lit: bool
    warnings: tuple[str, ...]


def measure_background(
    stream: FrameStream,
    settings: Measurement = Measurement(),
    *,
    progress: Progress = silent,
) -> BackgroundMeasurement:
    """Measure baseline and read-out noise from pixels without light.

    Parameters
    ----------
    stream
        Raw camera frames.
    settings
        Where the dark part is, or how it is found.
    progress
        Called with the frames read.

    Raises
    ------
    StackError
        Too few frames, constant frames, values that are not numbers, or no dark part.
    SettingsError
        The region lies outside the frames, or holds no dark pixels.
    """
    frames = _sample(stream, progress)
    typical = np.percentile(frames, settings.percentile, axis=0).astype(np.float64)
    dark, level, spread = _dark_part(typical)
    if settings.roi is not None:
        dark = _region(settings.roi, typical, level, spread)
    if np.count_nonzero(dark) < MIN_PIXELS:
        raise StackError(
            f"{stream.name} has {np.count_nonzero(dark)} dark pixels",
            f"at least {MIN_PIXELS}",
            "give --roi X,Y,WIDTH,HEIGHT of a part without light, or a stack of dark frames",
        )
    return _measured(frames[:, dark].astype(np.float64), dark, settings.clip_sigmas)


def _sample(stream: FrameStream, progress: Progress) -> npt.NDArray[Any]:
    """Read frames spread evenly over the stack, (t, y, x)."""
    count, height, width = stream.shape
    if count < MIN_FRAMES:
        raise StackError(
            f"{stream.name} has {counted(count, 'frame')}",
            f"at least {MIN_FRAMES}",
            "give the movie: one frame does not show which pixels stay dark",
        )
    wanted = int(np.clip(MAX_VALUES // (height * width), MIN_FRAMES, MAX_FRAMES))
    chosen = np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int))
    frames = np.empty((chosen.size, height, width), stream.dtype)
    for k, t in enumerate(chosen.tolist()):
        progress(k, chosen.size, "frames read")
        frames[k] = stream.read(t, t + 1)[0]
        check_values(frames[k : k + 1], stream.name, t)
    progress(chosen.size, chosen.size, "frames read")
    if frames.min() == frames.max():
        raise constant_frames(stream)
    return frames


def _dark_part(typical: FloatArray) -> tuple[Mask, float, float]:
    """Return the dark pixels, their mode and its width: the lowest peak of the histogram."""
    # Medians of whole numbers are whole numbers: spread them over their unit.
    values = typical.ravel() + np.random.default_rng(0).uniform(-0.5, 0.5, typical.size)
    low, high = np.quantile(values, [0.0, 0.9])
    grid, density = smoothed_density(values[values <= high])
    peaks = np.flatnonzero((density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])) + 1
    peaks = peaks[density[peaks] > MIN_DARK_PEAK * density.max()]
    level = float(grid[peaks[0]]) if peaks.size else float(np.median(values))
    below = values[(values <= level) & (values >= low)] - level
    width = max(math.sqrt(float(np.mean(below**2))), 0.3) if below.size else 0.3
    return typical <= level + DARK_SIGMAS * width, level, width


def parse_roi(text: str, height: int, width: int) -> tuple[slice, slice]:
    """Translate ``X,Y,WIDTH,HEIGHT`` to rows and columns.

    Raises
    ------
    SettingsError
        The text is something else, or the rectangle is not inside the frames.
    """
    try:
        x, y, across, down = (int(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(
            f"roi is {text!r}", "X,Y,WIDTH,HEIGHT in pixels, such as 10,20,100,80", "change --roi"
        ) from error
    if min(x, y) < 0 or min(across, down) < 1 or x + across > width or y + down > height:
        raise SettingsError(
            f"the region {text} reaches outside the frames of {width} × {height} pixels",
            "X,Y,WIDTH,HEIGHT with X + WIDTH and Y + HEIGHT inside the frames",
            "change --roi (Fiji shows these four numbers in its status bar while you draw)",
        )
    return slice(y, y + down), slice(x, x + across)


def _region(text: str, typical: FloatArray, level: float, width: float) -> Mask:
    rows, columns = parse_roi(text, *typical.shape)
    inside = np.zeros(typical.shape, dtype=bool)
    inside[rows, columns] = True
    darkest = float(np.percentile(typical[inside], 10))
    if darkest > level + DARK_ROI_SIGMAS * width:
        raise SettingsError(
            f"the region {text} contains no dark pixels: they are at {darkest:.0f} ADU, the "
            f"darkest part of the frames at {level:.0f} ADU",
            "a region without light",
            "draw it elsewhere, or do without --roi",
        )
    return inside


def _measured(values: FloatArray, mask: Mask, clip_sigmas: float) -> BackgroundMeasurement:
    """Measure values (t, pixels) of dark pixels."""
    low, high = clip_limits(values, clip_sigmas)
    kept = (values >= low) & (values <= high)
    used = values[kept]
    pixels = values.shape[1]
    baseline = float(used.mean())
    # what clipping takes from the standard deviation of a normal distribution
    noise = float(used.std()) / share_of_deviation(clip_sigmas)
    temporal = math.sqrt(float(np.mean(pixel_variances(values, kept)[1])))
    pattern = math.sqrt(max(noise**2 - temporal**2, 0.0))
    traces = list(traces_in(values, kept))
    texts = [*traces, LIT] if traces else list(_unequal(pattern, temporal, noise))
    if 1.0 - kept.mean() > 0.1:
        texts.append(f"{1.0 - kept.mean():.0%} of the values were outliers and were left out")
    size = used.size
    return BackgroundMeasurement(
        Quantity(
            baseline,
            "ADU",
            math.hypot(noise / math.sqrt(size), pattern / math.sqrt(pixels)),
            noise,
            size,
        ),
        Quantity(noise, "ADU", noise / math.sqrt(2.0 * size), None, size),
        pixels / mask.size,
        mask,
        bool(traces),
        tuple(texts),
    )


def _unequal(pattern: float, temporal: float, noise: float) -> Iterator[str]:
    """Say so where pixels differ by more than noise."""
    if pattern > UNEQUAL_PIXELS * noise:
        yield (
            f"pixels differ from each other by {pattern:.2g} ADU beyond their noise of "
            f"{temporal:.2g} ADU, as in an sCMOS camera; dark frames (--dark) give maps of such a "
            "camera"
        )
