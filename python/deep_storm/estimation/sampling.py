"""The frames and windows of a stack that an estimate is made from, in photoelectrons.

A long or wide stack is not read whole: the statistics of some ten million pixel values are exact
to a percent. What is read is contiguous in time (blocks), because blinking has a memory, and in
space (windows), because emitters are wider than a pixel.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.errors import StackError
from deep_storm.estimation.screening.examination import Examination, examine
from deep_storm.estimation.screening.outliers import replace_odd_cells
from deep_storm.estimation.screening.stream import ScreenedFrames
from deep_storm.estimation.screening.transients import fill
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.words import counted

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MIN_FRAMES = 10
"""Fewer frames do not show how a pixel's value scatters."""
MIN_EDGE_PX = 16
MAX_VALUES = 13_500_000
"""Pixel values that are looked at: 200 frames of 256 × 256."""
MAX_VALUES_AT_A_TIME = 100_000_000
"""Of whole frames, in memory."""
VALUES_TO_CONVERT = 17_000_000
"""Of whole frames, in memory as they were read."""
MAX_FRAMES = 1000
BLOCK_FRAMES = 200
SHORTEST_BLOCK = 50
MAX_WINDOW_PX = 320
WINDOW_PX = 256
MIN_USED = 0.2
"""Share of a window that must hold a measurement."""
HALF_FRAMES = 10
"""The two mean images take turns after so many frames, so that each sees the whole movie."""


class Sample(NamedTuple):
    """Part of a stack.

    Attributes
    ----------
    blocks
        Photoelectrons (photons × quantum efficiency), float32 (t, y, x): contiguous frames of a
        window.
    mean_photon
        Temporal mean of the whole field over all frames that were read, (y, x) in photons.
    halves_photon
        The same from each half of the frames, (2, y, x): their noise is independent.
    frames
        How many frames were read.
    used
        Pixels of each block that count, bool (y, x).
    field
        Pixels of the whole field that count, bool (y, x).
    saturated
        Share of the values at the largest one that their type can hold.
    replaced
        Share of the frames that held something else than molecules (debris, tracks) and was
        replaced.
    range_frames
        Frames of each contiguous part of the movie, in which the halves take turns anew.
    """

    blocks: list[Float32]
    mean_photon: FloatArray
    halves_photon: FloatArray
    frames: int
    used: list[Mask]
    field: Mask
    saturated: float = 0.0
    replaced: float = 0.0
    range_frames: tuple[int, ...] = ()


