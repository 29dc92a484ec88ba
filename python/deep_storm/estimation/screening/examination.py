"""Examine a movie before anything else is done with it.

Frames without a measurement are found first, then pixels, then what the noise of the rest says
about the camera. Nothing of it needs the camera to be known.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from deep_storm.errors import StackError
from deep_storm.estimation.screening.clipped import Clipped, find_clipped
from deep_storm.estimation.screening.frames import (
    FrameLooks,
    FrameRule,
    frame_rule,
    look_at_frames,
    repeated,
)
from deep_storm.estimation.screening.pixels import PixelMap, find_pixels
from deep_storm.estimation.screening.stream import ScreenedFrames, Screening
from deep_storm.estimation.screening.transients import NoiseModel, fill, find_transients
from deep_storm.estimation.transfer.gain import PhotonTransfer, photon_transfer
from deep_storm.estimation.transfer.processed import find_processing
from deep_storm.estimation.transfer.response import FixedPattern, fixed_pattern
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.words import WARNING, counted

Float32 = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

MAX_VALUES = 40_000_000
MAX_FRAMES = 300
MIN_FRAMES = 10
BLOCK_FRAMES = 20
"""Frames are read in blocks of so many: the noise of a molecule that stays on needs neighbours."""
TRANSFER_VALUES = 3_000_000
TRANSFER_EDGE_PX = 256
MANY_UNLIKE = 0.2
"""From this share on, frames unlike the others are worth a warning: the light was changed."""
REGION_PX = 3
"""Bad pixels that fill a square of this size are a region; single ones are filled and used."""
MIN_EDGE_PX = 8


class Examination(NamedTuple):
    """What was found in a movie.

    Attributes
    ----------
    screening
        What holds no measurement.
    transfer
        What the noise says about the camera; None where it says nothing.
    used
        Pixels from which molecules can be learnt: measured and lit, (y, x).
    looks
        Of the frames that were looked at.
    frames
        Their numbers, 0-based.
    repeats
        Which of them repeat the frame before.
    chosen
        Which of them shall be used.
    dark_adu
        Level of dark frames or of a covered part of the chip; None where there are none.
    clipped
        The value at which bright light was cut off; None where it was not.
    pattern
        What differs from pixel to pixel in all frames alike; None where too few were looked at.
    """

    screening: Screening
    transfer: PhotonTransfer | None
    used: Mask
    looks: FrameLooks
    frames: npt.NDArray[np.int64]
    repeats: Mask
    chosen: Mask
    dark_adu: float | None = None
    clipped: Clipped | None = None
    pattern: FixedPattern | None = None

    def screened(self, stream: FrameStream) -> ScreenedFrames:
        """Return the movie with invalid frames marked and invalid pixels filled."""
        return ScreenedFrames(stream, self.screening)

    def usable(self, frames: npt.NDArray[Any]) -> Mask:
        """Return the frames that emitters can be estimated from: those like most others, (t,)."""
        looks = look_at_frames(frames)
        rule = self.screening.rule
        bad = self.screening.without_measurement(looks)
        return rule.typical(looks) & ~bad & ~repeated(frames)

    @property
    def unlike(self) -> Mask:
        """Which frames looked at have a measurement, and not the level of those estimated from."""
        measured = ~self.screening.without_measurement(self.looks)
        return self.chosen & measured & ~self.screening.rule.typical(self.looks)

    @property
    def light_changes(self) -> bool:
        """Whether many frames are unlike those that molecules are estimated from."""
        return bool(self.unlike.sum() >= MANY_UNLIKE * self.chosen.sum() > 0)

    def sentences(self) -> tuple[str, ...]:
        """Say what was found, a sentence for each kind."""
        cut = () if self.clipped is None else (f"{WARNING}{self.clipped.sentence()}",)
        return (*cut, *_about_frames(self), *_about_pixels(self.screening.pixels))


def examine(
    stream: FrameStream, progress: Progress = silent, chosen: tuple[int, int] | None = None
) -> Examination:
    """Examine a movie.

    Parameters
    ----------
    stream
        Raw frames in ADU.
    progress
        Called while frames are read.
    chosen
        The frames that shall be used, from and to, 0-based: others are compared with them.

    Raises
    ------
    StackError
        No frame can be read.
    """
    first, last = chosen or (0, stream.shape[0])
    numbers, frames = _read(stream, progress, first, last)
    looks = look_at_frames(frames)
    repeats = repeated(frames) & (np.diff(numbers, prepend=-9) == 1) & ~looks.dead
    counts = (numbers >= first) & (numbers < last)
    rule = frame_rule(looks, counts)
    typical = rule.typical(looks) & ~repeats & ~rule.dark(looks) & ~rule.bright(looks)
    kept = frames if typical.all() else frames[typical]
    pixels = find_pixels(kept)
    used = ~_regions(pixels.dead | pixels.hot) & ~pixels.dark
    transfer, noise, pattern = _noise(kept, numbers[typical], pixels, used)
    if transfer is not None:
        transfer = transfer._replace(processed=find_processing(kept, pixels.bad))
    dark_adu = _dark_level(kept, pixels, looks, rule)
    usual = float(np.median(looks.level_adu[typical])) if typical.any() else 0.0
    clipped = find_clipped(kept, pixels.bad, usual)
    screening = Screening(rule, pixels, noise, None if clipped is None else clipped.value_adu)
    return Examination(
        screening, transfer, used, looks, numbers, repeats, counts, dark_adu, clipped, pattern
    )


def _dark_level(
    frames: npt.NDArray[Any], pixels: PixelMap, looks: FrameLooks, rule: FrameRule
) -> float | None:
    """Return the level without light: of dark frames, or of a covered part of the chip."""
    dark = rule.dark(looks)
    if dark.any():
        return float(np.median(looks.level_adu[dark]))
    covered = pixels.dark & ~pixels.bad
    return float(np.median(frames[:, covered])) if covered.any() else None


def _blocks(shape: tuple[int, int, int], first: int, last: int) -> list[tuple[int, int]]:
    """Return blocks of frames spread evenly over a movie; one at least has frames from a range."""
    count, height, width = shape
    wanted = int(np.clip(MAX_VALUES // (height * width), MIN_FRAMES, MAX_FRAMES))
    if count <= wanted:
        starts, length = np.arange(0, count, BLOCK_FRAMES), BLOCK_FRAMES
    else:
        length = min(BLOCK_FRAMES, wanted)
        starts = np.linspace(0, count - length, wanted // length).round().astype(int)
    blocks = [(start, min(start + length, count)) for start in starts.tolist()]
    if not any(start < last and stop > first for start, stop in blocks):
        begin = max(first, (first + last - length) // 2)
        blocks.append((begin, min(begin + length, last)))
    return sorted(blocks)


def _read(
    stream: FrameStream, progress: Progress, first: int, last: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Read blocks of frames; unreadable ones are left out."""
    blocks = _blocks(stream.shape, first, last)
    parts: list[npt.NDArray[Any]] = []
    numbers: list[npt.NDArray[np.int64]] = []
    problem: StackError | None = None
    for done, (start, stop) in enumerate(blocks):
        progress(done, len(blocks), "blocks of frames examined")
        try:
            parts.append(stream.read(start, stop))
            numbers.append(np.arange(start, stop, dtype=np.int64))
        except StackError as error:  # the frames before a damaged one are there
            problem = error
            for number in range(start, stop):
                with suppress(StackError):
                    parts.append(stream.read(number, number + 1))
                    numbers.append(np.array([number], dtype=np.int64))
    progress(len(blocks), len(blocks), "blocks of frames examined")
    if not parts and problem is not None:
        raise problem
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)  # large ones need no copy
    return np.concatenate(numbers), whole


