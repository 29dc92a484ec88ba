"""The part of a movie that a PSF is measured on: windows of frames, in photoelectrons.

A long or wide movie is not looked at as a whole: some thousand molecules tell a PSF to a few
percent. Windows lie all over the field, frames all over the movie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, photons_from
from deep_storm.errors import PsfError, StackError
from deep_storm.estimation.screening.outliers import find_odd_pixels
from deep_storm.io.stacks.frames import FrameStream

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)

MAX_WHOLE_PX = 96
"""Frames up to this edge are looked at whole,"""
WINDOW_PX = 64
"""larger ones in windows of this edge"""
MAX_WINDOWS = 5
"""all over the field, at most so many along each axis."""
MAX_PIXELS = 1_600_000
SCENES_PER_VIEW = 8
MAX_VIEWS = 4
MIN_EDGE_PX = 24
"""A PSF is not measured on a part that is narrower."""
MIN_LIT = 1.0 / 3.0
"""A scene that is darker or brighter than the median by more than this factor is left out."""


@dataclass(frozen=True)
class Window:
    """A part of the field.

    Attributes
    ----------
    top, left, height, width
        In pixels.
    """

    top: int
    left: int
    height: int
    width: int

    def cut(self, image: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return this part of an image (y, x)."""
        rows = slice(self.top, self.top + self.height)
        return image[rows, self.left : self.left + self.width]


