"""ImagePlus ↔ NumPy.

Here, and nowhere else, ImageJ's conventions are translated:

- ImageJ counts x fastest and keeps a plane as one row of numbers; NumPy has (y, x).
- ImageJ's 16-bit pixels are unsigned, but Java hands them out as signed shorts; 8-bit likewise.
  A signed 16-bit file is unsigned in ImageJ, with a calibration that takes 32768 off again.
- A stack has channels, slices (z) and frames (t), in that order in memory; time may be either of
  the last two.
- A pixel size has a unit, which may be µm, nm, inch, or just "pixel".
- A ROI's bounds are whole pixels; its corner is added to positions, so that they stay those of
  the full field.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.errors import StackError
from deep_storm.fiji.imagej.java import java_class
from deep_storm.io.images import display_range
from deep_storm.io.stacks.calibration import nm_per_unit, square_pixel_nm

GRAY8, GRAY16, GRAY32, COLOR_256, COLOR_RGB = range(5)
"""ImageJ's image types (``ij.ImagePlus``)."""
STRUCTURE_SHARE, STRUCTURE_PERCENTILE = 0.05, 90.0
"""Pixels above this share of the usual range are structure; so many of them are below white."""
MAX_CHANNELS = 7
"""As many colours ImageJ can lay over each other (``CompositeImage.MAX_CHANNELS``)."""
_DTYPES: dict[int, np.dtype[Any]] = {
    GRAY8: np.dtype(np.uint8),
    GRAY16: np.dtype(np.uint16),
    GRAY32: np.dtype(np.float32),
}


@dataclass(frozen=True)
class Rectangle:
    """A part of a frame, in whole pixels."""

    left: int
    top: int
    width: int
    height: int


