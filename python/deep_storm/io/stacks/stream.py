"""The common interface of all stacks of frames, and stacks that are arrays.

A stream is read in pieces, so that memory does not grow with the length of the movie::

    with open_frames("movie.tif") as stream:
        count, height, width = stream.shape
        frames = stream.read(0, 100)      # the first hundred, (100, height, width)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import StackError
from deep_storm.io.stacks.camera_said import NOTHING, CameraSaid

StreamT = TypeVar("StreamT", bound="FrameStream")
Frames = npt.NDArray[Any]


class FrameStream(ABC):
    """Frames of one camera, read in pieces. A context manager.

    Attributes
    ----------
    shape
        Frames, height, width: (t, y, x).
    dtype
        Native-endian dtype of the pixel values (ADU).
    pixel_size_nm
        Edge of a pixel as the file has it, or None.
    name
        What the stack is called in messages.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    pixel_size_nm: float | None
    name: str
    grows: bool = False
    """Whether more frames may come while it is read."""
    files: tuple[Path, ...] = ()
    """What it is read from."""
    corner_px: tuple[int, int] = (0, 0)
    """Where the frames lie (y, x) in the camera's field, when they are a part of it."""
    noise: CameraMaps | None = None
    """Read-out noise of each pixel (ADU), where it is known and baseline and gain are even."""
    clipped_adu: float | None = None
    """Value at which bright light was cut off, where that is below the largest of the dtype."""
    notes: Sequence[str] = ()
    """What should be said about it: where a file is not what is written into it."""
    camera_said: CameraSaid = NOTHING
    """Settings of the camera as the file has them."""
    cut_off: StackError | None = None
    """Why there are no more frames, of a file that was opened although it is cut off."""

    def read(self, start: int, stop: int) -> Frames:
        """Return frames ``start`` to ``stop - 1``, counted from 0.

        Returns
        -------
        (stop - start, y, x) array of :attr:`dtype` that belongs to the caller.

        Raises
        ------
        StackError
            The frames do not exist, or the file is damaged there.
        """
        if not 0 <= start <= stop <= self.shape[0]:
            raise StackError(
                f"frames {start + 1} to {stop} of {self.name} were asked for",
                f"frames from 1 to {self.shape[0]}",
                "choose frames that the stack has",
            )
        return self._read(start, stop)

    @abstractmethod
    def _read(self, start: int, stop: int) -> Frames:
        """Read a valid range."""

    def available(self, wanted: int) -> tuple[int, bool]:
        """Return the number of frames, and whether it is final.

        A movie that is still being written (:class:`deep_storm.io.stacks.watched.WatchedFrames`)
        waits a moment here when it has fewer than ``wanted``.
        """
        del wanted
        return self.shape[0], True

    def end(self, last: int) -> int:
        """Return the end of work that was to end at ``last``; if it grows, the end there is now."""
        return last

    def stop(self) -> None:  # noqa: B027 - files do not grow
        """Accept no more frames than there are now."""

    def close(self) -> None:  # noqa: B027 - arrays have nothing to close
        """Close the file; nothing can be read any more."""

    def __enter__(self: StreamT) -> StreamT:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class WrappedFrames(FrameStream):
    """A stack whose frames are changed as they are read.

    Parameters
    ----------
    stream
        What they are read from. It is closed with this one.
    """

    def __init__(self, stream: FrameStream) -> None:
        self._stream = stream
        self.shape = stream.shape
        self.dtype = stream.dtype
        self.pixel_size_nm = stream.pixel_size_nm
        self.name = stream.name
        self.grows = stream.grows
        self.files = stream.files
        self.corner_px = stream.corner_px
        self.noise = stream.noise
        self.clipped_adu = stream.clipped_adu
        self.notes = stream.notes
        self.camera_said = stream.camera_said
        self.cut_off = stream.cut_off

    def available(self, wanted: int) -> tuple[int, bool]:
        """Ask the wrapped stack."""
        answer = self._stream.available(wanted)
        self.shape = self._stream.shape
        return answer

    def end(self, last: int) -> int:
        """Ask the wrapped stack."""
        return self._stream.end(last)

    def stop(self) -> None:
        """Stop the wrapped stack."""
        self._stream.stop()

    def close(self) -> None:
        """Close the wrapped stack."""
        self._stream.close()


class ArrayFrames(FrameStream):
    """Frames that are an array already (a NumPy memory map stays on the disk).

    Parameters
    ----------
    array
        (t, y, x), or (y, x) for a single frame; whole or floating-point numbers.
    pixel_size_nm
        Edge of a pixel, when it is known.
    name
        What the stack is called in messages.

    Raises
    ------
    StackError
        The array has another shape (colour, channels), no frames, or no numbers in it.
    """

    def __init__(
        self, array: npt.ArrayLike, pixel_size_nm: float | None = None, name: str = "array"
    ) -> None:
        values = np.asanyarray(array)
        check_dtype(values.dtype, name)
        if values.ndim == 2:
            values = values[np.newaxis]
        if values.ndim != 3:
            raise StackError(
                f"{name} has the shape {values.shape}",
                "(frames, height, width) or (height, width)",
                "take one channel and one z plane of it",
            )
        if values.shape[2] in (3, 4) and values.shape[1] > 4:
            raise StackError(
                f"{name} is a colour image (shape {values.shape})",
                "grey values, (frames, height, width)",
                "give the raw camera frames, or one colour channel",
            )
        check_size(values.shape, name)
        self._values = values
        self.shape = (values.shape[0], values.shape[1], values.shape[2])
        self.dtype = values.dtype.newbyteorder("=")
        self.pixel_size_nm = pixel_size_nm
        self.name = name
        check_first_frame(self)

    def _read(self, start: int, stop: int) -> Frames:
        return np.array(self._values[start:stop], dtype=self.dtype, subok=False)


def check_dtype(dtype: np.dtype[Any], name: str) -> None:
    """Refuse pixel values that are neither integers nor floating-point numbers."""
    if dtype.kind not in "uif":
        kinds = {"c": "complex numbers", "b": "true/false values"}
        raise StackError(
            f"{name} holds {kinds.get(dtype.kind, str(dtype))}",
            "whole or floating-point pixel values",
            "give the raw camera frames, best as a 16-bit TIFF",
        )


def check_size(shape: tuple[int, ...], name: str) -> None:
    """Refuse a stack without frames or pixels."""
    if shape[0] == 0:
        raise StackError(f"{name} has no frames", "at least one frame", "give another stack")
    if 0 in shape:
        raise StackError(
            f"{name} has frames of {shape[-1]} × {shape[-2]} pixels",
            "at least one pixel",
            "give another stack",
        )


def check_first_frame(stream: FrameStream) -> None:
    """Refuse a floating-point stack whose first frame contains no finite value."""
    if stream.dtype.kind == "f" and np.isnan(stream.read(0, 1)).all():
        raise StackError(
            f"the first frame of {stream.name} is NaN everywhere",
            "pixel values in ADU",
            "give the raw camera frames",
        )
