"""Camera maps of an sCMOS camera, measured in dark frames."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import StackError
from deep_storm.estimation.parts import MIN_FRAMES
from deep_storm.estimation.quantity import Quantity
from deep_storm.estimation.sampling import check_values
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.words import counted

FloatArray = npt.NDArray[np.float64]

CHUNK_VALUES = 16_000_000
ENOUGH_FRAMES = 200
FEW_FRAMES = 50
SKEWED = 0.05
DRIFTS = 0.2
"""Share of the noise by which the level of the frames may change."""


class DarkMeasurement(NamedTuple):
    """Dark frames, measured.

    Attributes
    ----------
    baseline, read_noise
        Mean of the pixels' means, and root mean square of their standard deviations, ADU. The
        spread is that between pixels.
    maps
        Baseline and read-out noise of each pixel.
    warnings
        Each a sentence.
    """

    baseline: Quantity
    read_noise: Quantity
    maps: CameraMaps
    warnings: tuple[str, ...]


def measure_dark_frames(stream: FrameStream, *, progress: Progress = silent) -> DarkMeasurement:
    """Measure baseline and read-out noise of each pixel from frames taken in the dark.

    All frames are read, in pieces.

    Parameters
    ----------
    stream
        Frames with the shutter closed, a few hundred.
    progress
        Called with the frames read.

    Raises
    ------
    StackError
        Too few frames, constant frames, or values that are not numbers.
    """
    count, height, width = stream.shape
    if count < MIN_FRAMES:
        raise StackError(
            f"{stream.name} has {counted(count, 'frame')}",
            f"at least {MIN_FRAMES} dark frames, preferably {ENOUGH_FRAMES} or more",
            "take more frames with the shutter closed",
        )
    first = _piece(stream, 0, 1)[0]  # near all values: sums of small numbers stay exact
    sums = np.zeros((3, height, width))
    levels = np.empty(count)
    step = max(1, CHUNK_VALUES // (height * width))
    for start in range(0, count, step):
        progress(start, count, "frames read")
        stop = min(start + step, count)
        apart = _piece(stream, start, stop) - first
        levels[start:stop] = apart.mean(axis=(1, 2))
        for power in (1, 2, 3):
            sums[power - 1] += (apart**power).sum(axis=0)
    progress(count, count, "frames read")
    mean, square, cube = sums / count
    variance = np.maximum(square - mean**2, 0.0) * count / (count - 1)
    if not variance.any():
        raise StackError(
            f"the pixels of {stream.name} never change",
            "frames of a camera, which have noise",
            "give the raw dark frames, not their mean",
        )
    third = cube - 3.0 * mean * square + 2.0 * mean**3
    level = float((first + mean).mean())
    return _result(first + mean, variance, third, levels - levels.mean(), level)


def _piece(stream: FrameStream, start: int, stop: int) -> FloatArray:
    values = stream.read(start, stop)
    check_values(values, stream.name, start)
    return values.astype(np.float64)


def _result(
    mean: FloatArray, variance: FloatArray, third: FloatArray, levels: FloatArray, level: float
) -> DarkMeasurement:
    noise = math.sqrt(float(variance.mean()))
    frames, pixels = levels.size, mean.size
    texts = []
    if frames < FEW_FRAMES:
        texts.append(
            f"only {counted(frames, 'frame')}: the noise of a single pixel is known to "
            f"{1.0 / math.sqrt(2.0 * frames):.0%}; take {ENOUGH_FRAMES} or more"
        )
    good = variance > 0
    skewness = float(np.median(third[good] / variance[good] ** 1.5))
    if skewness > max(SKEWED, 6.0 * 1.25 * math.sqrt(6.0 / frames / pixels)):
        texts.append(
            f"the values are not normally distributed (skewness {skewness:.2f}): were these "
            "frames taken in the dark?"
        )
    if float(levels.std()) > DRIFTS * noise:
        texts.append(
            f"the level of the frames changes by {np.ptp(levels):.2g} ADU during the stack: let "
            "the camera warm up"
        )
    maps = CameraMaps(mean.astype(np.float32), read_noise_adu=np.sqrt(variance).astype(np.float32))
    return DarkMeasurement(
        Quantity(level, "ADU", noise / math.sqrt(frames * pixels), float(mean.std()), pixels),
        Quantity(
            noise,
            "ADU",
            noise / math.sqrt(2.0 * frames * pixels),
            float(np.sqrt(variance).std()),
            pixels,
        ),
        maps,
        tuple(texts),
    )