@dataclass(frozen=True)
class Scenes:
    """Windows of frames.

    Attributes
    ----------
    photons
        Photoelectrons, float64 of shape (s, y, x); NaN where a pixel is saturated, or something
        is far brighter than molecules.
    frame
        Frame of each, counted from 0, int64 of shape (s,).
    window
        Window of each, as an index into ``windows``, int64 of shape (s,).
    view
        View of each (same window, about the same time), int64 of shape (s,), from 0 on.
    windows
        Where they are in the field; all of the same size.
    variance
        Variance of a pixel without light, photoelectrons², float64 of shape (windows, y, x).
    excess
        How much EM gain raises the variance of light.
    pixel_size_nm
        Edge of a pixel.
    efficiency
        Photoelectrons per photon.
    """

    photons: FloatArray
    frame: Integers
    window: Integers
    view: Integers
    windows: tuple[Window, ...]
    variance: FloatArray
    excess: float
    pixel_size_nm: float
    efficiency: float = 1.0

    def __len__(self) -> int:
        return len(self.photons)

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of a scene."""
        return self.photons.shape[1], self.photons.shape[2]

    def chosen(self, index: npt.NDArray[np.int64]) -> Scenes:
        """Return a subset of the scenes, in the order of ``index``."""
        views = np.unique(self.view[index], return_inverse=True)[1]
        return Scenes(
            self.photons[index],
            self.frame[index],
            self.window[index],
            views.astype(np.int64),
            self.windows,
            self.variance,
            self.excess,
            self.pixel_size_nm,
            self.efficiency,
        )


def read_scenes(
    stream: FrameStream,
    camera: Camera,
    maps: CameraMaps | None,
    wanted: int,
    span: tuple[int, int] | None = None,
    used: Mask | None = None,
) -> Scenes:
    """Read windows of frames from all over a movie.

    Parameters
    ----------
    stream
        The movie.
    camera, maps
        Turn its values into photons.
    wanted
        How many scenes, as far as there are frames and memory.
    span
        First frame and the one after the last, counted from 0; default: the whole movie.
    used
        Pixels that are measured and lit, bool (y, x); default: all. Windows hold no others:
        beside a border, the fit takes its edge for molecules.

    Raises
    ------
    PsfError
        The largest rectangle of such pixels is too small.
    StackError
        A frame cannot be read.
    """
    windows = windows_of(stream.shape[1:], used)
    area = windows[0].height * windows[0].width
    wanted = min(wanted, max(1, MAX_PIXELS // area))
    first, stop = span or (0, stream.shape[0])
    frames = min(stop - first, max(1, -(-wanted // len(windows))))
    numbers = np.linspace(first, stop - 1, frames).round().astype(np.int64)
    photons = np.empty((frames, len(windows), windows[0].height, windows[0].width))
    for n, number in enumerate(numbers.tolist()):
        values = stream.read(number, number + 1)
        light = photons_from(values, camera, maps)[0] * camera.quantum_efficiency
        light = light.astype(np.float64)
        light[_saturated(values[0], stream.clipped_adu) | ~np.isfinite(light)] = np.nan
        for k, window in enumerate(windows):
            photons[n, k] = window.cut(light)
    return _assembled(photons, numbers, windows, camera, maps, stream.name)


def _saturated(frame: npt.NDArray[Any], clipped_adu: float | None) -> Mask:
    """Return the pixels of which only the least light is known."""
    top = np.iinfo(frame.dtype).max if frame.dtype.kind in "ui" else np.inf
    return np.asarray(frame >= min(top, np.inf if clipped_adu is None else clipped_adu))


def _assembled(
    photons: FloatArray,
    numbers: Integers,
    windows: tuple[Window, ...],
    camera: Camera,
    maps: CameraMaps | None,
    name: str,
) -> Scenes:
    frames, count = photons.shape[:2]
    blocks = int(np.clip(frames // SCENES_PER_VIEW, 1, MAX_VIEWS))
    block = np.arange(frames) * blocks // frames
    # One scene after the other by window, so that those of a view are neighbours.
    window = np.repeat(np.arange(count), frames)
    scenes = photons.swapaxes(0, 1).reshape(frames * count, *photons.shape[2:])
    view = window * blocks + np.tile(block, count)
    frame = np.tile(numbers, count)
    kept = np.flatnonzero(_usable(scenes, window))
    if not kept.size:
        raise StackError(
            f"every frame of {name} has a single value",
            "frames of a camera",
            "check what was exported: it may be an empty channel",
        )
    variance = read_variance(windows, camera, maps)
    full = Scenes(
        scenes,
        frame,
        window,
        view,
        windows,
        variance,
        camera.excess_noise_factor,
        camera.pixel_size_nm,
        camera.quantum_efficiency,
    )
    chosen = full.chosen(kept)
    _leave_out_odd(chosen.photons, chosen.window)
    return chosen


def _usable(scenes: FloatArray, window: Integers) -> Mask:
    """Return which scenes are neither constant nor far darker or brighter than the others."""
    flat = scenes.reshape(len(scenes), -1)
    usable: Mask = np.nanmax(flat, axis=1) > np.nanmin(flat, axis=1)
    level = np.nanmedian(flat, axis=1)
    for k in np.unique(window):
        own = window == k
        usual = float(np.median(level[own & usable])) if (own & usable).any() else 0.0
        if usual > 1.0:
            usable &= ~own | ((level > MIN_LIT * usual) & (level < usual / MIN_LIT))
    return usable


def _leave_out_odd(scenes: FloatArray, window: Integers) -> None:
    """Make what is far brighter than molecules (beads, debris) unknown, in place."""
    for k in np.unique(window):
        own = np.flatnonzero(window == k)
        light = scenes[own].astype(np.float32)
        brightest = float(np.nanmax(light, initial=0.0))
        odd = find_odd_pixels(np.nan_to_num(light, nan=brightest))
        if odd is not None:
            scenes[own] = np.where(odd, np.nan, scenes[own])


def choose_windows(part: Window) -> tuple[Window, ...]:
    """Return the windows of a part: the whole of a small one, else squares all over it."""
    rows, columns = _spans(part.top, part.height), _spans(part.left, part.width)
    return tuple(Window(r[0], c[0], r[1], c[1]) for r in rows for c in columns)


def _spans(first: int, length: int) -> list[tuple[int, int]]:
    if length <= MAX_WHOLE_PX:
        return [(first, length)]
    count = min(MAX_WINDOWS, length // WINDOW_PX)
    centres = first + (np.arange(count) + 0.5) * length / count
    return [(int(centre) - WINDOW_PX // 2, WINDOW_PX) for centre in centres]


def windows_of(field: tuple[int, int], used: Mask | None = None) -> tuple[Window, ...]:
    """Return the windows of a field that hold used pixels only.

    Where there is none, they lie within the largest rectangle of such pixels.

    Parameters
    ----------
    field
        Height and width, px.
    used
        Pixels that are measured and lit, bool (y, x); default: all.

    Raises
    ------
    PsfError
        That rectangle is too small.
    """
    windows = choose_windows(Window(0, 0, *field))
    if used is None:
        return windows
    whole = tuple(window for window in windows if window.cut(used).all())
    if whole:
        return whole
    part = largest_rectangle(used)
    if min(part.height, part.width) < MIN_EDGE_PX:
        raise PsfError(
            f"the largest part that is measured and lit is {part.height} × {part.width} px",
            f"at least {MIN_EDGE_PX} × {MIN_EDGE_PX} px",
            "give another part of the movie, or measure the PSF on beads",
        )
    return choose_windows(part)


def largest_rectangle(mask: Mask) -> Window:
    """Return the largest rectangle of true pixels, by the heights of columns above each row."""
    best = Window(0, 0, 0, 0)
    heights = np.zeros(mask.shape[1] + 1, dtype=np.int64)  # the last one ends every column
    for row, true in enumerate(mask):
        heights[:-1] = np.where(true, heights[:-1] + 1, 0)
        open_columns: list[tuple[int, int]] = []  # (first column, height), ever higher
        for column, height in enumerate(heights.tolist()):
            left = column
            while open_columns and open_columns[-1][1] >= height:
                left, high = open_columns.pop()
                if high * (column - left) > best.height * best.width:
                    best = Window(row + 1 - high, left, high, column - left)
            open_columns.append((left, height))
    return best


def read_variance(
    windows: tuple[Window, ...], camera: Camera, maps: CameraMaps | None
) -> FloatArray:
    """Return read-out and rounding variance of each window's pixels, photoelectrons²."""
    electrons = camera.photons_per_count * camera.quantum_efficiency
    shape = (len(windows), windows[0].height, windows[0].width)
    if maps is None or maps.read_noise_adu is None:
        return np.full(shape, (camera.read_noise_adu**2 + 1.0 / 12.0) * electrons**2)
    noise = maps.read_noise_adu.astype(np.float64)
    return np.stack([(w.cut(noise) ** 2 + 1.0 / 12.0) * electrons**2 for w in windows])