class ImageFrames:
    """The frames of an open image, read plane by plane; a virtual stack stays on the disk.

    Parameters
    ----------
    image
        An ``ij.ImagePlus``.
    use_roi
        Whether to take the bounding rectangle of its ROI only.

    Attributes
    ----------
    shape
        Frames, height, width.
    dtype
        uint8, uint16, int16 or float32.
    pixel_size_nm
        Edge of a pixel, None when the image has no length unit.
    rectangle
        What is taken of each frame.
    name
        The image's title.
    file
        Where it was opened from; empty where ImageJ does not know.

    Raises
    ------
    StackError
        The image is in colour, has several z planes and several frames, was opened with its
        frames as channels, or is gone.
    """

    def __init__(self, image: Any, *, use_roi: bool = True) -> None:
        self._image = image
        self._stack = image.getStack()
        self.name = str(image.getTitle())
        channels = int(image.getNChannels())
        if channels > 1 and not frames_as_channels(
            image
        ):  # the one in view is taken, which must not go unnoticed
            self.name += f" (channel {int(image.getC())} of {channels})"
        self.file = file_of(image)
        self._lock = threading.Lock()
        _check_kind(image, self.name)
        self._planes = _planes(image, self.name)
        whole = Rectangle(0, 0, int(image.getWidth()), int(image.getHeight()))
        self.rectangle = (roi_rectangle(image) if use_roi else None) or whole
        self.shape = (len(self._planes), self.rectangle.height, self.rectangle.width)
        self._kind = int(image.getType())
        self._signed = self._kind == GRAY16 and bool(image.getCalibration().isSigned16Bit())
        self.dtype: np.dtype[Any] = np.dtype(np.int16) if self._signed else _DTYPES[self._kind]
        self.pixel_size_nm = pixel_size_nm_of(image)
        self._full_shape = (whole.height, whole.width)
        self._had_window = image.getWindow() is not None
        self._first_frame = self._checksum()

    def read_into(self, start: int, stop: int, frames: npt.NDArray[Any]) -> None:
        """Copy frames ``start`` to ``stop - 1`` into an array (t, y, x) of :attr:`dtype`.

        Raises
        ------
        StackError
            The image was closed or changed meanwhile.
        """
        part = self.rectangle
        rows = slice(part.top, part.top + part.height)
        columns = slice(part.left, part.left + part.width)
        with self._lock:  # a virtual stack's reader is not made for two threads
            for number, plane in enumerate(self._planes[start:stop]):
                frames[number] = self._plane(plane)[rows, columns]

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return frames ``start`` to ``stop - 1`` as an array (t, y, x)."""
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype)
        self.read_into(start, stop, frames)
        return frames

    def check_unchanged(self) -> None:
        """Raise a StackError when the image was closed or its pixels changed meanwhile."""
        if self._checksum() != self._first_frame:
            raise self._changed("its pixels are no longer those it began with")

    def _checksum(self) -> bytes:
        ends = np.concatenate([self.read(0, 1), self.read(self.shape[0] - 1, self.shape[0])])
        return hashlib.sha256(ends.tobytes()).digest()

    def _plane(self, number: int) -> npt.NDArray[Any]:
        if self._had_window and self._image.getWindow() is None:
            raise self._changed("it was closed")
        pixels = self._stack.getPixels(number) if number <= self._stack.getSize() else None
        if pixels is None:
            raise self._changed("it was closed or lost frames")
        height, width = self._full_shape
        values = np.frombuffer(memoryview(pixels), dtype=_DTYPES[self._kind])
        if values.size != height * width:
            raise self._changed("it has another size now")
        if self._signed:
            values = (values ^ np.uint16(0x8000)).view(np.int16)
        return values.reshape(height, width)

    def _changed(self, what: str) -> StackError:
        return StackError(
            f"the image {self.name!r} changed while it was read: {what}",
            "an image that does not change while the command runs",
            "open it again, and leave it unchanged meanwhile",
        )


def _check_kind(image: Any, name: str) -> None:
    kind = int(image.getType())
    if kind in (COLOR_RGB, COLOR_256):
        word = "an RGB image" if kind == COLOR_RGB else "an image with 8-bit colours"
        raise StackError(
            f"{name!r} is {word}",
            "grey values: 8, 16 or 32 bit",
            "give the raw camera frames (Image > Type > 16-bit turns colours into grey, "
            "but the counts are lost)",
        )
    if int(image.getStackSize()) == 0 or int(image.getWidth()) == 0:
        raise StackError(f"{name!r} has no frames", "an open image", "open it again")


def frames_as_channels(image: Any) -> int:
    """Return the number of channels that must be an image's frames; 0 if there are none.

    A TIFF whose header does not say what its pages are may open like that.
    """
    channels, slices, frames = _dimensions(image)
    return channels if channels > MAX_CHANNELS and slices == frames == 1 else 0


def make_channels_frames(image: Any) -> None:
    """Make an image's channels its frames, as Image > Properties... does."""
    image.setDimensions(1, 1, int(image.getStackSize()))


def _dimensions(image: Any) -> tuple[int, int, int]:
    """Return the numbers of channels, slices and frames."""
    return int(image.getNChannels()), int(image.getNSlices()), int(image.getNFrames())


def _planes(image: Any, name: str) -> list[int]:
    """Return the stack index (from 1) of each frame; time is t or, where t is 1, z."""
    channels, slices, frames = _dimensions(image)
    if frames_as_channels(image):
        raise StackError(
            f"{name!r} has {channels:,} channels and 1 frame",
            "frames: this file was opened with its frames as channels",
            f"enter 1 channel and {channels} frames in Image > Properties...",
        )
    channel = int(image.getC()) if channels > 1 else 1
    if slices > 1 and frames > 1:
        raise StackError(
            f"{name!r} has {slices} z planes and {frames} frames",
            "frames of one plane",
            "take one plane of it (Image > Duplicate...)",
        )
    index = image.getStackIndex
    if slices > 1:
        return [int(index(channel, z, 1)) for z in range(1, slices + 1)]
    return [int(index(channel, 1, t)) for t in range(1, frames + 1)]