def _regions(bad: Mask) -> Mask:
    """Return regions whose bad pixels are too dense to be filled from their neighbours."""
    square = np.ones((REGION_PX, REGION_PX), dtype=bool)
    padded = np.pad(bad, REGION_PX, mode="edge")
    core = ndimage.binary_opening(padded, square)
    inner = np.asarray(core[REGION_PX:-REGION_PX, REGION_PX:-REGION_PX], dtype=bool)
    return np.asarray(ndimage.binary_dilation(inner, square), dtype=bool)


def _noise(
    frames: npt.NDArray[Any],
    numbers: npt.NDArray[np.int64],
    pixels: PixelMap,
    used: Mask,
) -> tuple[PhotonTransfer | None, NoiseModel | None, FixedPattern | None]:
    """Measure the noise of the valid frames, and what differs between pixels in all of them."""
    if not len(frames):
        return None, None, None
    rows, columns = _window(used)
    most = max(MIN_FRAMES, TRANSFER_VALUES // frames[0, rows, columns].size)
    block, numbers = np.array(frames[:most, rows, columns], dtype=np.float32), numbers[:most]
    if min(block.shape[1:]) < MIN_EDGE_PX:
        return None, None, None
    filled, holes = _without_holes(block, pixels.bad[rows, columns])
    mask = ~_regions(pixels.dead | pixels.hot)[rows, columns]
    known = np.where(holes, np.float32(np.nan), filled)
    found = photon_transfer(known, numbers, mask)
    if found is None and holes.any():  # too few surroundings without holes
        found = photon_transfer(filled, numbers, mask)
    if found is None:
        return None, None, None
    slope = math.inf if found.slope is None else found.slope.value
    noise = NoiseModel(found.level_adu, found.variance_adu2, slope)
    return found, noise, fixed_pattern(known, mask)


def _without_holes(block: Float32, bad: Mask) -> tuple[Float32, Mask]:
    """Return frames with invalid pixels and cosmic rays filled, and where these are."""
    holes = bad | ~np.isfinite(block)
    filled = np.stack([fill(f, h) for f, h in zip(block, holes, strict=True)])
    looks = look_at_frames(filled)
    usual = NoiseModel(
        float(np.median(looks.level_adu)), float(np.median(looks.variance_adu2)), 0.0
    )
    for t, frame in enumerate(filled):
        more = find_transients(frame, float(looks.level_adu[t]), usual)
        if more.any():
            filled[t] = fill(frame, more)
            holes[t] |= more
    return filled, holes


def _window(used: Mask) -> tuple[slice, slice]:
    """Return the part of a large field that is examined: its middle."""
    edges = [max(0, (n - TRANSFER_EDGE_PX) // 2) for n in used.shape]
    rows, columns = (slice(e, e + TRANSFER_EDGE_PX) for e in edges)
    return rows, columns


def _about_frames(found: Examination) -> list[str]:
    """Describe the invalid frames."""
    rule, looks = found.screening.rule, found.looks
    total = int(np.count_nonzero(found.chosen))
    kinds = (
        (rule.dark(looks), "dark: no light and no molecules", False),
        (rule.bright(looks), "far brighter than the others", True),
        (found.unlike, "brighter or darker than the others, and left out of estimates", True),
        (found.repeats, "the same as the one before, pixel by pixel", False),
    )
    said = []
    for which, what, is_other_light in kinds:
        numbers = found.frames[which & found.chosen]
        if not numbers.size:
            continue
        verb = "are" if numbers.size > 1 else "is"
        text = (
            f"{counted(numbers.size, 'frame')} of {total} looked at {verb} {what} (the first is "
            f"frame {numbers[0] + 1})"
        )
        if is_other_light and numbers.size >= MANY_UNLIKE * total:
            text = (
                f"{WARNING}{text}: if the light was changed, reconstruct them separately "
                "(--frames, or a movie of their own)"
            )
        said.append(text)
    return said


def _about_pixels(pixels: PixelMap) -> list[str]:
    """Describe the defective pixels."""
    kinds = (
        (pixels.dead, "no usable value in any frame; left out"),
        (pixels.hot & ~pixels.dead, "too bright or too dark (hot or cold); filled from neighbours"),
        (pixels.noisy, "far noisier than the pixels around; filled from them"),
    )
    said = []
    for which, what in kinds:
        count = int(np.count_nonzero(which))
        if count:
            share = f"{100 * count / which.size:.2g} %"
            said.append(f"{counted(count, 'pixel')} ({share} of all): {what}")
    if pixels.dark.any():
        said.append(
            f"{pixels.dark.mean():.0%} of the field gets no light; it was left out of estimates"
        )
    return said
