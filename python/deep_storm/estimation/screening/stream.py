"""A movie with invalid frames marked as dead and invalid pixels filled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.screening.frames import (
    FrameLooks,
    FrameRule,
    levels_adu,
    look_at_frames,
)
from deep_storm.estimation.screening.pixels import PixelMap
from deep_storm.estimation.screening.transients import NoiseModel, fill, find_transients
from deep_storm.io.stacks.stream import Frames, FrameStream, WrappedFrames

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Screening(NamedTuple):
    """Invalid pixels and frames of a movie.

    Attributes
    ----------
    rule
        Which frames are dark, too bright, or unlike the others.
    pixels
        Which pixels misbehave; their maps have the frames' size.
    noise
        What tells a cosmic ray from light; None: they are not looked for.
    clipped_adu
        The value at which bright light was cut off; None where it was not.
    """

    rule: FrameRule
    pixels: PixelMap
    noise: NoiseModel | None = None
    clipped_adu: float | None = None

    def without_measurement(self, looks: FrameLooks) -> Mask:
        """Return which frames give no localizations."""
        return looks.dead | self.rule.dark(looks) | self.rule.bright(looks)

    def judged(self, frames: Frames) -> tuple[FloatArray, Mask]:
        """Return the level of frames, ADU, and which give no localizations, (t,) each.

        More than the level is looked at where it is suspicious.
        """
        level, empty = levels_adu(frames)
        empty |= level < self.rule.dark_below_adu
        for t in np.flatnonzero(~empty & (level > self.rule.bright_above_adu)):
            empty[t] = self.rule.bright(look_at_frames(frames[t : t + 1]))[0]
        return level, empty


class ScreenedFrames(WrappedFrames):
    """A stack whose bad pixels are filled from their neighbours.

    A frame without a measurement has the same value in all its pixels, as a dropped frame has, so
    that whoever reads it needs to know nothing of screening. The values keep their dtype.

    Parameters
    ----------
    stream
        Frames in ADU. It is closed with this one.
    screening
        What holds no measurement.
    """

    def __init__(self, stream: FrameStream, screening: Screening) -> None:
        super().__init__(stream)
        self.screening = screening
        self.clipped_adu = screening.clipped_adu
        self._bad = screening.pixels.bad

    def _read(self, start: int, stop: int) -> Frames:
        frames = self._stream.read(start, stop)
        level, empty = self.screening.judged(frames)
        for t in range(len(frames)):
            if empty[t]:
                known = frames[t][np.isfinite(frames[t])]
                frames[t] = known.min() if known.size else 0  # all alike: there is no measurement
            else:
                frames[t] = self._cleaned(frames[t], float(level[t]))
        return frames

    def _cleaned(self, frame: Frames, level_adu: float) -> Frames:
        """Return a frame with its holes filled."""
        holes = self._bad
        if self.screening.noise is not None:
            holes = holes | find_transients(frame, level_adu, self.screening.noise)
        if not holes.any():
            return frame
        values = np.asarray(frame, np.float32)
        filled = fill(values, holes | ~np.isfinite(values))
        if frame.dtype.kind in "ui":
            limits = np.iinfo(frame.dtype)
            filled = np.clip(np.rint(filled), limits.min, limits.max)
        out = frame.copy()
        out[holes] = filled[holes].astype(frame.dtype)
        return out