def file_of(image: Any) -> str:
    """Return the file that an image was opened from; empty for none, or one from the web."""
    about = image.getOriginalFileInfo()
    if about is None or not about.directory or not about.fileName:
        return ""
    return str(Path(str(about.directory)) / str(about.fileName))


def frame_in_view(image: Any) -> int:
    """Return the frame that is shown, counted from 1."""
    return int(image.getT()) if int(image.getNFrames()) > 1 else int(image.getZ())


def roi_rectangle(image: Any) -> Rectangle | None:
    """Return the bounds of an image's area ROI, clipped to it; None without one."""
    roi = image.getRoi()
    if roi is None or not roi.isArea():
        return None
    bounds = roi.getBounds()
    left, top = max(int(bounds.x), 0), max(int(bounds.y), 0)
    right = min(int(bounds.x + bounds.width), int(image.getWidth()))
    bottom = min(int(bounds.y + bounds.height), int(image.getHeight()))
    if right <= left or bottom <= top:
        return None
    return Rectangle(left, top, right - left, bottom - top)


def pixel_size_nm_of(image: Any) -> float | None:
    """Return the edge of a pixel in nm, or None: no length unit, not square, or a print size."""
    calibration = image.getCalibration()
    factor = nm_per_unit(str(calibration.getUnit()))
    if factor is None:
        return None
    edges = (float(calibration.pixelWidth), float(calibration.pixelHeight))
    return square_pixel_nm(*(edge * factor for edge in edges))


def to_image(
    values: npt.NDArray[Any],
    title: str,
    pixel_size_nm: float,
    corner_nm: tuple[float, float] = (0.0, 0.0),
    slice_nm: float | None = None,
) -> Any:
    """Make a 32-bit image, or a hyperstack of slices along z, with a scale in µm.

    Parameters
    ----------
    values
        (y, x), or (z, y, x).
    title
        Of its window.
    pixel_size_nm
        Edge of a pixel.
    corner_nm
        Where its first corner lies in the full field, (y, x).
    slice_nm
        Distance of the slices.

    Returns
    -------
    An ``ij.ImagePlus`` of its own memory in hot colours, shown from 0 to where most of its
    structure lies.
    """
    import jpype

    planes = np.ascontiguousarray(values, dtype=np.float32)
    height, width = planes.shape[-2:]
    stack = java_class("ij.ImageStack")(width, height)
    for plane in planes.reshape(-1, height, width):
        pixels = jpype.JArray(jpype.JFloat)(plane.ravel())
        stack.addSlice(java_class("ij.process.FloatProcessor")(width, height, pixels))
    image = java_class("ij.ImagePlus")(title, stack)
    calibration = image.getCalibration()
    calibration.setUnit("um")
    calibration.pixelWidth = calibration.pixelHeight = pixel_size_nm / 1000.0
    if slice_nm is not None:
        image.setDimensions(1, len(planes), 1)
        image.setOpenAsHyperStack(True)
        calibration.pixelDepth = slice_nm / 1000.0
    calibration.yOrigin, calibration.xOrigin = (-c / pixel_size_nm for c in corner_nm)
    image.setLut(_hot())
    image.setDisplayRange(0.0, structure_limit(planes))
    return image


def structure_limit(values: npt.NDArray[np.float32]) -> float:
    """Return the value shown as white: nine of ten pixels of the structure are below.

    Most of a super-resolution image is empty, and a bright bead is far above everything else: both
    are left out of what is looked at.
    """
    high = display_range(values)[1]
    structure = values[values > STRUCTURE_SHARE * high]
    return float(np.percentile(structure, STRUCTURE_PERCENTILE)) if structure.size else high


def _hot() -> Any:
    """Return the look-up table from black over red and yellow to white."""
    import jpype

    level = np.linspace(0.0, 3.0, 256)
    parts = [(np.clip(level - k, 0.0, 1.0) * 255).round().astype(np.uint8) for k in range(3)]
    to_bytes = jpype.JArray(jpype.JByte)
    return java_class("ij.process.LUT")(*(to_bytes(part.view(np.int8)) for part in parts))