def draw_sample(
    stream: FrameStream,
    camera: Camera,
    progress: Progress = silent,
    examination: Examination | None = None,
) -> Sample:
    """Read the part of a stack that an estimate is made from.

    Parameters
    ----------
    stream
        The stack.
    camera
        Turns its values into photons.
    progress
        Called with the blocks read; cancels by raising.
    examination
        Which frames and pixels hold no measurement; default: the stack is examined.

    Raises
    ------
    StackError
        The stack has too few frames or pixels, or is constant.
    """
    _check_size(stream)
    looked = examine(stream) if examination is None else examination
    if looked.looks.dead.all():
        raise _constant(stream)
    screened = stream if isinstance(stream, ScreenedFrames) else looked.screened(stream)
    _, height, width = stream.shape
    windows = _lit(_windows(height, width), looked.used)
    ranges = _frame_ranges(stream.shape[0], len(windows) * _area(windows[0]))
    blocks: list[Float32] = []
    whole = _WholeField(looked.used)
    saturated, counts = 0.0, []
    for done, (start, stop) in enumerate(ranges):
        progress(done, len(ranges), "blocks of frames read")
        parts: list[list[Float32]] = [[] for _ in windows]
        before = 0
        for first, last in _pieces(start, stop, height * width):
            photons, clipped = _photons(screened, first, last, looked, camera)
            if not len(photons):
                continue
            saturated += clipped
            whole.add(photons, before)
            before += len(photons)
            photons *= np.float32(camera.quantum_efficiency)
            for part, (rows, columns) in zip(parts, windows, strict=True):
                part.append(photons[:, rows, columns].copy())
            del photons
        counts.append(before)
        blocks += [part[0] if len(part) == 1 else np.concatenate(part) for part in parts if part]
    progress(len(ranges), len(ranges), "blocks of frames read")
    # what is left of a block whose other frames are dark, say, does not show how pixels scatter
    enough = min(MIN_FRAMES, max(counts))
    blocks = [block for block in blocks if len(block) >= enough]
    _check_left(stream, int(whole.counts.sum()), blocks)
    mean, halves = whole.means()
    return Sample(
        blocks,
        mean,
        halves,
        int(whole.counts.sum()),
        [whole.field[window] for window in windows] * (len(blocks) // len(windows)),
        whole.field,
        saturated / int(whole.counts.sum()),
        float(np.mean(whole.shares)),
        tuple(counts),
    )


def _photons(
    screened: ScreenedFrames, first: int, last: int, looked: Examination, camera: Camera
) -> tuple[Float32, float]:
    """Read frames that emitters can be estimated from, a few at a time as they may be large.

    Returns
    -------
    Photons, (t, y, x), and the sum of their frames' shares of values at the largest of their type.
    """
    _, height, width = screened.shape
    photons = np.empty((last - first, height, width), np.float32)
    at_a_time = max(1, VALUES_TO_CONVERT // (height * width))
    count, saturated = 0, 0.0
    previous: npt.NDArray[Any] | None = None
    for start in range(first, last, at_a_time):
        values = screened.read(start, min(start + at_a_time, last))
        usable = looked.usable(values)
        if previous is not None and np.array_equal(values[0], previous):
            usable[0] = False  # as one that repeats the frame before within a part is
        previous = values[-1].copy()
        for frame in (values[t] for t in np.flatnonzero(usable)):
            saturated += _saturated(frame)
            photons[count] = camera.photons(_whole(frame))
            count += 1
    return photons[:count], saturated


class _WholeField:
    """What is added up over whole frames.

    Attributes
    ----------
    used, field
        Pixels that count, ``(y, x)``: as given, and without those that are odd most of the time.
    sums, counts
        Photons of each half of the frames, ``(2, y, x)``, and how many these are, ``(2,)``.
    shares
        Share of each piece that was replaced.
    """

    def __init__(self, used: Mask) -> None:
        self.used, self.field = used, used.copy()
        self.sums, self.counts = np.zeros((2, *used.shape)), np.zeros(2)
        self.shares: list[float] = []

    def add(self, photons: Float32, before: int) -> None:
        """Replace what is odd in frames, in place, and add them.

        ``before``: frames of the same block that came before.
        """
        always, share = replace_odd_cells(photons, self.used)
        self.field &= ~always
        self.shares.append(share)
        for number, frame in enumerate(photons, before):
            half = number // HALF_FRAMES % 2
            self.sums[half] += frame
            self.counts[half] += 1

    def means(self) -> tuple[FloatArray, FloatArray]:
        """Return the mean image of all frames and those of the halves, which replace the sums."""
        mean = self.sums.sum(axis=0)
        mean /= self.counts.sum()
        self.sums /= np.maximum(self.counts, 1)[:, None, None]
        return mean, self.sums


def _lit(windows: list[tuple[slice, slice]], used: Mask) -> list[tuple[slice, slice]]:
    """Return the windows with enough valid and illuminated pixels."""
    good = [window for window in windows if used[window].mean() > MIN_USED]
    return good or [max(windows, key=lambda window: float(used[window].mean()))]


def _whole(frame: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a frame whose invalid pixels are filled from their neighbours."""
    holes = ~np.isfinite(frame) if frame.dtype.kind == "f" else None
    if holes is None or not holes.any():
        return frame
    return fill(np.asarray(frame, np.float32), holes)


def _check_left(stream: FrameStream, frames: int, blocks: list[Float32]) -> None:
    """Refuse a sample that is too small or shows nothing."""
    if frames < MIN_FRAMES:
        raise StackError(
            f"{stream.name} has {counted(frames, 'frame')} with usable pixel values; the others "
            "are dark, too bright or all of one value",
            f"at least {MIN_FRAMES}",
            "check what was exported, or choose a part of the movie with --frames",
        )
    if all(np.ptp(block) == 0 for block in blocks):
        raise _constant(stream)


def _constant(stream: FrameStream) -> StackError:
    return StackError(
        f"every pixel of {stream.name} has the same value",
        "frames of a camera",
        "check what was exported: it may be an empty channel",
    )


def _saturated(values: npt.NDArray[Any]) -> float:
    if values.dtype.kind not in "ui":
        return 0.0
    return float(np.mean(values == np.iinfo(values.dtype).max))


def check_values(values: npt.NDArray[np.generic], name: str, first: int) -> None:
    """Refuse values that are not finite numbers."""
    if values.dtype.kind != "f":
        return
    bad = ~np.isfinite(values).all(axis=(1, 2))
    if bad.any():
        raise StackError(
            f"frame {first + int(np.flatnonzero(bad)[0]) + 1} of {name} has values that are not "
            "finite numbers (NaN or infinity)",
            "pixel values in ADU",
            "give the raw camera frames",
        )


def _check_size(stream: FrameStream) -> None:
    frames, height, width = stream.shape
    if frames < MIN_FRAMES:
        advice = "use a longer part of the movie: the brightness is estimated from the blinking"
        if frames == 1:
            advice += (
                "; if each frame is in a file of its own, save them as one TIFF (Fiji: File > "
                "Import > Image Sequence...)"
            )
        raise StackError(
            f"{stream.name} has {counted(frames, 'frame')}",
            f"at least {MIN_FRAMES}, preferably 100 or more",
            advice,
        )
    if min(height, width) < MIN_EDGE_PX:
        raise StackError(
            f"{stream.name} has frames of {width} × {height} pixels",
            f"at least {MIN_EDGE_PX} × {MIN_EDGE_PX}",
            "give a larger part of the field (in Fiji, draw a larger ROI or none)",
        )


def _windows(height: int, width: int) -> list[tuple[slice, slice]]:
    """Return the whole field if it is small, else up to two windows along each axis."""
    return [(r, c) for r in _spans(height) for c in _spans(width)]


def _spans(length: int) -> list[slice]:
    if length <= MAX_WINDOW_PX:
        return [slice(0, length)]
    if length < 2 * WINDOW_PX:
        start = (length - WINDOW_PX) // 2
        return [slice(start, start + WINDOW_PX)]
    centres = (length // 4, length - length // 4)
    return [slice(c - WINDOW_PX // 2, c + WINDOW_PX // 2) for c in centres]


def _area(window: tuple[slice, slice]) -> int:
    rows, columns = window
    return (rows.stop - rows.start) * (columns.stop - columns.start)


def _frame_ranges(frames: int, pixels: int) -> list[tuple[int, int]]:
    """Return blocks of frames, spread evenly over the movie."""
    wanted = int(np.clip(MAX_VALUES // pixels, SHORTEST_BLOCK, MAX_FRAMES))
    if frames <= wanted:
        wanted = frames
    length = min(BLOCK_FRAMES, wanted)
    count = wanted // length
    if count == 1 and frames <= wanted:
        return [(0, frames)]
    starts = np.linspace(0, frames - length, count).round().astype(int)
    if count == 1:
        starts = np.array([(frames - length) // 2])
    return [(int(s), int(s) + length) for s in starts]


def _pieces(start: int, stop: int, pixels: int) -> list[tuple[int, int]]:
    """Return parts of a block whose whole frames fit into memory at a time."""
    at_a_time = max(MIN_FRAMES, MAX_VALUES_AT_A_TIME // pixels)
    count = max(1, (stop - start) // at_a_time)
    edges = np.linspace(start, stop, count + 1).round().astype(int)
    return list(pairwise(edges.tolist()))


def segments(block: Float32, length: int) -> list[Float32]:
    """Cut a block into pieces of about ``length`` frames, all of about the same length."""
    count = max(1, round(len(block) / length))
    edges = np.linspace(0, len(block), count + 1).round().astype(int)
    return [block[a:b] for a, b in pairwise(edges.tolist())]
