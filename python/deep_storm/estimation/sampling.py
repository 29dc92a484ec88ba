"""The frames of a stack that an estimate is made from, read and in photoelectrons.

Which they are, :mod:`deep_storm.estimation.parts` says.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.errors import StackError
from deep_storm.estimation.parts import (
    MIN_FRAMES,
    Window,
    area_of,
    frame_ranges,
    pieces,
    windows_of,
)
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

MIN_EDGE_PX = 16
VALUES_TO_CONVERT = 17_000_000
"""Of whole frames, in memory as they were read."""
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
        raise constant_frames(stream)
    screened = stream if isinstance(stream, ScreenedFrames) else looked.screened(stream)
    windows = _lit(windows_of(*stream.shape[1:]), looked.used)
    ranges = frame_ranges(stream.shape[0], len(windows) * area_of(windows[0]))
    whole = _WholeField(looked.used)
    read: list[_Block] = []
    for done, span in enumerate(ranges):
        progress(done, len(ranges), "blocks of frames read")
        read.append(_read_block(screened, span, windows, looked, camera, whole))
    progress(len(ranges), len(ranges), "blocks of frames read")
    # what is left of a block whose other frames are dark, say, does not show how pixels scatter
    enough = min(MIN_FRAMES, max(block.frames for block in read))
    blocks = [window for block in read if block.frames >= enough for window in block.windows]
    frames = sum(block.frames for block in read)
    _check_left(stream, frames, blocks)
    mean, halves = whole.means()
    return Sample(
        blocks,
        mean,
        halves,
        frames,
        [whole.field[window] for window in windows] * (len(blocks) // len(windows)),
        whole.field,
        sum(block.saturated for block in read) / frames,
        float(np.mean(whole.shares)),
        tuple(block.frames for block in read),
    )


class _Block(NamedTuple):
    """Contiguous frames.

    Attributes
    ----------
    windows
        Photoelectrons in each window, (t, y, x); nothing where no frame is usable.
    frames
        How many are usable.
    saturated
        Sum of their shares of values at the largest of their type.
    """

    windows: list[Float32]
    frames: int
    saturated: float


def _read_block(
    screened: ScreenedFrames,
    span: tuple[int, int],
    windows: list[Window],
    looked: Examination,
    camera: Camera,
    whole: _WholeField,
) -> _Block:
    """Read the windows of a block, and add its frames to the whole field."""
    parts: list[list[Float32]] = [[] for _ in windows]
    frames, saturated = 0, 0.0
    for first, last in pieces(*span, screened.shape[1] * screened.shape[2]):
        photons, clipped = _photons(screened, first, last, looked, camera)
        if not len(photons):
            continue
        saturated += clipped
        whole.add(photons, frames)
        frames += len(photons)
        photons *= np.float32(camera.quantum_efficiency)
        for part, (rows, columns) in zip(parts, windows, strict=True):
            part.append(photons[:, rows, columns].copy())
        del photons  # before the next are read
    joined = [part[0] if len(part) == 1 else np.concatenate(part) for part in parts if part]
    return _Block(joined, frames, saturated)


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


def _lit(windows: list[Window], used: Mask) -> list[Window]:
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
        raise constant_frames(stream)


def constant_frames(stream: FrameStream) -> StackError:
    """Return the error for frames that all have one value."""
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
